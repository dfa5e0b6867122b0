//! The text format itself: families, samples, escaped labels.

use std::fmt::{Display, Write};

/// What a family's numbers mean.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// A page of metrics as it grows.
#[derive(Debug, Default)]
pub(super) struct Text(String);

const INFALLIBLE: &str = "writing to a string does not fail";

impl Text {
    /// Announces the samples that follow.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = kind.name();
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").expect(INFALLIBLE);
    }

    /// One line. Label values may hold anything; names are ours.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            self.0.push_str(label);
            self.0.push_str("=\"");
            self.push_escaped(value);
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        writeln!(self.0, " {value}").expect(INFALLIBLE);
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn push_escaped(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sample_names_its_labels_and_escapes_their_values() {
        let mut text = Text::default();
        text.family("lag", Kind::Gauge, "Records behind.");
        text.sample("lag", &[("group", "a\"b\\c\nd"), ("partition", "0")], 7);
        text.sample("lag", &[], 0.5);
        assert_eq!(
            text.into_string(),
            "# HELP lag Records behind.\n# TYPE lag gauge\n\
             lag{group=\"a\\\"b\\\\c\\nd\",partition=\"0\"} 7\nlag 0.5\n"
        );
    }

    proptest! {
        #[test]
        fn a_label_value_never_breaks_out_of_its_line(value: String) {
            let mut text = Text::default();
            text.sample("m", &[("l", &value)], 1);
            let text = text.into_string();
            prop_assert_eq!(text.matches('\n').count(), 1);
            let inner = text.strip_prefix("m{l=\"").and_then(|rest| rest.strip_suffix("\"} 1\n"));
            let inner = inner.unwrap().replace("\\\\", "").replace("\\\"", "");
            prop_assert!(!inner.contains('"'));
        }
    }
}
