//! Bytes to values and back: frames, headers, the guard, the two hot codecs.

pub(crate) mod fetch;
pub(crate) mod fields;
pub(crate) mod frame;
pub(crate) mod guard;
pub(crate) mod header;
pub(crate) mod produce;
