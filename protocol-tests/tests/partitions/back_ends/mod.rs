//! The clusters that the suite judges.

pub mod apache;
pub mod embedded;
pub mod process;
