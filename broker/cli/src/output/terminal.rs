//! Text from strangers on somebody's terminal: names, keys, values.

/// The text with control characters escaped, so that a record cannot move the
/// cursor, change the title or hide what was printed before it.
pub fn printable(text: &str) -> String {
    let escape = |character: char| {
        let escaped = character.is_control() && character != '\t';
        if escaped {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_and_letters_left_alone() {
        assert_eq!(printable("가\tA\u{9b}31m"), "가\tA\\u{9b}31m");
    }
}
