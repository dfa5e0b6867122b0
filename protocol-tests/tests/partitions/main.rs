//! What a partition promises, judged on every kind of cluster there is: the
//! model itself, the embedded broker in memory, on a disk and on a disk that
//! forgets, `ottla serve` as a process that is killed, and Apache Kafka where
//! `BOOTSTRAP` names one.

#![allow(clippy::unwrap_used)]

mod back_ends;
mod cluster;
mod crash_points;
mod kill;
mod model;
mod rows;
mod script;
mod state_machine;
mod wire;
