//! The records of `__consumer_offsets`, held against bytes Apache Kafka wrote.

use bytes::Bytes;
use ottla_core::group::GroupRecord;
use ottla_core::group::record::classic::{GroupMetadata, MemberMetadata};
use ottla_core::group::record::offset::CommittedOffset;
use ottla_core::group::record::{ClassicRecord, EncodedRecord, OffsetRecord};
use ottla_core::ids::{Offset, PartitionIndex, TopicId};
use proptest::prelude::*;

/// Kafka's group coordinator 4.3.1 wrote these, of the values below.
mod kafka {
    pub const OFFSET_KEY: &str = "000100077265616465727300066f726465727300000002";
    pub const OFFSET_VALUES: [&str; 4] = [
        "0000000000000000002a000661206e6f74650000018bcfe56800",
        "0001000000000000002a000661206e6f74650000018bcfe568000000018bcfe65260",
        "0003000000000000002a00000003000661206e6f74650000018bcfe56800",
        "0004000000000000002a000000030761206e6f74650000018bcfe568000100100000000000000001\
         0000000000000002",
    ];
    pub const OFFSET_VALUE_WITHOUT_TOPIC_ID: &str =
        "0004000000000000002a000000030761206e6f74650000018bcfe5680000";
    pub const GROUP_KEY: &str = "0002000772656164657273";
    pub const GROUP_VALUES: [&str; 5] = [
        "00000008636f6e73756d657200000007000572616e67650008636c69656e742d31000000010008636c69656e\
         742d310006636c69656e74000a2f3132372e302e302e310000271000000002000100000003020304",
        "00010008636f6e73756d657200000007000572616e67650008636c69656e742d31000000010008636c69656e\
         742d310006636c69656e74000a2f3132372e302e302e3100007530000027100000000200010000000302030\
         4",
        "00020008636f6e73756d657200000007000572616e67650008636c69656e742d310000018bcfe56800000000\
         010008636c69656e742d310006636c69656e74000a2f3132372e302e302e310000753000002710000000020\
         00100000003020304",
        "00030008636f6e73756d657200000007000572616e67650008636c69656e742d310000018bcfe56800000000\
         010008636c69656e742d310001610006636c69656e74000a2f3132372e302e302e310000753000002710000\
         00002000100000003020304",
        "000409636f6e73756d6572000000070672616e676509636c69656e742d310000018bcfe568000209636c6965\
         6e742d31026107636c69656e740b2f3132372e302e302e310000753000002710030001040203040000",
    ];
    pub const EMPTY_GROUP_VALUE: &str = "0003000000000000ffffffff0000018bcfe5680000000000";
}

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<char> = hex.chars().collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs
        .map(|pair| u8::from_str_radix(&pair, 16).unwrap())
        .collect::<Vec<u8>>()
        .into()
}

fn decode(key: &str, value: &str) -> GroupRecord {
    let record = GroupRecord::decode(&bytes(key), Some(&bytes(value)));
    record.unwrap().expect("a version that is known")
}

fn offset(committed: Option<CommittedOffset>) -> GroupRecord {
    GroupRecord::Offset(OffsetRecord {
        group: "readers".into(),
        topic: "orders".into(),
        partition: PartitionIndex(2),
        committed,
    })
}

/// As version 4 holds it.
fn committed() -> CommittedOffset {
    let mut topic_id = [0; 16];
    (topic_id[7], topic_id[15]) = (1, 2);
    CommittedOffset {
        offset: Offset(42),
        leader_epoch: Some(3),
        metadata: "a note".to_owned(),
        commit_timestamp_ms: 1_700_000_000_000,
        expire_timestamp_ms: None,
        topic_id: TopicId(topic_id),
    }
}

fn group(metadata: Option<GroupMetadata>) -> GroupRecord {
    GroupRecord::Classic(ClassicRecord {
        group: "readers".into(),
        metadata,
    })
}

/// As versions 3 and 4 hold it.
fn metadata() -> GroupMetadata {
    GroupMetadata {
        protocol_type: "consumer".to_owned(),
        generation: 7,
        protocol: Some("range".to_owned()),
        leader: Some("client-1".into()),
        state_timestamp_ms: Some(1_700_000_000_000),
        members: vec![MemberMetadata {
            member: "client-1".into(),
            instance: Some("a".into()),
            client_id: "client".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            rebalance_timeout_ms: 30_000,
            session_timeout_ms: 10_000,
            subscription: Bytes::from_static(&[0, 1]),
            assignment: Bytes::from_static(&[2, 3, 4]),
        }],
    }
}

#[test]
fn an_offset_is_written_as_kafka_writes_it() {
    let encoded = offset(Some(committed())).encode();
    assert_eq!(encoded.key, bytes(kafka::OFFSET_KEY));
    assert_eq!(encoded.value, Some(bytes(kafka::OFFSET_VALUES[3])));

    let unnamed = CommittedOffset {
        topic_id: TopicId::ZERO,
        ..committed()
    };
    let value = offset(Some(unnamed)).encode().value;
    assert_eq!(value, Some(bytes(kafka::OFFSET_VALUE_WITHOUT_TOPIC_ID)));

    let expiring = CommittedOffset {
        expire_timestamp_ms: Some(1_700_000_060_000),
        ..committed()
    };
    let value = offset(Some(expiring)).encode().value;
    assert_eq!(value, Some(bytes(kafka::OFFSET_VALUES[1])));
    assert_eq!(offset(None).encode().value, None);
}

