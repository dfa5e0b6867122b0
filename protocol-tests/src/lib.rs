//! Everything that judges the broker from outside.
//!
//! Here is what its tests and benches share: a raw connection, batches as
//! producers send them, and the catalogue of planted bugs.

pub mod batches;
pub mod connection;
pub mod differential;
pub mod mutants;
