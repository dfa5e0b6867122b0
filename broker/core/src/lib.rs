//! Everything the Ottla broker decides.
//!
//! This crate holds the rules of partitions, consumer groups and the
//! controller as plain state machines. It has no clock, file, socket, task or
//! random number: what it needs from outside is an argument (`now`, a seed, a
//! record that was written), and what it wants done is a value it returns.
//!
//! ```text
//! decide(&self, now, request) ──► Decision: records · effects     nothing changed yet
//!   the shell appends the records as one batch, or none
//! replay(&mut self, record)       the only way hard state changes
//! observe(&mut self, now, event)  soft state: may vanish at any moment
//! ```
//!
//! The server, recovery, property tests and the simulator all call the same
//! three functions, so none of them can disagree.

pub mod batch;
pub mod config;
pub mod controller;
pub mod decision;
pub mod fetch_session;
pub mod group;
pub mod ids;
pub mod murmur2;
pub mod mutants;
pub mod partition;
#[cfg(test)]
mod testing;
pub mod time;