#[test]
fn an_offset_of_every_version_is_read() {
    let [v0, v1, v3, v4] = kafka::OFFSET_VALUES.map(|value| decode(kafka::OFFSET_KEY, value));
    let old = CommittedOffset {
        leader_epoch: None,
        topic_id: TopicId::ZERO,
        ..committed()
    };
    assert_eq!(v0, offset(Some(old.clone())));
    let expiring = CommittedOffset {
        expire_timestamp_ms: Some(1_700_000_060_000),
        ..old
    };
    assert_eq!(v1, offset(Some(expiring)));
    let unnamed = CommittedOffset {
        topic_id: TopicId::ZERO,
        ..committed()
    };
    assert_eq!(v3, offset(Some(unnamed)));
    assert_eq!(v4, offset(Some(committed())));
}

#[test]
fn a_group_is_written_as_kafka_writes_it() {
    let encoded = group(Some(metadata())).encode();
    assert_eq!(encoded.key, bytes(kafka::GROUP_KEY));
    assert_eq!(encoded.value, Some(bytes(kafka::GROUP_VALUES[3])));
    let empty = GroupMetadata {
        protocol_type: String::new(),
        generation: 0,
        protocol: None,
        leader: None,
        members: Vec::new(),
        ..metadata()
    };
    let encoded = group(Some(empty)).encode();
    assert_eq!(encoded.value, Some(bytes(kafka::EMPTY_GROUP_VALUE)));
}

#[test]
fn a_group_of_every_version_is_read() {
    let [v0, v1, v2, v3, v4] = kafka::GROUP_VALUES.map(|value| decode(kafka::GROUP_KEY, value));
    assert_eq!(v4, group(Some(metadata())));
    assert_eq!(v3, group(Some(metadata())));
    let mut old = metadata();
    old.members[0].instance = None;
    assert_eq!(v2, group(Some(old.clone())));
    old.state_timestamp_ms = None;
    assert_eq!(v1, group(Some(old.clone())));
    old.members[0].rebalance_timeout_ms = old.members[0].session_timeout_ms;
    assert_eq!(v0, group(Some(old)));
}

#[test]
fn a_version_or_type_of_a_newer_broker_is_skipped() {
    let newer = [&[0, 5][..], &bytes(kafka::GROUP_VALUES[4])[2..]].concat();
    let newer = Bytes::from(newer);
    let unknown = GroupRecord::decode(&bytes(kafka::GROUP_KEY), Some(&newer));
    assert_eq!(unknown, Ok(None));
    let unknown = GroupRecord::decode(&Bytes::from_static(&[0, 99, 1]), None);
    assert_eq!(unknown, Ok(None));
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_unknown_or_an_error(
        key in prop::collection::vec(any::<u8>(), 0..40),
        kind in 0i16..18,
        value in prop::option::of(prop::collection::vec(any::<u8>(), 0..120)),
        version in 0i16..6,
    ) {
        let mut typed_key = kind.to_be_bytes().to_vec();
        typed_key.extend(&key);
        let value = value.map(|value| {
            let mut versioned = version.to_be_bytes().to_vec();
            versioned.extend(value);
            Bytes::from(versioned)
        });
        let _ = GroupRecord::decode(&Bytes::from(key), value.as_ref());
        let _ = GroupRecord::decode(&Bytes::from(typed_key), value.as_ref());
    }

    #[test]
    fn an_offset_comes_back_as_it_was_written(
        group in ".{0,20}",
        topic in "[a-z.]{1,20}",
        partition: i32,
        offset: i64,
        leader_epoch in prop::option::of(0i32..),
        metadata in ".{0,40}",
        commit_timestamp_ms: i64,
        topic_id: [u8; 16],
        delete: bool,
    ) {
        let record = GroupRecord::Offset(OffsetRecord {
            group: group.as_str().into(),
            topic: topic.as_str().into(),
            partition: PartitionIndex(partition),
            committed: (!delete).then_some(CommittedOffset {
                offset: Offset(offset),
                leader_epoch,
                metadata,
                commit_timestamp_ms,
                expire_timestamp_ms: None,
                topic_id: TopicId(topic_id),
            }),
        });
        let EncodedRecord { key, value } = record.encode();
        prop_assert_eq!(GroupRecord::decode(&key, value.as_ref()).unwrap(), Some(record));
        // Every shorter value is refused, none is read past its end.
        if let Some(value) = value {
            for length in 0..value.len() {
                let cut = value.slice(..length);
                prop_assert!(GroupRecord::decode(&key, Some(&cut)).is_err());
            }
        }
    }
}
