//! What the guard refuses, one by one, and what it must let pass.

use proptest::prelude::*;

use crate::guard::{GuardError, check, decoded_bytes_max};

const METADATA: i16 = 3;
const OFFSET_COMMIT: i16 = 8;
const JOIN_GROUP: i16 = 11;
const FETCH: i16 = 1;
const DESCRIBE_TOPIC_PARTITIONS: i16 = 75;

/// Header of a Fetch v15 body up to its topics.
const FETCH_V15_START: [u8; 21] = [
    0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn two_billion_topics_in_a_frame_of_fourteen_bytes_are_refused() {
    let frame = [0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff];
    let error = check(METADATA, 0, &frame[10..]).unwrap_err();
    assert_eq!(
        error,
        GuardError::Count {
            field: "topics",
            count: 0x7fff_ffff,
            remaining_bytes: 0
        }
    );
    assert_eq!(
        error.to_string(),
        "topics claims 2147483647 elements where 0 bytes remain"
    );
}

#[test]
fn four_billion_topics_in_a_compact_count_are_refused() {
    let body = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let count = 0xffff_fffe;
    let expected = GuardError::Count {
        field: "topics",
        count,
        remaining_bytes: 0,
    };
    assert_eq!(check(METADATA, 12, &body), Err(expected));
}

#[test]
fn an_array_with_one_element_less_than_it_claims_is_refused() {
    let body = [0, 0, 0, 2, 0, 1, b'a'];
    let expected = GuardError::Truncated {
        field: "name",
        needed_bytes: 2,
        remaining_bytes: 0,
    };
    assert_eq!(check(METADATA, 0, &body), Err(expected));
}

#[test]
fn a_string_longer_than_the_body_is_refused() {
    let body = [0, 0, 0, 1, 0x7f, 0xff, b'a'];
    let expected = GuardError::Truncated {
        field: "name",
        needed_bytes: 0x7fff,
        remaining_bytes: 1,
    };
    assert_eq!(check(METADATA, 0, &body), Err(expected));
}

#[test]
fn null_is_accepted_only_where_the_version_allows_it() {
    let no_topics = [0xff; 4];
    assert_eq!(
        check(METADATA, 0, &no_topics),
        Err(GuardError::Null { field: "topics" })
    );
    assert_eq!(check(METADATA, 1, &no_topics), Ok(()));
}

#[test]
fn lengths_below_null_are_refused() {
    let expected = GuardError::NegativeLength {
        field: "topics",
        length: -2,
    };
    assert_eq!(check(METADATA, 1, &(-2_i32).to_be_bytes()), Err(expected));
    let expected = GuardError::NegativeLength {
        field: "group_id",
        length: -2,
    };
    assert_eq!(
        check(OFFSET_COMMIT, 2, &(-2_i16).to_be_bytes()),
        Err(expected)
    );
}

#[test]
fn bytes_after_the_end_are_left_alone_as_kafka_leaves_them() {
    assert_eq!(check(METADATA, 1, &[0xff, 0xff, 0xff, 0xff, 0]), Ok(()));
}

#[test]
fn a_varint_beyond_thirty_two_bits_is_refused() {
    for fifth in [0x10, 0x80, 0xff] {
        let body = [0x80, 0x80, 0x80, 0x80, fifth, 0];
        assert_eq!(
            check(METADATA, 12, &body),
            Err(GuardError::Varint { field: "topics" })
        );
    }
}

#[test]
fn a_tagged_field_longer_than_the_body_is_refused() {
    let body = [0, 0, 0, 1, 5, 100, 1];
    let expected = GuardError::Truncated {
        field: "tagged_fields",
        needed_bytes: 100,
        remaining_bytes: 1,
    };
    assert_eq!(check(METADATA, 12, &body), Err(expected));
}

#[test]
fn a_known_tag_must_say_its_true_size() {
    let with_cluster_id =
        |size: u8| [&FETCH_V15_START[..], &[1, 1, 1, 1, 0, size, 3, b'i', b'd']].concat();
    assert_eq!(check(FETCH, 15, &with_cluster_id(3)), Ok(()));
    let expected = GuardError::TagSize {
        field: "cluster_id",
        size_bytes: 2,
        held_bytes: 3,
    };
    assert_eq!(check(FETCH, 15, &with_cluster_id(2)), Err(expected));
}

#[test]
fn a_nullable_struct_is_there_or_null_and_nothing_else() {
    let cursor = |marker: u8| [&[1, 0, 0, 0, 9][..], &[marker, 0]].concat();
    assert_eq!(check(DESCRIBE_TOPIC_PARTITIONS, 0, &cursor(0xff)), Ok(()));
    assert_eq!(
        check(DESCRIBE_TOPIC_PARTITIONS, 0, &cursor(0)),
        Err(GuardError::StructMarker {
            field: "cursor",
            marker: 0
        })
    );
}

#[test]
fn an_api_or_version_without_a_shape_is_refused() {
    for (api_key, api_version) in [(0, 2), (0, 14), (8, 10), (9, 10), (22, 6), (4, 0), (-1, 0)] {
        let expected = GuardError::UnknownApi {
            api_key,
            api_version,
        };
        assert_eq!(check(api_key, api_version, &[]), Err(expected));
    }
}

#[test]
fn a_large_body_of_nothing_but_tagged_fields_is_too_dense() {
    // 100,000 topics, each with one empty tagged field: 20 bytes that would
    // decode into 600.
    let topic = [&[0; 16][..], &[0, 1, 0, 0]].concat();
    let count = 100_000_u32;
    let mut body = vec![0xa1, 0x8d, 0x06];
    body.extend(topic.repeat(count as usize));
    body.extend([0, 0, 0]);
    let error = check(METADATA, 12, &body).unwrap_err();
    assert!(matches!(error, GuardError::TooDense { .. }), "{error}");
}

#[test]
fn commits_to_three_hundred_thousand_topics_pass() {
    let topic = [&[0, 4][..], b"name", &[0, 0, 0, 1], &[0; 12], &[0xff, 0xff]].concat();
    let count = 300_000_u32;
    let mut body = vec![0, 1, b'g', 0, 0, 0, 0, 0, 0];
    body.extend([0; 8]);
    body.extend(count.to_be_bytes());
    body.extend(topic.repeat(count as usize));
    assert_eq!(check(OFFSET_COMMIT, 2, &body), Ok(()));
}

#[test]
fn small_bodies_may_be_as_dense_as_they_like() {
    let tags = 1_000_u16;
    let mut body = vec![0, 0, 0, 0xe8, 0x07];
    for tag in 0..tags {
        body.extend([(tag & 0x7f) as u8 | 0x80, (tag >> 7) as u8, 0]);
    }
    assert_eq!(check(METADATA, 12, &body), Ok(()));
}

#[test]
fn the_limit_never_falls_as_bodies_grow() {
    let sizes = [
        0,
        1,
        1 << 10,
        1 << 20,
        4 << 20,
        5 << 20,
        100 << 20,
        usize::MAX,
    ];
    assert!(sizes.is_sorted_by_key(|bytes| decoded_bytes_max(*bytes)));
    assert_eq!(decoded_bytes_max(100 << 20), 164 << 20);
}

proptest! {
    #[test]
    fn a_join_with_any_metadata_passes(metadata in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut body = vec![0, 1, b'g', 0, 0, 0, 1, 0, 0, 0, 8];
        body.extend(b"consumer");
        body.extend([0, 0, 0, 1, 0, 1, b'p']);
        body.extend((metadata.len() as u32).to_be_bytes());
        body.extend(&metadata);
        prop_assert_eq!(check(JOIN_GROUP, 0, &body), Ok(()));
    }
}
