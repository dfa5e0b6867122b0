//! A user's name: 1 to 10 characters.

use super::text;

const GRAPHEMES_MAX: usize = 10;

/// The name others see; in NFC, without surrounding white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// A text that cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, too much, or nothing visible.
    #[error("name must have 1 to {GRAPHEMES_MAX} characters")]
    Length,
    /// A control character, or one that reorders text.
    #[error("name must be one line of visible characters")]
    Character,
}

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// When the text is not legal as one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text::is_oversized(text, GRAPHEMES_MAX) {
            return Err(NameError::Length);
        }
        let name = text::composed(text);
        if name.chars().any(text::is_disruptive) {
            return Err(NameError::Character);
        }
        if text::is_blank(&name) || text::graphemes(&name) > GRAPHEMES_MAX {
            return Err(NameError::Length);
        }
        Ok(Self(name))
    }

    /// The name.
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
    fn decomposed_hangul_counts_and_is_kept_as_syllables() {
        let decomposed = "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}".repeat(5);
        assert_eq!(Name::parse(&decomposed).unwrap().as_str(), "한글".repeat(5));
    }

    #[test]
    fn ten_characters_are_a_name_and_eleven_are_not() {
        assert!(Name::parse("tester0000").is_ok());
        assert_eq!(Name::parse("tester00000"), Err(NameError::Length));
        assert!(Name::parse(&"👩‍👩‍👧‍👦".repeat(10)).is_ok());
    }

    #[test]
    fn what_nobody_sees_or_what_breaks_lines_is_no_name() {
        assert_eq!(Name::parse(" \u{200b} "), Err(NameError::Length));
        assert_eq!(Name::parse("a\nb"), Err(NameError::Character));
        assert_eq!(Name::parse("a\u{202e}b"), Err(NameError::Character));
        let marks = format!("a{}", "\u{301}".repeat(1000));
        assert_eq!(Name::parse(&marks), Err(NameError::Length));
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_refused_and_a_name_stays_itself(text in "\\PC*|.{0,12}") {
            if let Ok(name) = Name::parse(&text) {
                prop_assert!((1..=GRAPHEMES_MAX).contains(&text::graphemes(name.as_str())));
                prop_assert_eq!(Name::parse(name.as_str()), Ok(name));
            }
        }
    }
}
