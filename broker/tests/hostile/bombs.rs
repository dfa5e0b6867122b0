//! Batches that inflate to far more than they are, and records that claim more
//! than there is, through everything that looks into batches.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, ListOffsetsRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use ottla::Broker;
use ottla_core::batch::compression::compress;
use ottla_core::batch::{BATCH_HEADER_BYTES, BatchHeader, Codec, RecordBatchBuilder, crc};

use crate::socket::Client;
use crate::{ALLOCATOR, alone};

/// Inflated bytes are bounded by 128 MiB where a producer waits and by 256 MiB
/// where a search does. A vector that grows holds them twice for a moment, and
/// zstandard has a window beside.
const PRODUCING_BYTES_MAX: usize = 4 * (128 << 20);
const SEARCHING_BYTES_MAX: usize = 4 * (256 << 20);

const UNKNOWN_SERVER_ERROR: i16 = -1;
const NONE: i16 = 0;
const MESSAGE_TOO_LARGE: i16 = 10;
const INVALID_RECORD: i16 = 87;

/// Key `k`, no value, no headers.
const RECORD: [u8; 8] = [14, 0, 0, 0, 2, b'k', 1, 0];

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as i64
}

/// One block of 128 KiB of a repeated byte, and again, up to 1 GiB: 32 KB.
fn zstd_bomb() -> Vec<u8> {
    // A window of 128 MiB: the decoder keeps as much of what came before.
    let mut stream = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88];
    for _ in 0..8_191 {
        stream.extend_from_slice(&[0x02, 0x00, 0x10, 0x00]);
    }
    stream.extend_from_slice(&[0x03, 0x00, 0x10, 0x00]);
    stream
}

/// A mebibyte of zeros, one gzip member after another, up to 600 MiB.
fn gzip_bomb() -> Vec<u8> {
    compress(Codec::Gzip, &vec![0; 1 << 20])
        .unwrap()
        .repeat(600)
}

/// A mebibyte of zeros in blocks of lz4, and again, in one frame.
fn lz4_bomb() -> Vec<u8> {
    let frame = compress(Codec::Lz4, &vec![0; 1 << 20]).unwrap();
    let (header, blocks) = frame.split_at(7);
    let (blocks, end) = blocks.split_at(blocks.len() - 4);
    [header, &blocks.repeat(220), end].concat()
}

/// A varint that says 4 GiB, and 64 bytes.
fn snappy_bomb() -> Vec<u8> {
    [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0; 64]].concat()
}

fn bombs() -> [Bytes; 4] {
    [
        batch(Codec::Zstd, 1, &zstd_bomb()),
        batch(Codec::Gzip, 1, &gzip_bomb()),
        batch(Codec::Lz4, 1, &lz4_bomb()),
        batch(Codec::Snappy, 1, &snappy_bomb()),
    ]
}

/// A batch whose header claims `count` records in these bytes.
fn batch(codec: Codec, count: i32, records: &[u8]) -> Bytes {
    let mut builder = RecordBatchBuilder::new();
    builder.push(now_ms(), None, None, &[]).unwrap();
    let whole = builder.build_compressed(codec).unwrap();
    let mut header = BatchHeader::parse(&whole).unwrap();
    header.batch_length = (BATCH_HEADER_BYTES - 12 + records.len()) as i32;
    header.record_count = count;
    header.last_offset_delta = count - 1;
    let mut batch = BytesMut::from(&header.to_bytes()[..]);
    batch.extend_from_slice(records);
    let sum = crc::checksum(&batch);
    batch[17..21].copy_from_slice(&sum.to_be_bytes());
    batch.freeze()
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn create(client: &mut Client, name: &str, config: Option<(&str, &str)>) {
    let configs = config.map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    });
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(1)
        .with_replication_factor(1)
        .with_configs(configs.into_iter().collect());
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    assert_eq!(client.call(7, &request).topics[0].error_code, NONE);
}

fn produce(client: &mut Client, topic: &str, records: Bytes) -> i16 {
    let data = PartitionProduceData::default().with_records(Some(records));
    let data = TopicProduceData::default()
        .with_name(TopicName(text(topic)))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![data]);
    client.call(9, &request).responses[0].partition_responses[0].error_code
}

/// Error code and offset of the first record from `timestamp_ms` on.
fn search(client: &mut Client, topic: &str, timestamp_ms: i64) -> (i16, i64) {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp_ms);
    let topic = ListOffsetsTopic::default()
        .with_name(TopicName(text(topic)))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![topic]);
    let found = client
        .call(7, &request)
        .topics
        .remove(0)
        .partitions
        .remove(0);
    (found.error_code, found.offset)
}

/// What `work` made this process hold at once, beyond what it held.
fn peak_bytes(work: impl FnOnce()) -> usize {
    let before_bytes = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before_bytes)
}

