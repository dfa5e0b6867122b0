//! Compressed record bytes in, record bytes out, never more than the caller
//! allows; and the way back for gzip, snappy and lz4.
//!
//! Pure Rust only. Zstandard is read but not written: no encoder without C
//! compresses well enough to be worth its bytes.
//!
//! Memory grows with what has really been decoded. A length that a stream
//! merely claims sets nothing aside beyond what such a stream could hold.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use thiserror::Error;

use super::attributes::Codec;
use super::header::{BATCH_HEADER_BYTES, BatchHeader};
use super::xerial;

/// Zstandard decoders keep a window of what came before. RFC 8878 recommends
/// to support 8 MiB whatever the content's size.
const ZSTD_WINDOW_BYTES: u64 = 8 << 20;

/// Why record bytes could not be inflated or compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompressionError {
    /// The attributes name a codec that does not exist.
    #[error("record batch names a codec that does not exist")]
    UnknownCodec,
    /// Not a stream of the codec it claims to be.
    #[error("records are not a valid {0:?} stream")]
    Corrupt(Codec),
    /// There would be more than the caller's cap.
    #[error("records inflate to more than {max_bytes} bytes")]
    TooLarge {
        /// The caller's cap.
        max_bytes: usize,
    },
    /// Only C libraries write this codec well.
    #[error("{0:?} can be read but not written; use gzip, snappy or lz4")]
    CannotWrite(Codec),
}

/// The record bytes of a whole batch: borrowed when it is not compressed,
/// inflated to at most `max_bytes` when it is.
pub fn record_bytes<'a>(
    header: &BatchHeader,
    batch: &'a [u8],
    max_bytes: usize,
) -> Result<Cow<'a, [u8]>, CompressionError> {
    let codec = header
        .attributes
        .codec()
        .ok_or(CompressionError::UnknownCodec)?;
    let records = batch.get(BATCH_HEADER_BYTES..).unwrap_or_default();
    match codec {
        Codec::None => Ok(Cow::Borrowed(records)),
        // A batch emptied by compaction has nothing to inflate.
        _ if records.is_empty() => Ok(Cow::Borrowed(records)),
        _ => decompress(codec, records, max_bytes).map(Cow::Owned),
    }
}

/// Inflates a whole stream to at most `max_bytes`.
pub fn decompress(
    codec: Codec,
    stream: &[u8],
    max_bytes: usize,
) -> Result<Vec<u8>, CompressionError> {
    match codec {
        Codec::None if stream.len() > max_bytes => Err(CompressionError::TooLarge { max_bytes }),
        Codec::None => Ok(stream.to_vec()),
        Codec::Gzip => {
            let reader = flate2::bufread::MultiGzDecoder::new(stream);
            read_capped(codec, reader, Vec::new(), max_bytes)
        }
        Codec::Snappy => xerial::decompress(stream, max_bytes),
        Codec::Lz4 => {
            let reader = lz4_flex::frame::FrameDecoder::new(stream);
            read_capped(codec, reader, Vec::new(), max_bytes)
        }
        Codec::Zstd => decompress_zstd(stream, max_bytes),
    }
}

/// Compresses `records` as a producer does.
pub fn compress(codec: Codec, records: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let written = match codec {
        Codec::None => Ok(records.to_vec()),
        Codec::Gzip => gzip(records),
        Codec::Snappy => return xerial::compress(records),
        Codec::Lz4 => lz4(records),
        Codec::Zstd => return Err(CompressionError::CannotWrite(codec)),
    };
    // Writing to memory does not fail; a codec's own refusal would.
    written.map_err(|_| CompressionError::Corrupt(codec))
}

/// A stream may be several frames, one after the other.
fn decompress_zstd(mut stream: &[u8], max_bytes: usize) -> Result<Vec<u8>, CompressionError> {
    let corrupt = CompressionError::Corrupt(Codec::Zstd);
    let window_bytes = ZSTD_WINDOW_BYTES.max(max_bytes as u64);
    let mut out = Vec::new();
    loop {
        let frame =
            ruzstd::decoding::StreamingDecoder::new_with_max_window_size(&mut stream, window_bytes);
        out = read_capped(Codec::Zstd, frame.map_err(|_| corrupt)?, out, max_bytes)?;
        if stream.is_empty() {
            return Ok(out);
        }
    }
}

