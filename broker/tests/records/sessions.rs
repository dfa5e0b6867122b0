//! Fetch sessions over the wire (KIP-227): what is answered in which turn.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{DeleteTopicsRequest, FetchRequest, FetchResponse};
use ottla::Broker;
use uuid::Uuid;

use crate::requests::{batch, produce, topic_id, topic_name};
use crate::socket::Client;

async fn broker() -> Broker {
    Broker::builder()
        .topic("orders", 3)
        .topic("bills", 1)
        .start()
        .await
        .unwrap()
}

/// A request without partitions; a session keeps the rest.
fn in_session(session_id: i32, epoch: i32) -> FetchRequest {
    FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_session_id(session_id)
        .with_session_epoch(epoch)
}

fn wanted(topic: Uuid, partitions: &[(i32, i64)]) -> FetchTopic {
    let partitions = partitions.iter().map(|&(index, offset)| {
        FetchPartition::default()
            .with_partition(index)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(1 << 20)
    });
    FetchTopic::default()
        .with_topic_id(topic)
        .with_partitions(partitions.collect())
}

/// Which partitions an answer is about, with their error codes.
fn told(response: &FetchResponse) -> Vec<(i32, i16)> {
    let topics = response.responses.iter();
    topics
        .flat_map(|topic| &topic.partitions)
        .map(|partition| (partition.partition_index, partition.error_code))
        .collect()
}

/// A new session on partitions of one topic.
fn begin(client: &mut Client, topic: Uuid, partitions: &[(i32, i64)]) -> i32 {
    let request = in_session(0, 0).with_topics(vec![wanted(topic, partitions)]);
    let response = client.call(17, &request);
    assert_eq!(response.error_code, 0);
    assert_eq!(told(&response).len(), partitions.len());
    assert_ne!(response.session_id, 0);
    response.session_id
}

fn delete(client: &mut Client, name: &str) {
    let doomed = DeleteTopicState::default().with_name(Some(topic_name(name)));
    let request = DeleteTopicsRequest::default()
        .with_topics(vec![doomed])
        .with_timeout_ms(5_000);
    assert_eq!(client.call(6, &request).responses[0].error_code, 0);
}

#[tokio::test]
async fn a_session_answers_only_what_changed() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let orders = topic_id(&mut client, "orders");
    let id = begin(&mut client, orders, &[(0, 0), (1, 0), (2, 0)]);
    let quiet = client.call(17, &in_session(id, 1));
    assert_eq!((quiet.error_code, quiet.session_id), (0, id));
    assert!(quiet.responses.is_empty());

    produce(&mut client, "orders", batch(3));
    let news = client.call(17, &in_session(id, 2));
    assert_eq!(told(&news), [(0, 0)]);
    let read_on = in_session(id, 3).with_topics(vec![wanted(orders, &[(0, 3)])]);
    assert!(client.call(17, &read_on).responses.is_empty());

    let forgotten = ForgottenTopic::default()
        .with_topic_id(orders)
        .with_partitions(vec![0]);
    let forget = in_session(id, 4).with_forgotten_topics_data(vec![forgotten]);
    assert!(client.call(17, &forget).responses.is_empty());
    produce(&mut client, "orders", batch(1));
    assert!(client.call(17, &in_session(id, 5)).responses.is_empty());
}

