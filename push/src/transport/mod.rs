//! The seam to push services: one POST out, one answer back.
//!
//! Two implementations: [`HttpTransport`] sends, [`Recording`] remembers (for tests); [`Losing`]
//! wraps either. What an answer means is not decided here.

mod http;
mod losing;
mod recording;
mod retry_after;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use self::http::HttpTransport;
pub use self::losing::Losing;
pub use self::recording::Recording;

use crate::endpoint::Endpoint;

/// A push, encrypted and signed: everything that goes over the wire.
#[derive(Clone)]
pub struct PushRequest {
    /// Where to.
    pub endpoint: Endpoint,
    /// `TTL`, `Urgency`, `Topic`, `Content-Encoding`, `Authorization`, …
    pub headers: Vec<(String, String)>,
    /// The encrypted payload.
    pub body: Vec<u8>,
}

impl PushRequest {
    /// The value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(each, _)| each.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The authorization is a secret too, so only sizes are shown.
impl fmt::Debug for PushRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PushRequest({} bytes to {})",
            self.body.len(),
            self.endpoint
        )
    }
}

/// What a push service answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long the service asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// An answer without `Retry-After`.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self {
            status,
            retry_after: None,
        }
    }
}

/// No answer. The texts name neither endpoint nor keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing came back in time.
    #[error("the push service did not answer in time")]
    Timeout,
    /// No connection, or it broke.
    #[error("the push service cannot be reached: {0}")]
    Unreachable(String),
}

/// Sends pushes.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Posts `request` and waits for the status, within a bounded time.
    ///
    /// # Errors
    /// When there is no answer. The push may have been accepted all the same.
    async fn send(&self, request: &PushRequest) -> Result<Answer, TransportError>;
}
