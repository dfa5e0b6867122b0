//! Compressed record bytes in, record bytes out, never more than the caller
//! allows; and the way back.
//!
//! Pure Rust only, in the framing Kafka's own clients write: snappy in blocks of
//! 32 KiB, lz4 frames of independent 64 KiB blocks without checksums.
//!
//! Memory grows with what has really been decoded. A length that a stream
//! merely claims sets nothing aside beyond what such a stream could hold.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use thiserror::Error;

use super::attributes::Codec;
use super::header::{BATCH_HEADER_BYTES, BatchHeader};
use super::xerial;

/// Zstandard decoders keep a window of what came before. RFC 8878 recommends
/// to support 8 MiB whatever the content's size.
const ZSTD_WINDOW_BYTES: u64 = 8 << 20;

/// The first room that is made for inflated bytes.
const ROOM_BYTES_MIN: usize = 16 << 10;

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
}

/// A codec to write, and how hard it tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compression {
    /// What is written.
    pub codec: Codec,
    /// `compression.gzip.level`: 1 (fastest) to 9 (smallest); anything else is
    /// the codec's default. The other codecs have one level here, which is their
    /// fast one, and what is read does not depend on it.
    pub gzip_level: Option<u32>,
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        let gzip_level = None;
        Compression { codec, gzip_level }
    }
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
pub fn compress(
    compression: impl Into<Compression>,
    records: &[u8],
) -> Result<Vec<u8>, CompressionError> {
    let Compression { codec, gzip_level } = compression.into();
    let written = match codec {
        Codec::None => Ok(records.to_vec()),
        Codec::Gzip => gzip(records, gzip_level),
        Codec::Snappy => return xerial::compress(records),
        Codec::Lz4 => lz4(records),
        Codec::Zstd => Ok(zstd(records)),
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

/// Appends everything `reader` has to `out`, or refuses to pass the cap. Room is
/// made as bytes come, twice as much each time but never beyond the cap: growth
/// that is left to the vector would end at twice the cap, and hold half of that
/// once more while it moves.
fn read_capped(
    codec: Codec,
    mut reader: impl Read,
    mut out: Vec<u8>,
    max_bytes: usize,
) -> Result<Vec<u8>, CompressionError> {
    // One byte beyond the cap tells "exactly full" from "too large".
    let room_max = max_bytes.saturating_add(1);
    loop {
        let room_bytes = (2 * out.len()).max(ROOM_BYTES_MIN).min(room_max);
        let more_bytes = room_bytes - out.len();
        out.reserve_exact(more_bytes);
        let read = reader
            .by_ref()
            .take(more_bytes as u64)
            .read_to_end(&mut out);
        if out.len() > max_bytes {
            return Err(CompressionError::TooLarge { max_bytes });
        }
        if read.map_err(|_| CompressionError::Corrupt(codec))? < more_bytes {
            return Ok(out);
        }
    }
}

fn gzip(records: &[u8], level: Option<u32>) -> io::Result<Vec<u8>> {
    let level = match level {
        Some(level @ 1..=9) => flate2::Compression::new(level),
        _ => flate2::Compression::default(),
    };
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(records)?;
    encoder.finish()
}

fn lz4(records: &[u8]) -> io::Result<Vec<u8>> {
    let frame = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(records)?;
    Ok(encoder.finish()?)
}

/// The encoder is young, and what it writes may become the only copy: a stream
/// that does not read back is replaced by a frame that stores the bytes as they are.
fn zstd(records: &[u8]) -> Vec<u8> {
    let stream = compress_to_vec(records, CompressionLevel::Fastest);
    match decompress_zstd(&stream, records.len()) {
        Ok(read_back) if read_back == records => stream,
        _ => compress_to_vec(records, CompressionLevel::Uncompressed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    #[test]
    fn more_than_the_cap_is_refused_and_exactly_the_cap_is_not() {
        let zeros = vec![0u8; 1_000_000];
        for codec in CODECS {
            let stream = compress(codec, &zeros).unwrap();
            assert!(stream.len() < 100_000, "{codec:?}");
            assert_eq!(decompress(codec, &stream, 1_000_000).as_ref(), Ok(&zeros));
            let refused = Err(CompressionError::TooLarge { max_bytes: 999_999 });
            assert_eq!(decompress(codec, &stream, 999_999), refused, "{codec:?}");
        }
    }

    #[test]
    fn zstandard_frames_one_after_another_are_read_within_the_cap() {
        let raw_frame = [
            0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x05, 0x29, 0, 0, b'o', b't', b't', b'l', b'a',
        ];
        assert_eq!(decompress(Codec::Zstd, &raw_frame, 5).unwrap(), b"ottla");
        let refused = Err(CompressionError::TooLarge { max_bytes: 4 });
        assert_eq!(decompress(Codec::Zstd, &raw_frame, 4), refused);
        let twice = [raw_frame, raw_frame].concat();
        assert_eq!(decompress(Codec::Zstd, &twice, 10).unwrap(), b"ottlaottla");
    }

    #[test]
    fn a_higher_gzip_level_writes_less_and_an_unknown_one_is_the_default() {
        let records: Vec<u8> = (0..40_000u32)
            .flat_map(|i| (i * i % 977).to_le_bytes())
            .collect();
        let size = |gzip_level| {
            let compression = Compression {
                codec: Codec::Gzip,
                gzip_level,
            };
            let stream = compress(compression, &records).unwrap();
            assert_eq!(decompress(Codec::Gzip, &stream, 1 << 20).unwrap(), records);
            stream.len()
        };
        assert!(size(Some(9)) < size(Some(1)));
        assert_eq!(size(None), size(Some(6)));
        assert_eq!(size(None), size(Some(99)));
    }

    #[test]
    fn lz4_is_framed_as_java_does_it() {
        let stream = compress(Codec::Lz4, b"records").unwrap();
        let magic_flags_and_block_size = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40];
        assert_eq!(stream[..6], magic_flags_and_block_size);
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
            for codec in CODECS {
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
            for codec in CODECS {
                let mut stream = compress(codec, &records).unwrap();
                let position = position.index(stream.len());
                stream[position] ^= change;
                let _ = decompress(codec, &stream, 1 << 16);
            }
        }
    }

    proptest! {
        #![proptest_config(crate::testing::cases(24))]

        #[test]
        fn what_is_written_reads_back_whatever_the_blocks_look_like(
            pieces in proptest::collection::vec((0..4u8, 1..60_000usize, any::<u64>()), 1..6),
        ) {
            let records: Vec<u8> = pieces.iter().flat_map(|piece| texture(*piece)).collect();
            for codec in CODECS {
                let stream = compress(codec, &records).unwrap();
                let read_back = decompress(codec, &stream, records.len());
                prop_assert!(read_back.as_ref() == Ok(&records), "{:?}", codec);
            }
        }
    }

    /// One byte again and again; noise; text; noise of few symbols.
    fn texture((kind, length, seed): (u8, usize, u64)) -> Vec<u8> {
        let mut state = seed | 1;
        let noise = std::iter::repeat_with(move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        match kind {
            0 => vec![seed as u8; length],
            1 => noise.take(length).collect(),
            2 => b"the last value per key "
                .iter()
                .copied()
                .cycle()
                .zip(noise)
                .map(|(letter, noise)| if noise == 7 { noise } else { letter })
                .take(length)
                .collect(),
            _ => noise.map(|noise| noise % 6).take(length).collect(),
        }
    }
}
