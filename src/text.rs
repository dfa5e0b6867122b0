//! How facts look on a terminal.

use crate::parts::Part;

/// One started part: name, address, how long it took, memory afterwards.
pub(crate) fn part(part: &Part) -> String {
    let memory = part.resident_bytes.map_or_else(String::new, |bytes| {
        format!("  {:>6.1} MB resident", bytes as f64 / 1e6)
    });
    let milliseconds = part.took.as_secs_f64() * 1e3;
    format!(
        "  {:<18} {:<28} {milliseconds:>7.1} ms{memory}",
        part.name, part.address
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_part_is_one_line_with_its_address_time_and_memory() {
        let line = part(&Part {
            name: "broker",
            address: "127.0.0.1:9092".to_owned(),
            took: Duration::from_micros(3_400),
            resident_bytes: Some(12_300_000),
        });
        assert!(
            line.contains("127.0.0.1:9092") && line.contains("3.4 ms"),
            "{line}"
        );
        assert!(line.contains("12.3 MB"), "{line}");
    }
}
