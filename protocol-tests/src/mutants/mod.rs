//! Do the tests find bugs? Known ones are planted, one at a time, and the
//! check of the property they break has to fail.
//!
//! Owns the list of properties, checks and mutants, and the running of them.
//! The bugs themselves live at their places, behind `ottla_core::mutants`.

pub mod catalogue;
pub mod page;
pub mod run;
