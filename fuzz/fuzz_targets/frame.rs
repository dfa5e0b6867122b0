//! A stream of bytes, cut into frames.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece_bytes, stream) = input;
    ottla::fuzzing::frames(stream, piece_bytes.into());
});
