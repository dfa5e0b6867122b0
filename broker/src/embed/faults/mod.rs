//! Faults on demand: the next requests of an API fail the way a test asks for.
//!
//! ```text
//! dispatch ─ one relaxed load: any fault? ─no─► handler
//!                                         └yes► the first rule that is about this request
//!                                                  ├ error: its place in the answer      answers/
//!                                                  └ delay, disconnect, corrupt           effect.rs
//! ```
//!
//! What a fault is not about is served as ever: where one partition of a
//! request fails, the others do not.

mod answers;
mod api;
mod builder;
mod effect;
mod error_code;
mod reply;
mod rules;
mod selection;

pub use api::{Api, UnknownApi};
pub use builder::{FaultBuilder, FaultHandle};
pub use error_code::{ErrorCode, UnknownErrorCode};

pub(crate) use effect::answer;
pub(crate) use rules::Faults;
