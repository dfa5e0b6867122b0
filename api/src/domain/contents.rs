//! What a post or a comment says: 4 to 500 characters.

use super::text;

const GRAPHEMES_MIN: usize = 4;
const GRAPHEMES_MAX: usize = 500;

/// The text of a post or a comment; in NFC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents(String);

/// A text that cannot be posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// Too little, too much, or nothing visible.
    #[error("contents must have {GRAPHEMES_MIN} to {GRAPHEMES_MAX} characters")]
    Length,
    /// A control character other than line feed, carriage return and tab.
    #[error("contents must not have control characters")]
    Character,
}

impl Contents {
    /// Reads contents.
    ///
    /// # Errors
    /// When the text is not legal as such.
    pub fn parse(text: &str) -> Result<Self, ContentsError> {
        if text::is_oversized(text, GRAPHEMES_MAX) {
            return Err(ContentsError::Length);
        }
        let contents = text::composed(text);
        let is_illegal = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if contents.chars().any(is_illegal) {
            return Err(ContentsError::Character);
        }
        let count = text::graphemes(&contents);
        if text::is_blank(&contents) || !(GRAPHEMES_MIN..=GRAPHEMES_MAX).contains(&count) {
            return Err(ContentsError::Length);
        }
        Ok(Self(contents))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn four_to_five_hundred_characters_are_contents() {
        assert_eq!(Contents::parse("세글자"), Err(ContentsError::Length));
        assert!(Contents::parse("네글자다").is_ok());
        assert!(Contents::parse(&"가".repeat(500)).is_ok());
        assert_eq!(
            Contents::parse(&"가".repeat(501)),
            Err(ContentsError::Length)
        );
    }

    #[test]
    fn lines_are_kept_and_other_control_characters_refused() {
        assert_eq!(Contents::parse("one\ntwo").unwrap().as_str(), "one\ntwo");
        assert_eq!(Contents::parse("one\0two"), Err(ContentsError::Character));
        assert_eq!(Contents::parse("      "), Err(ContentsError::Length));
    }

    proptest! {
        #[test]
        fn any_text_is_contents_or_refused_and_contents_stay_themselves(text in "(?s).{0,600}") {
            if let Ok(contents) = Contents::parse(&text) {
                prop_assert_eq!(Contents::parse(contents.as_str()), Ok(contents));
            }
        }
    }
}
