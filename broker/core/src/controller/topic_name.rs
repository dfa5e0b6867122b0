//! Which names a topic may have (Kafka's `Topic.validate`).

/// The longest name: with a partition number it still fits a file name.
const NAME_CHARS_MAX: usize = 249;

/// Why a topic cannot have this name. The texts are those Kafka's users know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// The name has no character.
    #[error("Topic name is invalid: the empty string is not allowed")]
    Empty,
    /// The name would be a path.
    #[error("Topic name is invalid: '.' or '..' is not allowed")]
    Path,
    /// The name does not fit a file name.
    #[error("Topic name is invalid: the length of '{0}' is longer than the max allowed length 249")]
    TooLong(String),
    /// The name has other characters than letters, digits, `.`, `_` and `-`.
    #[error(
        "Topic name is invalid: '{0}' contains one or more characters other than \
         ASCII alphanumerics, '.', '_' and '-'"
    )]
    IllegalCharacter(String),
}

/// Says whether a topic may have this name.
pub fn validate_topic_name(name: &str) -> Result<(), TopicNameError> {
    match name {
        "" => Err(TopicNameError::Empty),
        "." | ".." => Err(TopicNameError::Path),
        _ if name.len() > NAME_CHARS_MAX => Err(TopicNameError::TooLong(name.to_owned())),
        _ if name.chars().all(is_legal) => Ok(()),
        _ => Err(TopicNameError::IllegalCharacter(name.to_owned())),
    }
}

/// What the metrics of a topic would be called. Two names collide when this is
/// the same: when they differ in `.` and `_` only. `None` for a name with
/// neither, which collides with none.
pub(super) fn metric_name(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

fn is_legal(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kafka_judges_them() {
        for name in [
            "a",
            "v1.event.comment-created",
            "__consumer_offsets",
            &"x".repeat(249),
        ] {
            assert_eq!(validate_topic_name(name), Ok(()), "{name}");
        }
        assert_eq!(validate_topic_name(""), Err(TopicNameError::Empty));
        assert_eq!(validate_topic_name(".."), Err(TopicNameError::Path));
        assert!(matches!(
            validate_topic_name(&"x".repeat(250)),
            Err(TopicNameError::TooLong(_))
        ));
        for name in ["a b", "주문", "a/b", "a\0"] {
            let problem = validate_topic_name(name);
            assert!(
                matches!(problem, Err(TopicNameError::IllegalCharacter(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert_eq!(metric_name("a.b_c"), metric_name("a_b.c"));
        assert_ne!(metric_name("a.b"), metric_name("a-b"));
        assert_ne!(metric_name("a.b"), metric_name("a.c"));
        assert_eq!(metric_name("a-b"), None);
    }
}
