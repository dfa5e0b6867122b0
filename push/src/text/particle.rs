//! The Korean subject particle: `이` after a final consonant, `가` after a vowel.
//!
//! For Hangul the letter itself tells. Latin letters and digits are written one way and read
//! another, so they follow how a Korean reader would say them; where that is not certain, both
//! forms are written, as `이(가)`.

/// How a text ends when it is read aloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Consonant,
    Vowel,
    Unknown,
}

/// `name` with its particle.
#[must_use]
pub fn with_subject_particle(name: &str) -> String {
    let particle = match ending(name) {
        Ending::Consonant => "이",
        Ending::Vowel => "가",
        Ending::Unknown => "이(가)",
    };
    format!("{name}{particle}")
}

/// Looks at the last character that is read aloud: `민지!` ends as `민지` does.
fn ending(name: &str) -> Ending {
    let Some(last) = name.chars().rev().find(|c| c.is_alphanumeric()) else {
        return Ending::Unknown;
    };
    match last {
        '가'..='힣' if (u32::from(last) - u32::from('가')) % 28 == 0 => Ending::Vowel,
        '가'..='힣' => Ending::Consonant,
        // Single letters are called by name: 기역, 니은 … 히읗, but 아, 야, 어.
        'ㄱ'..='ㅎ' => Ending::Consonant,
        'ㅏ'..='ㅣ' => Ending::Vowel,
        // Decomposed Hangul: a vowel, or a final consonant, stands by itself.
        '\u{1161}'..='\u{1175}' => Ending::Vowel,
        '\u{11a8}'..='\u{11c2}' => Ending::Consonant,
        '0'..='9' => digit(last),
        'a'..='z' | 'A'..='Z' => latin(&last_word(name)),
        _ => Ending::Unknown,
    }
}

/// 영 · 일 · 이 · 삼 · 사 · 오 · 육 · 칠 · 팔 · 구. A last zero is 십, 백, 천, 만 as well.
fn digit(last: char) -> Ending {
    match last {
        '2' | '4' | '5' | '9' => Ending::Vowel,
        _ => Ending::Consonant,
    }
}

/// The last run of Latin letters of `name`, in lower case.
fn last_word(name: &str) -> String {
    let upto: String = name
        .chars()
        .rev()
        .skip_while(|c| !c.is_ascii_alphabetic())
        .collect();
    let reversed: Vec<char> = upto.chars().take_while(char::is_ascii_alphabetic).collect();
    reversed
        .into_iter()
        .rev()
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn latin(word: &str) -> Ending {
    let is_vowel = |b: &u8| matches!(b, b'a' | b'e' | b'i' | b'o' | b'u');
    let letters = word.as_bytes();
    // Nothing to pronounce, or only a y, as in JYP: the letters are named one by one.
    if letters.len() == 1 || !letters.iter().any(is_vowel) {
        return letter_name(letters[letters.len() - 1]);
    }
    match letters {
        // 제인, 니콜, 롬: the e is silent and the consonant before it closes the syllable.
        [before @ .., b'l' | b'm' | b'n', b'e'] if before.iter().any(is_vowel) => Ending::Consonant,
        [.., b'n', b'g'] | [.., b'l' | b'm' | b'n'] => Ending::Consonant,
        // 피터, 알렉스, 데이비드: a vowel is read after these even where none is written.
        [
            ..,
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' | b'w' | b'h' | b'r',
        ] => Ending::Vowel,
        [.., b's' | b'x' | b'z' | b'f' | b'v' | b'd' | b'j'] => Ending::Vowel,
        // 밥 but 에이브, 닉 but 마크, 스콧 but 로버트: the spelling does not tell.
        _ => Ending::Unknown,
    }
}

/// 엘 · 엠 · 엔 · 알; every other letter's name ends in a vowel (에이, 비, … 에스, 제트).
fn letter_name(letter: u8) -> Ending {
    match letter {
        b'l' | b'm' | b'n' | b'r' => Ending::Consonant,
        _ => Ending::Vowel,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(names: &[&str], particle: &str) {
        for name in names {
            assert_eq!(with_subject_particle(name), format!("{name}{particle}"));
        }
    }

    #[test]
    fn hangul_is_told_by_its_last_letter() {
        check(&["영준", "지훈", "한별", "ㅋㅋ", "값", "영준!"], "이");
        check(&["민지", "철수", "유나", "ㅠㅠ", "민지😀", "민지 "], "가");
    }

    #[test]
    fn decomposed_hangul_is_told_the_same_way() {
        check(&["\u{110b}\u{1167}\u{11bc}\u{110c}\u{116e}\u{11ab}"], "이"); // 영준
        check(&["\u{1106}\u{1175}\u{11ab}\u{110c}\u{1175}"], "가"); // 민지
    }

    #[test]
    fn digits_are_read_in_korean() {
        check(&["tester00", "user1", "3", "6", "7", "8", "10"], "이");
        check(&["tester02", "4", "5", "99"], "가");
    }

    #[test]
    fn latin_names_follow_their_reading() {
        check(
            &["Tom", "John", "Paul", "Nicole", "Jane", "Kang", "L", "KBSN"],
            "이",
        );
        check(
            &[
                "Anna", "Peter", "Alice", "Steve", "Alex", "David", "Sarah", "Lee", "K", "JYP",
            ],
            "가",
        );
    }

    #[test]
    fn where_the_reading_is_not_certain_both_are_written() {
        check(
            &[
                "Bob",
                "Mark",
                "Scott",
                "Philip",
                "太郎",
                "たろう",
                "😀",
                "",
                "!?",
            ],
            "이(가)",
        );
    }

    proptest! {
        #[test]
        fn any_name_gets_a_particle(name in any::<String>()) {
            let text = with_subject_particle(&name);
            prop_assert!(text.starts_with(&name) && text.len() > name.len());
        }

        #[test]
        fn every_hangul_syllable_agrees_with_its_decomposition(index in 0_u32..11_172) {
            let syllable = char::from_u32(0xac00 + index).unwrap();
            let expected = if index % 28 == 0 { Ending::Vowel } else { Ending::Consonant };
            prop_assert_eq!(ending(&syllable.to_string()), expected);
        }
    }
}
