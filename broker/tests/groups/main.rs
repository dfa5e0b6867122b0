//! Classic groups and committed offsets over a real socket, in every version
//! this broker serves.
#![allow(clippy::unwrap_used)]

// Other tests also look whether a connection is closed.
#[allow(dead_code)]
#[path = "../socket/mod.rs"]
mod socket;

mod admin;
mod coordinator;
mod members;
mod offsets;
mod requests;
mod restart;
