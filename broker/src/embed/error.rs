//! Why an embedded broker did not do what a test asked for.

use std::fmt;
use std::time::Duration;

/// Why a wait, an append or a reset of an embedded broker failed.
///
/// `Debug` says the same as `Display`: a test that returns it or unwraps it
/// prints the whole explanation, line by line.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// What was waited for did not happen in time.
    #[error("waited {} s in vain for {what}\n\n{found}", .waited.as_secs_f64())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// What there was instead: groups, members, offsets, requests.
        found: String,
    },
    /// The broker was stopped or dropped meanwhile.
    #[error("the broker has stopped; keep it until the test has ended")]
    Stopped,
    /// The record was refused, as a producer's would have been.
    #[error("cannot append to '{topic}': {problem}")]
    Append {
        /// The topic.
        topic: String,
        /// Why.
        problem: String,
    },
    /// What a partition holds cannot be read.
    #[error("cannot read {topic}-{partition}: {problem}")]
    Read {
        /// The topic.
        topic: String,
        /// The partition's index.
        partition: i32,
        /// Why.
        problem: String,
    },
    /// The reset was not written. Nothing was reset.
    #[error("cannot reset: {0}")]
    Reset(String),
}

impl fmt::Debug for EmbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
