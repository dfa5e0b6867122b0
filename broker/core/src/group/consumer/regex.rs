//! Subscriptions by regular expression (KIP-848, SubscribedTopicRegex).
//!
//! Apache Kafka compiles them with RE2J. The crate `regex` is of the same
//! family: linear time, no back references, no look-around. Over topic names
//! (ASCII letters, digits, `.`, `_`, `-`) whatever both accept matches alike.
//! Differences in what they accept: `\Q…\E` is translated here; RE2J also takes
//! an unescaped `[` inside a class and octal escapes, the crate takes nested
//! classes, `(?x)` and repetitions of more than 1,000 while the program stays
//! small. As in Kafka an expression must match the whole name, and internal
//! topics are matched like any other.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

use super::validate::KEY_TEXT_BYTES_MAX;
use crate::group::{GroupError, TopicName, TopicsView};

/// What one compiled expression may take.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Parentheses within parentheses.
const NESTING_MAX: u32 = 64;

/// Compiles an expression so that it matches whole names only.
///
/// # Errors
/// [`GroupError::InvalidRegularExpression`] with the reason.
pub(super) fn compile(expression: &str) -> Result<Regex, GroupError> {
    if expression.len() > KEY_TEXT_BYTES_MAX {
        return Err(GroupError::InvalidRegularExpression(format!(
            "SubscribedTopicRegex has {} bytes, more than {KEY_TEXT_BYTES_MAX}",
            expression.len()
        )));
    }
    let expression = unquote(expression);
    // Compiled on its own first: `a)(b` must not become valid by the wrapping.
    build(&expression)
        .and_then(|_| build(&format!("\\A(?:{expression})\\z")))
        .map_err(|error| {
            GroupError::InvalidRegularExpression(format!(
                "SubscribedTopicRegex `{expression}` is not a valid regular expression: {}",
                reason(&error)
            ))
        })
}

/// The topics whose whole name an expression matches.
pub(super) fn matching_topics(
    expression: &str,
    topics: &dyn TopicsView,
) -> Result<BTreeSet<TopicName>, GroupError> {
    let regex = compile(expression)?;
    Ok(topics
        .all()
        .filter(|topic| regex.is_match(topic.name))
        .map(|topic| TopicName::from(topic.name))
        .collect())
}

fn build(expression: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(expression)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(NESTING_MAX)
        .build()
}

/// Turns `\Q…\E` into escapes; a missing `\E` reaches to the end.
fn unquote(expression: &str) -> String {
    let mut plain = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        if let Some(quoted) = escape.strip_prefix("\\Q") {
            let (quoted, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            plain.push_str(&regex::escape(quoted));
            rest = after;
        } else {
            let length = escape.chars().take(2).map(char::len_utf8).sum();
            plain.push_str(&escape[..length]);
            rest = &escape[length..];
        }
    }
    plain.push_str(rest);
    plain
}

/// The last line of the crate's drawing says what is wrong.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(expression: &str, name: &str) -> bool {
        compile(expression).unwrap().is_match(name)
    }

    #[test]
    fn an_expression_matches_whole_names_only() {
        assert!(matches("orders.*", "orders-eu"));
        assert!(!matches("orders", "orders-eu"));
        assert!(!matches("eu", "orders-eu"));
        assert!(matches("a|ab", "ab"));
        assert!(matches("^a|b$", "b"));
        assert!(matches("(?i)ORDERS", "orders"));
    }

    #[test]
    fn quoted_parts_stand_for_themselves() {
        assert!(matches(r"\Qa.b\E.*", "a.bc"));
        assert!(!matches(r"\Qa.b\E.*", "axbc"));
        assert!(matches(r"\Qa.b", "a.b"));
        assert!(matches(r"a\\Q", r"a\Q"));
    }

    #[test]
    fn what_is_no_expression_is_refused_with_the_reason() {
        for wrong in ["[", "a)(b", "(?P<n", "*", r"(a)\1", "a{2,1}", r"\"] {
            match compile(wrong) {
                Err(GroupError::InvalidRegularExpression(sentence)) => {
                    assert!(sentence.contains("is not a valid regular expression: "));
                    assert!(!sentence.ends_with(": "), "{sentence}");
                }
                other => panic!("{wrong}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_expression_cannot_grow_the_broker() {
        for huge in [
            "a".repeat(KEY_TEXT_BYTES_MAX + 1),
            r"(?:(?:\w{100}){100}){100}".to_owned(),
            format!("{}a{}", "(".repeat(1_000), ")".repeat(1_000)),
        ] {
            assert!(compile(&huge).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_an_error(text in ".{0,60}") {
            let _ = compile(&text);
        }

        #[test]
        fn an_expression_with_comments_cannot_escape_the_anchors(name in "[a-z]{1,5}") {
            if let Ok(regex) = compile("(?x) a # b") {
                prop_assert_eq!(regex.is_match(&name), name == "a");
            }
        }
    }
}
