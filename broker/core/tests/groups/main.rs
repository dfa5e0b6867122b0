//! Groups as their clients see them: stories, then random lives.
#![allow(clippy::unwrap_used)]

mod admin;
mod classic;
mod client;
mod driver;
mod offsets;
mod properties;
mod records;
mod static_members;