/// Appends everything `reader` has to `out`, or refuses to pass the cap.
fn read_capped(
    codec: Codec,
    reader: impl Read,
    mut out: Vec<u8>,
    max_bytes: usize,
) -> Result<Vec<u8>, CompressionError> {
    // One byte beyond the cap tells "exactly full" from "too large".
    let allowed = (max_bytes - out.len()) as u64 + 1;
    let read = reader.take(allowed).read_to_end(&mut out);
    if out.len() > max_bytes {
        return Err(CompressionError::TooLarge { max_bytes });
    }
    read.map_err(|_| CompressionError::Corrupt(codec))?;
    Ok(out)
}

fn gzip(records: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(records)?;
    encoder.finish()
}

fn lz4(records: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(records)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INFLATABLE: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    #[test]
    fn more_than_the_cap_is_refused_and_exactly_the_cap_is_not() {
        let zeros = vec![0u8; 1_000_000];
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4] {
            let stream = compress(codec, &zeros).unwrap();
            assert!(stream.len() < 100_000, "{codec:?}");
            assert_eq!(decompress(codec, &stream, 1_000_000).as_ref(), Ok(&zeros));
            let refused = Err(CompressionError::TooLarge { max_bytes: 999_999 });
            assert_eq!(decompress(codec, &stream, 999_999), refused, "{codec:?}");
        }
    }

    #[test]
    fn zstandard_is_read_within_the_cap_and_not_written() {
        let raw_frame = [
            0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x05, 0x29, 0, 0, b'o', b't', b't', b'l', b'a',
        ];
        assert_eq!(decompress(Codec::Zstd, &raw_frame, 5).unwrap(), b"ottla");
        let refused = Err(CompressionError::TooLarge { max_bytes: 4 });
        assert_eq!(decompress(Codec::Zstd, &raw_frame, 4), refused);
        let twice = [raw_frame, raw_frame].concat();
        assert_eq!(decompress(Codec::Zstd, &twice, 10).unwrap(), b"ottlaottla");
        assert_eq!(
            compress(Codec::Zstd, b"x"),
            Err(CompressionError::CannotWrite(Codec::Zstd))
        );
    }

    #[test]
    fn a_tiny_zstandard_bomb_stops_at_the_cap() {
        // One block of 128 KiB of a repeated byte, again and again.
        let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
        for _ in 0..10_000 {
            bomb.extend_from_slice(&[0x02, 0x00, 0x10, 0x00]);
        }
        let refused = Err(CompressionError::TooLarge { max_bytes: 1 << 20 });
        assert_eq!(decompress(Codec::Zstd, &bomb, 1 << 20), refused);
    }

    proptest! {
        #[test]
        fn any_bytes_inflate_or_are_refused_within_the_cap(
            bytes: Vec<u8>,
            prefix in prop::sample::select(vec![
                &b""[..], &[0x1f, 0x8b, 8, 0], &[0x04, 0x22, 0x4d, 0x18], &[0x28, 0xb5, 0x2f, 0xfd],
                &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1],
            ]),
        ) {
            let stream = [prefix, &bytes].concat();
            for codec in INFLATABLE {
                if let Ok(out) = decompress(codec, &stream, 1 << 16) {
                    prop_assert!(out.len() <= 1 << 16);
                }
            }
        }

        #[test]
        fn a_damaged_stream_never_panics(
            records in proptest::collection::vec(any::<u8>(), 1..2_000),
            position: prop::sample::Index,
            change in 1u8..,
        ) {
            for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4] {
                let mut stream = compress(codec, &records).unwrap();
                let position = position.index(stream.len());
                stream[position] ^= change;
                let _ = decompress(codec, &stream, 1 << 16);
            }
        }
    }
}
