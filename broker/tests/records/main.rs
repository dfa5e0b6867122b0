//! Records over a real socket: produced, fetched, searched for and refused, in
//! every version this broker serves.
#![allow(clippy::unwrap_used)]

#[path = "../socket/mod.rs"]
mod socket;

mod compaction;
mod deleting;
mod fetching;
mod offsets;
mod producing;
mod requests;
mod restart;
mod sessions;
