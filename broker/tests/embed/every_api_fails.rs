//! Every API in every version it is served in can be made to fail with any
//! code, in the place its answer has for it.

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla::Broker;
use ottla::embed::Api;
use proptest::prelude::*;

use crate::requests::{Case, cases};
use crate::socket::Client;

/// What ends a fetch session, so that the next Fetch names its partitions.
const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;

/// What is served: APIs with the range of versions that ApiVersions names.
/// Produce is named from 0 on and served from 3 (KAFKA-18659).
fn served() -> Vec<(Api, Case, std::ops::RangeInclusive<i16>)> {
    let api_of = |case: &Case| Api::ALL.iter().copied().find(|api| api.key() == case.key);
    let served = cases().into_iter().filter_map(|case| {
        let versions = case.min_version..=case.max_version;
        Some((api_of(&case)?, case, versions))
    });
    let served: Vec<_> = served.collect();
    assert_eq!(
        served.len(),
        Api::ALL.len(),
        "a request of every API is known"
    );
    served
}

/// Every `error_code` of an answer.
fn codes(answer: &str) -> BTreeSet<i16> {
    let found = answer.match_indices("error_code: ");
    let texts = found.map(|(place, name)| &answer[place + name.len()..]);
    let numbers = texts.map(|text| {
        let end = text.find([',', ' ', '}']).unwrap();
        text[..end].parse().unwrap()
    });
    numbers.collect()
}

/// The answer of a broker where every request of `api` fails with `code`.
fn failed(broker: &Broker, case: &Case, version: i16, tape: &[u8]) -> Option<String> {
    let mut client = Client::connect(broker);
    let body = case.body(tape, version);
    let mut answer = client.call_encoded(case.key, version, &body)?;
    let said = case.describe_answer(&mut answer, version);
    let said = said.unwrap_or_else(|| panic!("key {} version {version}: {answer:?}", case.key));
    assert_eq!(answer, Bytes::new(), "nothing is left: {said}");
    Some(said)
}

/// Enough different requests that one names whatever can be named: a topic with
/// a partition, a group, a resource, a key.
fn tapes() -> impl Iterator<Item = Vec<u8>> {
    let tape = |seed: u32| {
        let mut state = seed;
        let bytes = std::iter::repeat_with(move || {
            // Knuth's linear congruential generator: the same tapes every time.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        bytes.take(400).collect()
    };
    (0..30).map(tape)
}

#[test]
fn a_request_that_names_something_is_answered_with_the_code_in_every_version() {
    let broker = Broker::builder().start_blocking().unwrap();
    for (api, case, versions) in served() {
        let code = 87;
        let fault = broker.fault(api).error(code);
        for version in versions.filter(|version| serves(api, *version)) {
            let answers = tapes().filter_map(|tape| failed(&broker, &case, version, &tape));
            let mut codes = answers.map(|answer| codes(&answer));
            assert!(codes.any(|of| of.contains(&code)), "{api} {version}");
        }
        assert!(fault.remove());
    }
}

fn serves(api: Api, version: i16) -> bool {
    !matches!((api, version), (Api::Produce, ..3))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn any_request_is_answered_with_any_code_or_none(
        tape in prop::collection::vec(any::<u8>(), 0..300),
        code in any::<i16>(),
        version in any::<u8>(),
    ) {
        let broker = Broker::builder().start_blocking().unwrap();
        for (api, case, _) in served() {
            let version = case.version(version);
            if !serves(api, version) {
                continue;
            }
            let fault = broker.fault(api).error(code);
            let allowed = BTreeSet::from([0, code, FETCH_SESSION_ID_NOT_FOUND]);
            match failed(&broker, &case, version, &tape) {
                Some(answer) => prop_assert!(
                    codes(&answer).is_subset(&allowed),
                    "{} {}: {}", api, version, answer
                ),
                // A Produce that wants no answer: the connection says it.
                None => prop_assert_eq!(api, Api::Produce),
            }
            prop_assert!(fault.remove());
        }
    }
}
