//! Everything that judges the broker from outside.
