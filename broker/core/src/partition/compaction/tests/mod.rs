//! Row 23 of the partition's properties: stories first, then any log against a
//! plain map.

mod log;
mod properties;
mod ranges;
mod stories;
