//! What a peer may send that no client would: the broker neither ends nor
//! hangs nor fills the memory, and goes on serving everybody else.
//!
//! Alone in its process, because the allocator counts for all of it.
#![allow(clippy::unwrap_used)]

#[path = "../requests/mod.rs"]
mod requests;
// Other tests use all of it.
#[allow(dead_code)]
#[path = "../socket/mod.rs"]
mod socket;

mod bombs;
mod crowd;
mod frames;
mod streams;

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One test at a time: what others allocate would count too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
