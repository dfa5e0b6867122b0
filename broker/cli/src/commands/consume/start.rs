//! Where `ottla consume` starts: `--offset` and its short forms.

use std::str::FromStr;

use ottla_client::OffsetSpec;

/// Where to start reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A place the broker knows, or an offset.
    At(OffsetSpec),
    /// So many records before the end.
    BeforeEnd(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let spec = match text {
            "earliest" | "beginning" => OffsetSpec::Earliest,
            "latest" | "end" => OffsetSpec::Latest,
            _ => match (text.strip_prefix('@'), text.parse::<i64>()) {
                (Some(time), _) => OffsetSpec::Timestamp(
                    time.parse()
                        .map_err(|_| "expected Unix milliseconds after @".to_owned())?,
                ),
                (None, Ok(offset)) if offset >= 0 => OffsetSpec::At(offset),
                (None, Ok(back)) => return Ok(Start::BeforeEnd(back.saturating_neg())),
                (None, Err(_)) => {
                    return Err(
                        "expected earliest, latest, an offset, -N for the last N records, \
                         or @MS for a time"
                            .to_owned(),
                    );
                }
            },
        };
        Ok(Start::At(spec))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_understood() {
        let parse = |text: &str| text.parse::<Start>().unwrap();
        assert_eq!(parse("earliest"), Start::At(OffsetSpec::Earliest));
        assert_eq!(parse("end"), Start::At(OffsetSpec::Latest));
        assert_eq!(parse("42"), Start::At(OffsetSpec::At(42)));
        assert_eq!(parse("-5"), Start::BeforeEnd(5));
        assert_eq!(parse("@1700"), Start::At(OffsetSpec::Timestamp(1700)));
        assert!("@noon".parse::<Start>().is_err());
        assert!("soon".parse::<Start>().is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".*", number: i64) {
            let _ = text.parse::<Start>();
            let _ = number.to_string().parse::<Start>();
        }
    }
}
