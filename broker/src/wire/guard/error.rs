//! Why a request body was refused, in words for the log of the broker.

use thiserror::Error;

/// What the guard found wrong. `field` is Kafka's name for the place.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum GuardError {
    #[error("no shape for API key {api_key} version {api_version}; it must not be advertised")]
    UnknownApi { api_key: i16, api_version: i16 },
    #[error("{field} needs {needed_bytes} bytes where {remaining_bytes} remain")]
    Truncated {
        field: &'static str,
        needed_bytes: usize,
        remaining_bytes: usize,
    },
    #[error("{field} claims {count} elements where {remaining_bytes} bytes remain")]
    Count {
        field: &'static str,
        count: usize,
        remaining_bytes: usize,
    },
    #[error("{field} has the length {length}; only -1, for null, may be negative")]
    NegativeLength { field: &'static str, length: i32 },
    #[error("{field} is null, which this version does not allow")]
    Null { field: &'static str },
    #[error("{field} starts with a varint longer than 32 bits")]
    Varint { field: &'static str },
    #[error("{field} starts with {marker} where a struct has 1 and null has -1")]
    StructMarker { field: &'static str, marker: i8 },
    #[error("tagged field {field} says {size_bytes} bytes and holds {held_bytes}")]
    TagSize {
        field: &'static str,
        size_bytes: usize,
        held_bytes: usize,
    },
    #[error(
        "a body of {body_bytes} bytes would decode into {decoded_bytes}, over its limit of {max_bytes}"
    )]
    TooDense {
        body_bytes: usize,
        decoded_bytes: usize,
        max_bytes: usize,
    },
}
