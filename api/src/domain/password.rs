//! A password as it was typed: 4 to 128 characters.

use std::fmt;

use super::text;

const CHARACTERS_MIN: usize = 4;
const CHARACTERS_MAX: usize = 128;

/// A password; in NFC, so that the same keys give the same password on every system.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// A text that cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("password must have {CHARACTERS_MIN} to {CHARACTERS_MAX} characters")]
pub struct PasswordError;

impl Password {
    /// Reads a password.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        if text::is_oversized(text, CHARACTERS_MAX) {
            return Err(PasswordError);
        }
        let password = text::composed(text);
        let legal = (CHARACTERS_MIN..=CHARACTERS_MAX).contains(&password.chars().count());
        if legal {
            Ok(Self(password))
        } else {
            Err(PasswordError)
        }
    }

    /// The bytes to hash.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn four_to_128_characters_are_a_password() {
        for (length, legal) in [(3, false), (4, true), (128, true), (129, false)] {
            assert_eq!(
                Password::parse(&"가".repeat(length)).is_ok(),
                legal,
                "{length}"
            );
        }
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        assert!(!format!("{:?}", Password::parse("hunter2").unwrap()).contains("hunter"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_password_or_refused(text in "(?s).{0,200}") {
            let _ = Password::parse(&text);
        }
    }
}
