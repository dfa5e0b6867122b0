//! What people read: the console line of the seed, and the titles of notifications.
//!
//! Only words live here. Nothing is sent, and nothing is looked up.

mod particle;

pub use self::particle::with_subject_particle;

/// The longest name that is put into a text, in characters; the API allows ten graphemes, each of
/// which may be long.
const NAME_CHARS_MAX: usize = 64;

/// The line of the seed, for one subscription of the post's author. Its text is exact: curly
/// quotes, and always `가`.
#[must_use]
pub fn console_line(endpoint: &str, commenter: &str) -> String {
    format!(
        "{endpoint} -> “{}가 코멘트를 달았습니다.”푸쉬발송",
        one_line(commenter)
    )
}

/// The title of the notification about a comment, with the right particle.
#[must_use]
pub fn comment_title(commenter: &str) -> String {
    format!(
        "{} 댓글을 달았어요.",
        with_subject_particle(&one_line(commenter))
    )
}

/// The body of the notification about a comment.
pub const COMMENT_BODY: &str = "한번 확인해 보세요.";

/// The title of the notification about somebody who joined.
#[must_use]
pub fn join_title(name: &str) -> String {
    format!("{} Joined!", one_line(name))
}

/// The body of the notification about somebody who joined.
pub const JOIN_BODY: &str = "Please send welcome message";

/// A name from an event may hold anything. A line break in it would forge a second line on the
/// console, so control characters are replaced; and it is cut where no real name reaches.
fn one_line(name: &str) -> String {
    name.chars()
        .take(NAME_CHARS_MAX)
        .map(|c| {
            if c.is_control() || is_line_break(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_console_line_is_the_seeds_to_the_character() {
        assert_eq!(
            console_line("https://push.example/abc", "민지"),
            "https://push.example/abc -> \u{201c}민지가 코멘트를 달았습니다.\u{201d}푸쉬발송"
        );
    }

    #[test]
    fn the_notification_takes_the_particle_that_the_name_asks_for() {
        assert_eq!(comment_title("민지"), "민지가 댓글을 달았어요.");
        assert_eq!(comment_title("영준"), "영준이 댓글을 달았어요.");
    }

    #[test]
    fn a_join_is_announced_in_the_references_words() {
        assert_eq!(join_title("tester02"), "tester02 Joined!");
    }

    proptest! {
        #[test]
        fn no_name_makes_a_second_line(name in any::<String>()) {
            let line = console_line("e", &name);
            let breaks = line.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{1b}']);
            prop_assert!(!breaks, "{:?}", line);
        }
    }
}