#[tokio::test]
async fn a_session_that_is_out_of_step_is_told_so() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let orders = topic_id(&mut client, "orders");
    let id = begin(&mut client, orders, &[(0, 0)]);
    let errors = [
        (
            17,
            in_session(id, 2),
            ResponseError::InvalidFetchSessionEpoch,
        ),
        (
            17,
            in_session(id ^ 1, 1),
            ResponseError::FetchSessionIdNotFound,
        ),
        (17, in_session(-5, 1), ResponseError::FetchSessionIdNotFound),
        (
            17,
            in_session(i32::MAX, 1),
            ResponseError::FetchSessionIdNotFound,
        ),
        (
            12,
            in_session(id, 1),
            ResponseError::FetchSessionTopicIdError,
        ),
    ];
    for (version, mut request, error) in errors {
        if version < 15 {
            request.replica_id = (-1).into();
        }
        let response = client.call(version, &request);
        assert_eq!(response.error_code, error.code());
        assert_eq!(response.session_id, 0);
        assert!(response.responses.is_empty());
    }
    // None of these moved it.
    assert_eq!(client.call(17, &in_session(id, 1)).error_code, 0);
    // Its reader may close it, and does not get another.
    let close = in_session(id, -1).with_topics(vec![wanted(orders, &[(0, 0)])]);
    let closed = client.call(17, &close);
    assert_eq!((closed.session_id, told(&closed)), (0, vec![(0, 0)]));
    let gone = client.call(17, &in_session(id, 2));
    assert_eq!(
        gone.error_code,
        ResponseError::FetchSessionIdNotFound.code()
    );
}

#[tokio::test]
async fn a_topic_made_again_is_not_the_one_a_session_reads() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let bills = topic_id(&mut client, "bills");
    let id = begin(&mut client, bills, &[(0, 0)]);
    delete(&mut client, "bills");
    let gone = client.call(17, &in_session(id, 1));
    let code = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(told(&gone), [(0, code)]);
    assert_ne!(topic_id(&mut client, "bills"), bills, "made again");
    let other = client.call(17, &in_session(id, 2));
    let code = ResponseError::InconsistentTopicId.code();
    assert_eq!(told(&other), [(0, code)]);
    assert_eq!(other.responses[0].topic_id, bills);
    // Whoever names the old one only now never knew what it was called.
    let late = in_session(id, 3).with_topics(vec![wanted(bills, &[(1, 0)])]);
    let unknown = ResponseError::UnknownTopicId.code();
    assert_eq!(told(&client.call(17, &late)), [(0, code), (1, unknown)]);
}

#[tokio::test]
async fn an_unknown_partition_does_not_end_a_long_poll_on_others() {
    let broker = broker().await;
    let (mut reader, mut writer) = (Client::connect(&broker), Client::connect(&broker));
    let orders = topic_id(&mut reader, "orders");
    let nobody = wanted(Uuid::from_bytes([3; 16]), &[(0, 0)]);
    let request = in_session(0, 0)
        .with_max_wait_ms(15_000)
        .with_topics(vec![nobody, wanted(orders, &[(77, 0), (0, 0)])]);
    reader.send(17, &request);
    std::thread::sleep(std::time::Duration::from_millis(100));
    produce(&mut writer, "orders", batch(1));
    let response = reader.receive::<FetchRequest>(17);
    // What is there comes first.
    let expected = [
        (0, 0),
        (0, ResponseError::UnknownTopicId.code()),
        (77, ResponseError::UnknownTopicOrPartition.code()),
    ];
    assert_eq!(told(&response), expected);
    assert!(response.responses[0].partitions[0].records.is_some());
}

#[tokio::test]
async fn a_partition_named_twice_is_answered_once_and_as_it_came_last() {
    let broker = broker().await;
    let mut client = Client::connect(&broker);
    let orders = topic_id(&mut client, "orders");
    produce(&mut client, "orders", batch(1));
    produce(&mut client, "orders", batch(1));
    let twice = vec![wanted(orders, &[(0, 0), (1, 0)]), wanted(orders, &[(0, 1)])];
    let response = client.call(17, &in_session(0, -1).with_topics(twice));
    assert_eq!(told(&response), [(0, 0), (1, 0)]);
    let records = response.responses[0].partitions[0]
        .records
        .as_ref()
        .unwrap();
    assert_eq!(records[..8], 1i64.to_be_bytes());
}

#[tokio::test]
async fn without_slots_nobody_gets_a_session() {
    let broker = Broker::builder()
        .topic("orders", 1)
        .config("max.incremental.fetch.session.cache.slots", "0")
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&broker);
    let orders = topic_id(&mut client, "orders");
    let request = in_session(0, 0).with_topics(vec![wanted(orders, &[(0, 0)])]);
    let response = client.call(17, &request);
    assert_eq!((response.session_id, told(&response)), (0, vec![(0, 0)]));
}
