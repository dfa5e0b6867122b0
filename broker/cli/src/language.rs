//! The language people are spoken to in.

/// Korean or English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// 한국어
    Ko,
    /// English
    #[default]
    En,
}

impl Language {
    /// What the environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and
    /// `LANG` that says anything, as POSIX orders them.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Language {
        let said = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty());
        match said {
            Some(value) if value.to_lowercase().starts_with("ko") => Language::Ko,
            _ => Language::En,
        }
    }

    /// The one of two texts that is in this language.
    pub fn pick<T>(self, english: T, korean: T) -> T {
        match self {
            Language::Ko => korean,
            Language::En => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_anything_decides() {
        let of = |pairs: &[(&str, &str)]| {
            Language::of_environment(|name| {
                let found = pairs.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Language::En);
        assert_eq!(of(&[("LANG", "ko_KR.UTF-8")]), Language::Ko);
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "ko")]), Language::Ko);
        assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "ko_KR")]), Language::En);
    }
}
