//! The differential run: generated scripts on Ottla and on Apache Kafka, every
//! answer compared, field by field.
//!
//! ```text
//! seed, number ─ generate/ ─► script ─┬─► run on Apache Kafka ─► normalise ─┬─► compare ─► known? ─► report
//!                                     └─► run on Ottla ────────► normalise ─┘
//! ```
//!
//! A script is a list of requests in any advertised version, valid and not,
//! with placeholders for the ids that only a server gives. `normalise` takes
//! out what may legitimately differ; everything else that does is either a row
//! of `docs/differences.md` or fails the run. So does a row that no longer
//! occurs.

pub mod campaign;
pub mod client;
pub mod compare;
pub mod coverage;
pub mod dice;
pub mod generate;
pub mod known;
pub mod normalise;
pub mod placeholders;
pub mod run;
pub mod script;
pub mod server;
pub mod tree;
pub mod versions;
pub mod world;
