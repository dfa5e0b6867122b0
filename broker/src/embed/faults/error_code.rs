//! Kafka's error codes, as a test names them.

use std::fmt;
use std::str::FromStr;

use kafka_protocol::ResponseError;

/// An error code of Kafka's protocol. Any number is one; a name is Kafka's own,
/// such as `NOT_LEADER_OR_FOLLOWER`:
///
/// ```
/// use ottla::embed::ErrorCode;
/// let code: ErrorCode = "NOT_LEADER_OR_FOLLOWER".parse()?;
/// assert_eq!(code, ErrorCode(6));
/// assert_eq!(code.to_string(), "NOT_LEADER_OR_FOLLOWER");
/// # Ok::<(), ottla::embed::UnknownErrorCode>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(
    /// As it stands on the wire.
    pub i16,
);

/// A name that is no error of Kafka's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no error of Kafka's; NOT_LEADER_OR_FOLLOWER is one")]
pub struct UnknownErrorCode(String);

impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        ErrorCode(code)
    }
}

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut codes = -1..=i16::from(u8::MAX);
        codes
            .find(|code| kafka_name(*code).as_deref() == Some(name))
            .map(ErrorCode)
            .ok_or_else(|| UnknownErrorCode(name.to_owned()))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kafka_name(self.0) {
            Some(name) => f.write_str(&name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// `NotLeaderOrFollower` → `NOT_LEADER_OR_FOLLOWER`
fn kafka_name(code: i16) -> Option<String> {
    if code == 0 {
        return Some("NONE".to_owned());
    }
    let error = ResponseError::try_from_code(code)?;
    if matches!(error, ResponseError::Unknown(_)) {
        return None;
    }
    let mut name = String::new();
    for (place, letter) in format!("{error:?}").chars().enumerate() {
        if place > 0 && letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_number_and_back() {
        let named = (-1..=i16::from(u8::MAX)).filter(|code| kafka_name(*code).is_some());
        let named: Vec<i16> = named.collect();
        assert!(named.len() > 120, "{}", named.len());
        for code in named {
            let name = ErrorCode(code).to_string();
            assert_eq!(name.parse(), Ok(ErrorCode(code)), "{name}");
        }
        // A few as org.apache.kafka.common.protocol.Errors has them.
        for (code, name) in [
            (-1, "UNKNOWN_SERVER_ERROR"),
            (3, "UNKNOWN_TOPIC_OR_PARTITION"),
            (17, "INVALID_TOPIC_EXCEPTION"),
            (56, "KAFKA_STORAGE_ERROR"),
            (113, "STALE_MEMBER_EPOCH"),
        ] {
            assert_eq!(ErrorCode(code).to_string(), name);
        }
        assert_eq!(ErrorCode(9999).to_string(), "9999");
        assert!("NO_SUCH_THING".parse::<ErrorCode>().is_err());
    }
}
