//! Record batches: the unit of the wire, the log and the checksum.
//!
//! Bytes only. Which offset a batch gets, and whether it may be appended at
//! all, is decided elsewhere.

pub mod attributes;
pub mod builder;
pub mod compression;
pub mod crc;
pub mod header;
pub mod record;
pub mod rewrite;
pub mod skim;
mod varint;
mod xerial;

pub use attributes::{Attributes, Codec, TimestampType};
pub use builder::RecordBatchBuilder;
pub use header::{BATCH_HEADER_BYTES, BATCH_PREFIX_BYTES, BatchHeader, HeaderError};
pub use record::{Record, RecordHeader, records};

/// The whole batches at the front of `bytes`, in order, with their bytes.
///
/// Ends at the first batch that is cut off, as the last one of a Fetch answer
/// may be; a header that cannot be one is an error, and the end.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes }
}

/// See [`batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// What has not been walked: empty, or a batch that is cut off.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = match BatchHeader::parse(self.rest) {
            Ok(header) => header,
            Err(HeaderError::Incomplete { .. }) => return None,
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        let (batch, rest) = self.rest.split_at_checked(header.size_bytes())?;
        self.rest = rest;
        Some(Ok((header, batch)))
    }
}
