//! Sockets in, replies out: accepts connections, cuts frames, calls the table,
//! keeps replies in order. Knows no API.

pub(crate) mod budget;
#[cfg(test)]
mod burst_tests;
pub(crate) mod connection;
mod dispatch;
mod idle;
pub(crate) mod listener;
mod outbox;
#[cfg(test)]
mod patience_tests;
mod socket;
