//! What a test gets from a broker it embeds: waits, records, a clock, faults,
//! a reset. With our own client as the program under test.
#![allow(clippy::unwrap_used)]

mod program;
mod waits;
