//! The two languages people are spoken to in.

use clap::ValueEnum;

/// Korean or English.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// 한국어
    Ko,
    /// English
    En,
}

impl Language {
    /// What the environment asks for: Korean if `LC_ALL`, `LC_MESSAGES` or
    /// `LANG`, the first that is set, says so.
    pub(crate) fn of_environment() -> Language {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        match set {
            Some(locale) if locale.starts_with("ko") => Language::Ko,
            _ => Language::En,
        }
    }

    /// The text in this language.
    pub(crate) fn pick<'a>(self, korean: &'a str, english: &'a str) -> &'a str {
        match self {
            Language::Ko => korean,
            Language::En => english,
        }
    }
}