#[test]
fn bombs_are_refused_within_bounds_wherever_a_topic_has_its_records_looked_into() {
    let _alone = alone();
    let looking = [
        ("cleanup.policy", "compact"),
        ("compression.type", "uncompressed"),
        ("ottla.validate.compressed", "true"),
    ];
    let bombs = bombs();
    for (name, value) in looking {
        let broker = broker(name, value);
        let mut client = Client::connect(&broker);
        for bomb in &bombs {
            let bytes = peak_bytes(|| {
                let code = produce(&mut client, "looking", bomb.clone());
                assert!(
                    [UNKNOWN_SERVER_ERROR, MESSAGE_TOO_LARGE].contains(&code),
                    "{name}: {code}"
                );
            });
            assert!(bytes < PRODUCING_BYTES_MAX, "{name}: {bytes} bytes");
        }
        let good = batch(Codec::None, 1, &RECORD);
        assert_eq!(produce(&mut client, "looking", good), NONE, "{name}");
    }
}

/// With the topic `looking`, which has this property if topics have it.
fn broker(name: &str, value: &str) -> Broker {
    let is_the_brokers = name.starts_with("ottla.");
    let mut builder = Broker::builder();
    if is_the_brokers {
        builder = builder.config(name, value);
    }
    let broker = builder.start_blocking().unwrap();
    let config = (!is_the_brokers).then_some((name, value));
    create(&mut Client::connect(&broker), "looking", config);
    broker
}

#[test]
fn a_search_by_timestamp_passes_over_bombs_within_bounds() {
    let _alone = alone();
    let broker = Broker::builder()
        .topic("plain", 1)
        .start_blocking()
        .unwrap();
    let mut client = Client::connect(&broker);
    for bomb in bombs() {
        assert_eq!(
            produce(&mut client, "plain", bomb),
            NONE,
            "stored as it came"
        );
    }
    let good = batch(Codec::None, 1, &RECORD);
    assert_eq!(produce(&mut client, "plain", good), NONE);
    let bytes = peak_bytes(|| assert_eq!(search(&mut client, "plain", 1), (NONE, 4)));
    assert!(bytes < SEARCHING_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn counts_of_two_billion_in_a_few_bytes_are_refused_and_set_nothing_aside() {
    let _alone = alone();
    let broker = Broker::builder()
        .topic("plain", 1)
        .start_blocking()
        .unwrap();
    let mut client = Client::connect(&broker);
    // A varint of i32::MAX, zigzag.
    const MANY: [u8; 5] = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    let no_records = batch(Codec::None, i32::MAX, &[]);
    assert_eq!(no_records.len(), 61);
    let record = [&[22, 0, 0, 0, 1, 1][..], &MANY, &[0]].concat();
    let many_headers = batch(Codec::None, 1, &record);
    assert_eq!(many_headers.len(), 73);
    for hostile in [no_records, many_headers] {
        let bytes = peak_bytes(|| {
            assert_eq!(produce(&mut client, "plain", hostile), INVALID_RECORD);
        });
        assert!(bytes < 1 << 20, "{bytes} bytes");
    }
}

#[test]
fn timestamps_at_the_ends_of_time_are_refused_or_found_again_without_overflow() {
    let _alone = alone();
    let broker = Broker::builder()
        .topic("plain", 1)
        .start_blocking()
        .unwrap();
    let mut client = Client::connect(&broker);
    for base_ms in [i64::MIN, i64::MIN + 1, -2, 0, i64::MAX - 1, i64::MAX] {
        for delta in [i64::MIN, -1, 1, i64::MAX] {
            let hostile = timed(base_ms, delta);
            // Judged, and no matter how: answered.
            produce(&mut client, "plain", hostile);
        }
        // Below zero they have meanings of their own.
        assert_eq!(search(&mut client, "plain", base_ms.max(0)).0, NONE);
    }
    let good = batch(Codec::None, 1, &RECORD);
    assert_eq!(produce(&mut client, "plain", good), NONE);
}

/// One record `delta_ms` after the base timestamp.
fn timed(base_ms: i64, delta_ms: i64) -> Bytes {
    let mut record = vec![0];
    let mut zigzag = ((delta_ms << 1) ^ (delta_ms >> 63)) as u64;
    while zigzag >= 0x80 {
        record.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    record.extend([zigzag as u8, 0, 2, b'k', 1, 0]);
    record.insert(0, 2 * record.len() as u8);
    let mut timed = BytesMut::from(&batch(Codec::None, 1, &record)[..]);
    timed[27..35].copy_from_slice(&base_ms.to_be_bytes());
    timed[35..43].copy_from_slice(&base_ms.to_be_bytes());
    let sum = crc::checksum(&timed);
    timed[17..21].copy_from_slice(&sum.to_be_bytes());
    timed.freeze()
}
