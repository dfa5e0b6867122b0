//! What a reader wants of transactions that are not decided (KIP-98).

use kafka_protocol::ResponseError;

use super::errors::ApiError;

/// How far a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// To the high watermark.
    ReadUncommitted,
    /// To the last stable offset, and with the list of what was aborted.
    ReadCommitted,
}

impl Isolation {
    /// From the wire. Kafka has no better code for a level that is none.
    pub(super) fn parse(level: i8) -> Result<Isolation, ApiError> {
        match level {
            0 => Ok(Isolation::ReadUncommitted),
            1 => Ok(Isolation::ReadCommitted),
            unknown => Err(ApiError::new(
                ResponseError::UnknownServerError,
                format!("{unknown} is no isolation level: it is 0 or 1"),
            )),
        }
    }
}
