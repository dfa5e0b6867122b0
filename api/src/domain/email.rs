//! An e-mail address: 4 to 50 characters, ASCII, compared without regard to case.

const LENGTH_MIN: usize = 4;
const LENGTH_MAX: usize = 50;

/// An address, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Too short or too long.
    #[error("address must have {LENGTH_MIN} to {LENGTH_MAX} characters")]
    Length,
    /// Not of the form `name@domain.tld`.
    #[error("address must be of the form name@domain.tld")]
    Form,
}

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// When the text is not one.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if !(LENGTH_MIN..=LENGTH_MAX).contains(&text.chars().take(LENGTH_MAX + 1).count()) {
            return Err(EmailError::Length);
        }
        let (local, domain) = text.split_once('@').ok_or(EmailError::Form)?;
        let is_local = |b: u8| b.is_ascii_alphanumeric() || b"._~+-".contains(&b);
        let is_label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let legal = !local.is_empty()
            && local.bytes().all(is_local)
            && domain.contains('.')
            && domain.split('.').all(is_label);
        if legal {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(EmailError::Form)
        }
    }

    /// The address.
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
    fn addresses_are_compared_in_lower_case() {
        assert_eq!(
            Email::parse("Test00@Example.com").unwrap().as_str(),
            "test00@example.com"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "a@b", "a@b.", "@b.kr", "a b@c.kr", "a@b@c.kr", "가@b.kr", "a@.kr",
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Email::parse(&format!("{}@b.kr", "a".repeat(50))),
            Err(EmailError::Length)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused_and_an_address_stays_itself(
            text in ".*|[a-zA-Z.@+-]{0,60}",
        ) {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }
    }
}
