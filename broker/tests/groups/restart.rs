//! What a broker that was stopped and started again still knows of its groups.

use std::path::Path;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use ottla::Broker;

use crate::requests::{
    TOPIC, commit_request, committed, fetch_request, find_coordinator, heartbeat, join,
    sync_request,
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
