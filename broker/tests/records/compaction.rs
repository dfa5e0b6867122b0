//! Compaction as clients see it: the last value of each key is left, at its
//! offset, in memory, on a disk and after a restart.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ottla::{Broker, BrokerBuilder};
use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::{Codec, RecordBatchBuilder, batches, records};

use crate::requests::{create_topic, fetch, now_ms, produce};
use crate::socket::Client;

/// Every batch begins a segment, and whatever is dirty is cleaned.
const CONFIGS: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.ms", "1"),
    ("min.cleanable.dirty.ratio", "0"),
];

fn eager() -> BrokerBuilder {
    Broker::builder().config("log.cleaner.backoff.ms", "5")
}

/// Keys by offset: what a reader from the beginning gets, and how far that is.
fn read_all(client: &mut Client, topic: &str) -> (BTreeMap<i64, (String, Option<String>)>, i64) {
    let mut all = BTreeMap::new();
    let mut from = 0;
    loop {
        let answer = fetch(client, topic, from);
        assert_eq!(answer.error_code, 0);
        let bytes = answer.records.unwrap_or_default();
        for batch in batches(&bytes) {
            let (header, batch) = batch.unwrap();
            let inflated = record_bytes(&header, batch, 1 << 20).unwrap();
            for record in records(&header, &inflated) {
                let record = record.unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let (key, value) = (text(record.key.unwrap()), record.value.map(text));
                all.insert(record.offset.0, (key, value));
            }
            from = header.next_offset().0;
        }
        if from == answer.high_watermark {
            return (all, from);
        }
    }
}

/// Puts ten keys ten times, two in a batch, in all codecs; then one more.
fn fill(client: &mut Client, topic: &str) {
    let codecs = [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];
    let start_ms = now_ms();
    for number in 0..50 {
        let mut builder = RecordBatchBuilder::new();
        for key in [number * 2 % 10, (number * 2 + 1) % 10] {
            let (key, value) = (key.to_string(), format!("{key} at {number}"));
            let timestamp_ms = start_ms + i64::from(number) * 5;
            let (key, value) = (key.as_bytes(), value.as_bytes());
            builder
                .push(timestamp_ms, Some(key), Some(value), &[])
                .unwrap();
        }
        let batch = builder
            .build_compressed(codecs[number as usize % 5])
            .unwrap();
        assert_eq!(produce(client, topic, batch.freeze()).error_code, 0);
    }
}

fn wait_for(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ten keys of the clean part and two of the segment that is appended to, in
/// which case their older values are left as well.
fn is_compacted(client: &mut Client, topic: &str) -> bool {
    let (all, end) = read_all(client, topic);
    assert_eq!(end, 100);
    all.len() == 12
}

#[tokio::test]
async fn the_last_value_of_each_key_is_left_where_it_was() {
    let data = tempfile::tempdir().unwrap();
    for builder in [eager(), eager().data_dir(data.path())] {
        let broker = builder.start().await.unwrap();
        let mut client = Client::connect(&broker);
        create_topic(&mut client, "table", CONFIGS);
        fill(&mut client, "table");
        wait_for(|| is_compacted(&mut client, "table"));
        let (all, _) = read_all(&mut client, "table");
        for (offset, (key, value)) in &all {
            let number = offset / 2;
            assert_eq!(value.as_deref(), Some(&*format!("{key} at {number}")));
            assert_eq!(key, &(offset % 10).to_string());
        }
        let expected: Vec<i64> = (88..100).collect();
        assert_eq!(all.keys().copied().collect::<Vec<_>>(), expected);
        broker.shutdown().await;
    }
    // The disk knows it after a restart, and offsets go on.
    let broker = eager().data_dir(data.path()).start().await.unwrap();
    let mut client = Client::connect(&broker);
    assert!(is_compacted(&mut client, "table"));
    let mut builder = RecordBatchBuilder::new();
    builder.push(now_ms(), Some(b"0"), None, &[]).unwrap();
    let next = produce(&mut client, "table", builder.build().freeze());
    assert_eq!((next.error_code, next.base_offset), (0, 100));
}

#[tokio::test]
async fn a_topic_that_becomes_compacted_is_cleaned() {
    let broker = eager().start().await.unwrap();
    let mut client = Client::connect(&broker);
    create_topic(&mut client, "table", &[("segment.ms", "1")]);
    fill(&mut client, "table");
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(read_all(&mut client, "table").0.len(), 100);
    alter_config(&mut client, "table", "cleanup.policy", "compact");
    alter_config(&mut client, "table", "min.cleanable.dirty.ratio", "0");
    wait_for(|| is_compacted(&mut client, "table"));
}

#[tokio::test]
async fn a_young_record_waits_for_the_minimum_lag_of_the_clock() {
    let broker = eager().start().await.unwrap();
    let mut client = Client::connect(&broker);
    let lag = [CONFIGS, &[("min.compaction.lag.ms", "600000")]].concat();
    create_topic(&mut client, "table", &lag);
    fill(&mut client, "table");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(read_all(&mut client, "table").0.len(), 100);
    broker.clock().advance(Duration::from_secs(601));
    wait_for(|| is_compacted(&mut client, "table"));
}

#[tokio::test]
async fn a_cleaner_that_is_switched_off_cleans_nothing() {
    let broker = eager().config("log.cleaner.enable", "false");
    let broker = broker.start().await.unwrap();
    let mut client = Client::connect(&broker);
    create_topic(&mut client, "table", CONFIGS);
    fill(&mut client, "table");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(read_all(&mut client, "table").0.len(), 100);
}

fn alter_config(client: &mut Client, topic: &str, name: &str, value: &str) {
    use kafka_protocol::messages::IncrementalAlterConfigsRequest;
    use kafka_protocol::messages::incremental_alter_configs_request::{
        AlterConfigsResource, AlterableConfig,
    };
    use kafka_protocol::protocol::StrBytes;

    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let config = AlterableConfig::default()
        .with_name(text(name))
        .with_config_operation(0)
        .with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(topic))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    assert_eq!(client.call(1, &request).responses[0].error_code, 0);
}
