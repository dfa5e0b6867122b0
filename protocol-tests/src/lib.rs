//! Everything that judges the broker from outside.

pub mod mutants;
