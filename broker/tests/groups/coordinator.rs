//! FindCoordinator, and what the first request of any group brings about.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    DeleteTopicsRequest, FindCoordinatorRequest, JoinGroupRequest, MetadataRequest,
};
use ottla::Broker;

use crate::requests::{
    commit, find_coordinator, heartbeat, join, join_request, started, sync_request, text,
    topic_name,
};
use crate::socket::Client;

#[tokio::test]
async fn every_version_finds_the_coordinator_where_the_broker_is() {
    let (broker, mut client) = started().await;
    for version in 0..=6 {
        let request = FindCoordinatorRequest::default();
        let (node, port) = match version {
            ..4 => {
                let found = client.call(version, &request.with_key(text("readers")));
                assert_eq!(found.error_code, 0);
                (found.node_id.0, found.port)
            }
            _ => {
                let keys = vec![text("readers"), text("writers")];
                let found = client.call(version, &request.with_coordinator_keys(keys));
                assert_eq!(found.coordinators.len(), 2);
                assert_eq!(found.coordinators[1].key, text("writers"));
                let place = &found.coordinators[0];
                assert_eq!(place.error_code, 0);
                (place.node_id.0, place.port)
            }
        };
        assert_eq!(node, 0);
        assert_eq!(port, i32::from(broker.address().port()));
    }
}

#[tokio::test]
async fn the_offsets_topic_is_made_on_first_use_and_not_before() {
    let broker = Broker::builder()
        .config("offsets.topic.num.partitions", "7")
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&broker);
    let name = topic_name("__consumer_offsets");
    let topic = MetadataRequestTopic::default().with_name(Some(name));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(false);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(client.call(9, &request).topics[0].error_code, unknown);
    let not_coordinator = ResponseError::NotCoordinator.code();
    assert_eq!(commit(&mut client, "readers", 1), not_coordinator);

    find_coordinator(&mut client);
    let topics = client.call(9, &request).topics;
    assert_eq!(topics[0].error_code, 0);
    assert!(topics[0].is_internal);
    assert_eq!(topics[0].partitions.len(), 7);
}

#[tokio::test]
async fn a_member_that_waits_is_told_when_the_coordinator_goes() {
    let (broker, mut client) = started().await;
    let mut waiting = Client::connect(&broker);
    let leader = join(&mut client, 9, "readers");
    client.call(5, &sync_request(5, "readers", &leader, &[]));
    let request = join_request(3, "readers");
    waiting.send(3, &request);
    let rebalancing = ResponseError::RebalanceInProgress.code();
    while heartbeat(&mut client, 4, "readers", &leader) != rebalancing {}

    let doomed = vec![topic_name("__consumer_offsets")];
    let request = DeleteTopicsRequest::default().with_topic_names(doomed);
    assert_eq!(client.call(5, &request).responses[0].error_code, 0);
    let told = waiting.receive::<JoinGroupRequest>(3);
    assert_eq!(told.error_code, ResponseError::NotCoordinator.code());

    // There is another one as soon as somebody looks for it.
    find_coordinator(&mut client);
    assert_eq!(commit(&mut client, "readers", 1), 0);
}

#[tokio::test]
async fn other_kinds_of_coordinator_are_refused_with_a_sentence() {
    let (_broker, mut client) = started().await;
    for key_type in [1, 2, 99] {
        let request = FindCoordinatorRequest::default()
            .with_key_type(key_type)
            .with_coordinator_keys(vec![text("some id")]);
        let found = client.call(6, &request).coordinators.remove(0);
        assert_eq!(found.error_code, ResponseError::InvalidRequest.code());
        assert!(found.error_message.unwrap().contains("coordinates groups"));
        assert_eq!((found.node_id.0, found.port), (-1, -1));
    }
}
