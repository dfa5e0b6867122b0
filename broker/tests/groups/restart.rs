//! What a broker that was stopped and started again still knows of its groups.

use std::path::Path;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use ottla::Broker;
use ottla_core::batch::batches;

use crate::requests::{
    TOPIC, commit_request, committed, fetch_request, find_coordinator, heartbeat, join,
    sync_request, topic_name,
};
use crate::socket::Client;

async fn start(data: &Path) -> Broker {
    Broker::builder()
        .data_dir(data)
        .topic(TOPIC, 3)
        .start()
        .await
        .unwrap()
}

/// The groups are read on a thread of its own; clients come again meanwhile.
fn wait_until_loaded(client: &mut Client) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let loading = ResponseError::CoordinatorLoadInProgress.code();
    while client.call(8, &fetch_request(8, "readers")).groups[0].error_code == loading {
        assert!(Instant::now() < deadline, "the groups are never loaded");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Batches of the offsets topic, from its beginning.
fn batches_of_offsets(client: &mut Client) -> usize {
    let wanted = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic_name("__consumer_offsets"))
        .with_partitions(vec![wanted]);
    let request = FetchRequest::default().with_topics(vec![topic]);
    let mut answer = client.call(12, &request);
    let partition = answer.responses.remove(0).partitions.remove(0);
    assert_eq!(partition.error_code, 0);
    batches(&partition.records.unwrap_or_default()).count()
}

#[tokio::test]
async fn what_compaction_leaves_of_the_offsets_topic_is_what_matters() {
    let data = tempfile::tempdir().unwrap();
    let builder = || {
        Broker::builder()
            .data_dir(data.path())
            .topic(TOPIC, 3)
            .config("log.roll.ms", "1")
            .config("log.cleaner.backoff.ms", "5")
            .config("log.cleaner.min.cleanable.ratio", "0")
    };
    let broker = builder().start().await.unwrap();
    let mut client = Client::connect(&broker);
    find_coordinator(&mut client);
    let joined = join(&mut client, 9, "readers");
    let everything = [(&joined.member_id, "everything")];
    client.call(5, &sync_request(5, "readers", &joined, &everything));
    for offset in 0..40 {
        let commit = commit_request(9, "readers", offset)
            .with_generation_id_or_member_epoch(joined.generation_id)
            .with_member_id(joined.member_id.clone());
        let answer = client.call(9, &commit);
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
        std::thread::sleep(Duration::from_millis(3));
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    // The group, the commit before the last one that is in a closed segment, and
    // what is in the open one.
    while batches_of_offsets(&mut client) > 6 {
        assert!(Instant::now() < deadline, "it is never compacted");
        std::thread::sleep(Duration::from_millis(5));
    }
    broker.shutdown().await;

    let broker = builder().start().await.unwrap();
    let mut client = Client::connect(&broker);
    wait_until_loaded(&mut client);
    assert_eq!(committed(&mut client, "readers"), 39);
    assert_eq!(heartbeat(&mut client, 4, "readers", &joined), 0);
    let synced = client.call(5, &sync_request(5, "readers", &joined, &[]));
    assert_eq!(synced.assignment, "everything");
}

#[tokio::test]
async fn members_assignments_and_offsets_survive() {
    let data = tempfile::tempdir().unwrap();
    let broker = start(data.path()).await;
    let mut client = Client::connect(&broker);
    find_coordinator(&mut client);
    let joined = join(&mut client, 9, "readers");
    let everything = [(&joined.member_id, "everything")];
    client.call(5, &sync_request(5, "readers", &joined, &everything));
    let commit = commit_request(9, "readers", 42)
        .with_generation_id_or_member_epoch(joined.generation_id)
        .with_member_id(joined.member_id.clone());
    let answer = client.call(9, &commit);
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    broker.shutdown().await;

    let broker = start(data.path()).await;
    let mut client = Client::connect(&broker);
    wait_until_loaded(&mut client);
    assert_eq!(committed(&mut client, "readers"), 42);
    assert_eq!(heartbeat(&mut client, 4, "readers", &joined), 0);
    let synced = client.call(5, &sync_request(5, "readers", &joined, &[]));
    assert_eq!(synced.assignment, "everything");
}
