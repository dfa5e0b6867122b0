//! Snappy as Java's producer writes it: blocks behind a 16-byte header, named
//! xerial after the library. A bare snappy block, as other clients send it,
//! is read too.

use super::attributes::Codec;
use super::compression::CompressionError;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];

/// Magic, version, and the oldest version that can read it.
const HEADER: [u8; 16] = [
    0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
];

/// The library's own block size.
const BLOCK_BYTES: usize = 32 << 10;

/// Three bytes of snappy make at most 64; more than this cannot be true.
const EXPANSION_MAX: usize = 22;

const CORRUPT: CompressionError = CompressionError::Corrupt(Codec::Snappy);

/// Inflates to at most `max_bytes`.
pub(super) fn decompress(stream: &[u8], max_bytes: usize) -> Result<Vec<u8>, CompressionError> {
    let mut out = Vec::new();
    if !stream.starts_with(&MAGIC) {
        append_block(stream, &mut out, max_bytes)?;
        return Ok(out);
    }
    let mut rest = stream.get(HEADER.len()..).ok_or(CORRUPT)?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(CORRUPT)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| CORRUPT)?;
        let (block, after) = after.split_at_checked(length).ok_or(CORRUPT)?;
        append_block(block, &mut out, max_bytes)?;
        rest = after;
    }
    Ok(out)
}

/// Compresses block by block behind the header.
pub(super) fn compress(records: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let mut encoder = snap::raw::Encoder::new();
    let mut out = HEADER.to_vec();
    for block in records.chunks(BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block).map_err(|_| CORRUPT)?;
        let length = i32::try_from(compressed.len()).expect("a block of 32 KiB stays small");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&compressed);
    }
    Ok(out)
}

fn append_block(block: &[u8], out: &mut Vec<u8>, max_bytes: usize) -> Result<(), CompressionError> {
    let claimed_bytes = snap::raw::decompress_len(block).map_err(|_| CORRUPT)?;
    if claimed_bytes > block.len() * EXPANSION_MAX {
        return Err(CORRUPT);
    }
    if claimed_bytes > max_bytes - out.len() {
        return Err(CompressionError::TooLarge { max_bytes });
    }
    let start = out.len();
    out.resize(start + claimed_bytes, 0);
    let written = snap::raw::Decoder::new()
        .decompress(block, &mut out[start..])
        .map_err(|_| CORRUPT)?;
    out.truncate(start + written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_block_is_read_as_well_as_a_framed_one() {
        let bare = snap::raw::Encoder::new()
            .compress_vec(b"a comment became a push")
            .unwrap();
        assert_eq!(decompress(&bare, 100).unwrap(), b"a comment became a push");
        let framed = compress(b"a comment became a push").unwrap();
        assert_eq!(framed[..16], HEADER);
        assert_eq!(
            decompress(&framed, 100).unwrap(),
            b"a comment became a push"
        );
    }

    #[test]
    fn a_block_that_claims_four_gibibytes_sets_no_memory_aside() {
        let mut bomb = vec![0xff, 0xff, 0xff, 0xff, 0x0f];
        bomb.extend_from_slice(&[0; 64]);
        assert_eq!(decompress(&bomb, usize::MAX), Err(CORRUPT));
    }

    #[test]
    fn the_cap_counts_all_blocks_together() {
        let framed = compress(&vec![7; 3 * BLOCK_BYTES]).unwrap();
        assert_eq!(
            decompress(&framed, 3 * BLOCK_BYTES).unwrap().len(),
            3 * BLOCK_BYTES
        );
        let max_bytes = 2 * BLOCK_BYTES;
        let refused = Err(CompressionError::TooLarge { max_bytes });
        assert_eq!(decompress(&framed, max_bytes), refused);
    }
}
