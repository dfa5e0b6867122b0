//! How facts look on a terminal.

use crate::language::Language;
use crate::parts::{Part, PartKind};

/// One started part: name, address, how long it took, memory afterwards.
pub(crate) fn part(language: Language, part: &Part) -> String {
    let resident = language.pick("메모리", "resident");
    let memory = part.resident_bytes.map_or_else(String::new, |bytes| {
        format!("  {resident} {:>5.1} MB", bytes as f64 / 1e6)
    });
    let milliseconds = part.took.as_secs_f64() * 1e3;
    let name = padded(name(language, part.kind), NAME_COLUMNS);
    format!(
        "  {name}{:<28} {milliseconds:>7.1} ms{memory}",
        part.address
    )
}

/// How wide the column of names is.
pub(crate) const NAME_COLUMNS: usize = 20;

fn name(language: Language, kind: PartKind) -> &'static str {
    match kind {
        PartKind::Broker => language.pick("브로커", "broker"),
        PartKind::LocalPushService => language.pick("로컬 푸시 서비스", "local push service"),
        PartKind::Push => language.pick("푸시 서비스", "push service"),
        PartKind::Api => "API",
    }
}

/// Fills up to `columns` on a terminal, where a Hangul syllable takes two.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let width: usize = text
        .chars()
        .map(|c| if ('가'..='힣').contains(&c) { 2 } else { 1 })
        .sum();
    text.to_owned() + &" ".repeat(columns.saturating_sub(width))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_part_is_one_line_with_its_address_time_and_memory() {
        let started = Part {
            kind: PartKind::Broker,
            address: "127.0.0.1:9092".to_owned(),
            took: Duration::from_micros(3_400),
            resident_bytes: Some(12_300_000),
        };
        let line = part(Language::En, &started);
        assert!(
            line.contains("127.0.0.1:9092") && line.contains("3.4 ms"),
            "{line}"
        );
        assert!(line.contains("12.3 MB"), "{line}");
        assert!(part(Language::Ko, &started).starts_with("  브로커              127.0.0.1"));
    }
}
