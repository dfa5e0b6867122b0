//! What a test gets from a broker it embeds: waits, records, a clock, faults,
//! a reset. With our own client as the program under test.
#![allow(clippy::unwrap_used)]

mod every_api_fails;
mod faults;
mod program;
mod reset;
// The guard's tests use all of it.
#[allow(dead_code, unused_imports)]
#[path = "../requests/mod.rs"]
mod requests;
// Other tests use all of it.
#[allow(dead_code)]
#[path = "../socket/mod.rs"]
mod socket;
mod waits;
