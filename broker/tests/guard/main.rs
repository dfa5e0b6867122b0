//! The frame guard against the `kafka-protocol` crate: it refuses no request
//! the crate can encode, and lets nothing through that it has not measured.
//!
//! The guard is private to the broker, so its source is compiled in here; it
//! stands on its own. What the decoder allocates is measured in
//! `guard_memory`, alone in its process.
#![allow(clippy::unwrap_used)]

#[path = "../../src/wire/guard/mod.rs"]
mod guard;
mod refusals;
#[path = "../requests/mod.rs"]
mod requests;

use bytes::Bytes;
use proptest::prelude::*;
use requests::{Mutation, cases};

#[test]
fn the_guard_and_the_crate_agree_on_every_version_of_every_api() {
    let of_crate: Vec<_> = cases()
        .iter()
        .map(|case| (case.key, case.min_version, case.max_version))
        .collect();
    let of_guard: Vec<_> = guard::apis()
        .iter()
        .map(|api| (api.key, api.min_version, api.max_version))
        .collect();
    assert_eq!(of_guard, of_crate);
}

#[test]
fn the_smallest_request_of_every_version_passes() {
    for case in cases() {
        for version in case.min_version..=case.max_version {
            let body = case.body(&[], version);
            assert_eq!(
                guard::check(case.key, version, &body),
                Ok(()),
                "key {}",
                case.key
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_request_the_crate_encodes_is_refused(tape in prop::collection::vec(any::<u8>(), 0..600)) {
        for case in cases() {
            for version in case.min_version..=case.max_version {
                let body = case.body(&tape, version);
                prop_assert_eq!(
                    guard::check(case.key, version, &body),
                    Ok(()),
                    "key {} version {}: {:?}", case.key, version, body
                );
            }
        }
    }

    #[test]
    fn the_decoder_ends_where_the_guard_says_the_body_ends(
        tape in prop::collection::vec(any::<u8>(), 0..300),
        version in any::<u8>(),
        mutations in prop::collection::vec(Mutation::any(), 0..3),
    ) {
        for case in cases() {
            let version = case.version(version);
            let mut body = case.body(&tape, version).to_vec();
            mutations.iter().for_each(|mutation| mutation.apply(&mut body));
            if guard::check(case.key, version, &body).is_ok() {
                // Bytes behind the end change nothing: the end is where a
                // shorter body stops being whole.
                let whole = |body: &[u8]| guard::decoded_bytes(case.key, version, body).is_ok();
                while !body.is_empty() && whole(&body[..body.len() - 1]) {
                    body.pop();
                }
                let mut rest = Bytes::from(body);
                if case.decodes(&mut rest, version) {
                    prop_assert!(rest.is_empty(), "key {} version {}", case.key, version);
                }
            }
        }
    }

    #[test]
    fn arbitrary_bodies_never_panic_and_never_reach_the_decoder_unmeasured(
        body in prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()], 0..200),
        version in any::<u8>(),
    ) {
        for case in cases() {
            let version = case.version(version);
            if guard::check(case.key, version, &body).is_ok() {
                case.decodes(&mut Bytes::copy_from_slice(&body), version);
            }
        }
    }
}
