//! Against bytes that Apache Kafka 4.3.1's own serializers wrote.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::group::GroupRecord;
use crate::ids::TopicId;

/// `new Uuid(1, 2)`
const TOPIC: TopicId = TopicId([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);

fn bytes(hex: &str) -> Bytes {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The record is written as Kafka writes it, and read back.
fn check(change: ConsumerChange, key: &str, value: Option<&str>) {
    let record = GroupRecord::Consumer(ConsumerRecord {
        group: "g".into(),
        change,
    });
    let encoded = record.encode();
    assert_eq!(encoded.key, bytes(key));
    assert_eq!(encoded.value, value.map(bytes));
    let decoded = GroupRecord::decode(&encoded.key, encoded.value.as_ref()).unwrap();
    assert_eq!(decoded, Some(record));
}

fn member(value: &str) -> MemberMetadata {
    let value = bytes(value);
    let record = GroupRecord::decode(&bytes("000500016700016d"), Some(&value)).unwrap();
    match record {
        Some(GroupRecord::Consumer(ConsumerRecord {
            change: ConsumerChange::Member(_, Some(member)),
            ..
        })) => *member,
        other => panic!("no member: {other:?}"),
    }
}

#[test]
fn a_group_is_written_as_kafka_writes_it() {
    let group = |epoch, metadata_hash| {
        ConsumerChange::Group(Some(GroupMetadata {
            epoch,
            metadata_hash,
        }))
    };
    let key = "0003000167";
    check(
        group(5, -2),
        key,
        Some("000000000005010008fffffffffffffffe"),
    );
    check(group(5, 0), key, Some("00000000000500"));
    check(ConsumerChange::Group(None), key, None);
}

#[test]
fn partition_metadata_of_older_brokers_is_kept_as_it_is() {
    check(ConsumerChange::PartitionMetadata(None), "0004000167", None);
    let value = Some(bytes("0000ff"));
    check(
        ConsumerChange::PartitionMetadata(value),
        "0004000167",
        Some("0000ff"),
    );
}

#[test]
fn a_member_is_written_as_kafka_writes_it() {
    let member = MemberMetadata {
        instance_id: Some("i".into()),
        rack_id: None,
        client_id: "c".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        subscribed_topic_names: BTreeSet::from(["a".into(), "bb".into()]),
        subscribed_topic_regex: "x.*".to_owned(),
        rebalance_timeout_ms: 300_000,
        server_assignor: Some("range".to_owned()),
        classic: None,
    };
    check(
        ConsumerChange::Member("m".into(), Some(Box::new(member))),
        "000500016700016d",
        Some("000002690002630b2f3132372e302e302e3103026103626204782e2a000493e00672616e676500"),
    );
    check(
        ConsumerChange::Member("m".into(), None),
        "000500016700016d",
        None,
    );
}

#[test]
fn a_member_of_the_classic_protocol_is_read_and_written_back() {
    // Kafka wrote a null regular expression here; ours is the empty one.
    let member = member("000001010263026801000000000100010012010000afc8020672616e6765040102030000");
    let classic = ClassicMetadata {
        session_timeout_ms: 45_000,
        supported_protocols: vec![("range".to_owned(), Bytes::from_static(&[1, 2, 3]))],
    };
    assert_eq!(member.classic, Some(classic));
    check(
        ConsumerChange::Member("m".into(), Some(Box::new(member))),
        "000500016700016d",
        Some("000001010263026801010000000100010012010000afc8020672616e6765040102030000"),
    );
}

#[test]
fn a_target_assignment_is_written_as_kafka_writes_it() {
    let target = |timestamp_ms| {
        ConsumerChange::Target(Some(TargetMetadata {
            epoch: 7,
            timestamp_ms,
        }))
    };
    let key = "0006000167";
    check(
        target(1_700_000_000_000),
        key,
        Some("0000000000070100080000018bcfe56800"),
    );
    check(target(0), key, Some("00000000000700"));
    check(ConsumerChange::Target(None), key, None);
}

#[test]
fn the_target_of_a_member_is_written_as_kafka_writes_it() {
    let partitions = [(TOPIC, PartitionIndex(0)), (TOPIC, PartitionIndex(2))];
    check(
        ConsumerChange::TargetMember("m".into(), Some(partitions.into_iter().collect())),
        "000700016700016d",
        Some("000002000000000000000100000000000000020300000000000000020000"),
    );
    check(
        ConsumerChange::TargetMember("m".into(), None),
        "000700016700016d",
        None,
    );
}

/// What Kafka wrote for a member at epoch 7 that has partitions 0 and 2 since
/// epochs 6 and 7, and has to give up partition 1.
const CURRENT: &str = "00000000000700000006010200000000000000010000000000000002030000000000000002\
                       010009030000000600000007020000000000000001000000000000000202000000010000";

#[test]
fn a_current_assignment_is_read_from_kafka_with_and_without_epochs() {
    let value = bytes(CURRENT);
    let record = GroupRecord::decode(&bytes("000800016700016d"), Some(&value)).unwrap();
    let Some(GroupRecord::Consumer(record)) = record else {
        panic!("{record:?}");
    };
    let ConsumerChange::Current(_, Some(current)) = record.change else {
        panic!("{record:?}");
    };
    let owned = |partitions: &[(i32, i32)]| -> OwnedPartitions {
        let partitions = partitions.iter();
        partitions
            .map(|(partition, epoch)| (TOPIC, PartitionIndex(*partition), *epoch))
            .collect()
    };
    assert_eq!(
        current,
        CurrentAssignment {
            member_epoch: 7,
            previous_member_epoch: 6,
            state: MemberState::UnrevokedPartitions,
            assigned: owned(&[(0, 6), (2, 7)]),
            // Kafka wrote no epoch for this one.
            pending_revocation: owned(&[(1, 7)]),
        }
    );
    check(
        ConsumerChange::Current("m".into(), Some(current)),
        "000800016700016d",
        Some(&CURRENT.replace("02000000010000", "0200000001010005020000000700")),
    );
    check(
        ConsumerChange::Current("m".into(), None),
        "000800016700016d",
        None,
    );
}

#[test]
fn a_regular_expression_is_written_as_kafka_writes_it() {
    let resolved = ResolvedRegex {
        topics: BTreeSet::from(["x1".into(), "x2".into()]),
        version: 9,
        timestamp_ms: 10,
    };
    check(
        ConsumerChange::Regex("x.*".to_owned(), Some(resolved)),
        "00100001670003782e2a",
        Some("0000030378310378320000000000000009000000000000000a00"),
    );
    check(
        ConsumerChange::Regex("x.*".to_owned(), None),
        "00100001670003782e2a",
        None,
    );
}

#[test]
fn a_value_of_a_newer_version_is_skipped() {
    for kind in [3i16, 5, 6, 7, 8, 16] {
        let mut key = kind.to_be_bytes().to_vec();
        key.extend(b"\0\x01g\0\x01m");
        let value = Bytes::from_static(&[0, 1, 0, 0, 0, 0]);
        assert_eq!(GroupRecord::decode(&key.into(), Some(&value)), Ok(None));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_an_error(
        kind in prop_oneof![3i16..9, Just(16)],
        key in proptest::collection::vec(any::<u8>(), 0..40),
        value in proptest::collection::vec(any::<u8>(), 0..200),
        versioned: bool,
    ) {
        let mut key_bytes = kind.to_be_bytes().to_vec();
        if versioned {
            key_bytes.extend(b"\0\x01g\0\x01m");
        }
        key_bytes.extend(key);
        let mut value_bytes = if versioned { vec![0, 0] } else { Vec::new() };
        value_bytes.extend(value);
        let _ = GroupRecord::decode(&key_bytes.into(), Some(&value_bytes.into()));
    }

    #[test]
    fn a_damaged_record_is_a_record_or_an_error(
        at in 0usize..72, with: u8, until in 0usize..73,
    ) {
        let mut value = bytes(CURRENT).to_vec();
        value[at] = with;
        value.truncate(until);
        let _ = GroupRecord::decode(&bytes("000800016700016d"), Some(&value.into()));
    }
}
