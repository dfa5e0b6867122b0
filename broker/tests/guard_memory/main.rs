//! What the decoder allocates for a body the guard accepted stays below what
//! the guard said. Alone in its process, because the allocator counts for all.
#![allow(clippy::unwrap_used)]

#[path = "../../src/wire/guard/mod.rs"]
mod guard;
#[path = "../requests/mod.rs"]
mod requests;

use bytes::BytesMut;
use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use requests::{Case, Mutation, cases};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The decoder's own error, with the backtrace that `RUST_BACKTRACE` asks for.
const ERROR_BYTES: usize = 64 << 10;

#[test]
fn the_decoder_allocates_no_more_than_the_guard_measured() {
    for case in cases() {
        let inputs = (
            prop::collection::vec(any::<u8>(), 0..400),
            any::<u8>(),
            prop::collection::vec(Mutation::any(), 0..3),
        );
        let mut runner = TestRunner::new(Config {
            failure_persistence: None,
            ..Config::with_cases(300)
        });
        runner
            .run(&inputs, |(tape, version, mutations)| {
                let version = case.version(version);
                let mut body = case.body(&tape, version).to_vec();
                mutations
                    .iter()
                    .for_each(|mutation| mutation.apply(&mut body));
                assert_measured(&case, version, &body);
                Ok(())
            })
            .unwrap();
    }
    the_densest_bodies_are_measured_too();
}

/// Bodies that are almost nothing but structure: empty tagged fields by the
/// hundred, empty strings by the thousand.
fn the_densest_bodies_are_measured_too() {
    let metadata = cases().into_iter().find(|case| case.key == 3).unwrap();
    for tags in [1, 5, 6, 11, 12, 23, 67, 100, 127, 1_000, 10_000_u32] {
        let mut body = vec![0, 0, 0];
        put_varint(&mut body, tags);
        for tag in 0..tags {
            put_varint(&mut body, tag);
            body.push(0);
        }
        assert_measured(&metadata, 12, &body);
    }
    for topics in [1, 100, 10_000_u32] {
        let mut body = topics.to_be_bytes().to_vec();
        body.resize(body.len() + 2 * topics as usize, 0);
        assert_measured(&metadata, 0, &body);
    }
}

fn assert_measured(case: &Case, version: i16, body: &[u8]) {
    let Ok(said_bytes) = guard::decoded_bytes(case.key, version, body) else {
        return;
    };
    let accepted = guard::check(case.key, version, body).is_ok();
    assert_eq!(accepted, said_bytes <= guard::decoded_bytes_max(body.len()));
    let mut frame = BytesMut::from(body).freeze();
    let before_bytes = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let decoded = case.decodes(&mut frame, version);
    let taken_bytes = ALLOCATOR.peak_usage() - before_bytes;
    let error_bytes = if decoded { 0 } else { ERROR_BYTES };
    assert!(
        taken_bytes <= said_bytes + error_bytes,
        "key {} version {version}: {taken_bytes} bytes taken, {said_bytes} measured",
        case.key,
    );
}

fn put_varint(body: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        body.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    body.push(value as u8);
}
