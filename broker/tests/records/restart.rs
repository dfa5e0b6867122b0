//! What is still there after the broker was stopped and started again.

use std::path::Path;

use kafka_protocol::ResponseError;
use ottla::Broker;
use ottla_core::batch::RecordBatchBuilder;
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};

use crate::requests::{batch, fetch, now_ms, placed, produce, producer_id_request};
use crate::socket::Client;

async fn start(data: &Path, flush_interval: &str) -> Broker {
    Broker::builder()
        .data_dir(data)
        .topic("orders", 1)
        .config("log.flush.interval.messages", flush_interval)
        .start()
        .await
        .unwrap()
}

fn new_producer_id(client: &mut Client) -> ProducerId {
    let request = producer_id_request();
    let given = client.call(4, &request);
    assert_eq!(given.error_code, 0);
    ProducerId(given.producer_id.0)
}

#[tokio::test]
async fn records_and_producers_survive_a_restart() {
    for flush_interval in ["1", "9223372036854775807"] {
        let data = tempfile::tempdir().unwrap();
        let broker = start(data.path(), flush_interval).await;
        let mut client = Client::connect(&broker);
        let plain = batch(3);
        assert_eq!(produce(&mut client, "orders", plain.clone()).base_offset, 0);
        let id = new_producer_id(&mut client);
        let numbered = |sequence| {
            let mut builder =
                RecordBatchBuilder::new().with_producer(id, ProducerEpoch(0), Sequence(sequence));
            builder
                .push(now_ms(), None, Some(b"numbered"), &[])
                .unwrap();
            builder.build().freeze()
        };
        let first = numbered(0);
        assert_eq!(produce(&mut client, "orders", first.clone()).base_offset, 3);
        broker.shutdown().await;

        let broker = start(data.path(), flush_interval).await;
        let mut client = Client::connect(&broker);
        let stored = fetch(&mut client, "orders", 0);
        assert_eq!(stored.high_watermark, 4);
        assert_eq!(
            stored.records.unwrap(),
            [placed(&plain, 0, 0), placed(&first, 3, 0)].concat()
        );
        assert_eq!(
            produce(&mut client, "orders", first).base_offset,
            3,
            "a retry"
        );
        let gap = produce(&mut client, "orders", numbered(2));
        assert_eq!(
            gap.error_code,
            ResponseError::OutOfOrderSequenceNumber.code()
        );
        assert_eq!(produce(&mut client, "orders", numbered(1)).base_offset, 4);
        assert!(
            new_producer_id(&mut client) > id,
            "an id is given once, ever"
        );
        broker.shutdown().await;
    }
}
