//! Text that opens something: endpoints, keys. It travels, but is never shown by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A bearer secret: `Debug` shows only its length, and there is no `Display`.
///
/// Whoever knows a push endpoint may write to it, so endpoints count as secrets too. Read the
/// text with [`Secret::expose`]; each such place is easy to find and to judge.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        let shown = format!("{:?}", Secret::new("https://push.example/abc"));
        assert!(!shown.contains("push.example"), "{shown}");
    }
}
