//! The checksum of a record batch: CRC-32C over everything after the checksum.
//!
//! Base offset, length, leader epoch and magic lie in front of it, which is
//! why a broker may assign offsets without touching the checksum.

use super::header::field;

/// The checksum of a batch whose header is complete.
///
/// # Panics
/// When `batch` is shorter than the part of the header the sum begins at.
pub fn checksum(batch: &[u8]) -> u32 {
    crc32c::crc32c(&batch[field::ATTRIBUTES..])
}

/// Whether the checksum written in the batch fits its bytes. A batch cut off
/// inside its header has none, so it does not fit.
pub fn checksum_fits(batch: &[u8]) -> bool {
    match batch.get(field::CRC..field::ATTRIBUTES) {
        Some(stored) => stored == checksum(batch).to_be_bytes(),
        None => false,
    }
}

/// Writes the checksum that fits the bytes.
///
/// # Panics
/// When `batch` is shorter than the part of the header the sum begins at.
pub(super) fn write_checksum(batch: &mut [u8]) {
    let sum = checksum(batch);
    batch[field::CRC..field::ATTRIBUTES].copy_from_slice(&sum.to_be_bytes());
}
