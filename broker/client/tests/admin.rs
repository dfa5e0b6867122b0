//! Admin calls against a real broker over TCP.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use ottla_client::admin::{ConfigResource, ConfigSource, NewTopic};
use ottla_client::{
    ClientError, Committed, OffsetSpec, Producer, ProducerConfig, ProducerRecord, TopicPartition,
};
use support::{cluster, create_topic, eventually, unique};

fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> &'static str {
    let code = result.unwrap_err().code().unwrap();
    code.name().unwrap()
}

#[tokio::test]
async fn a_topic_is_created_grown_and_deleted() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let name = unique("topic");
    let new = NewTopic::new(&name)
        .with_partitions(2)
        .with_replication_factor(1);
    let topic = client.create_topic(&new).await.unwrap();
    assert_eq!(topic.partition_count(), 2);
    assert_eq!(topic.partitions[1].replicas.len(), 1);
    assert_eq!(topic.partitions[1].isr, topic.partitions[1].replicas);
    assert_eq!(
        code(client.create_topic(&new).await),
        "TOPIC_ALREADY_EXISTS"
    );

    client.create_partitions(&name, 5).await.unwrap();
    assert_eq!(
        code(client.create_partitions(&name, 3).await),
        "INVALID_PARTITIONS"
    );
    let grown = eventually(
        || async { client.refresh_all_topics().await.unwrap().topics[&name].clone() },
        |topic| topic.partition_count() != 2,
    )
    .await;
    assert_eq!(grown.partition_count(), 5);
    assert_eq!(grown.id, topic.id);

    client.delete_topic(&name).await.unwrap();
    assert_eq!(
        code(client.delete_topic(&name).await),
        "UNKNOWN_TOPIC_OR_PARTITION"
    );
    assert_eq!(
        code(client.topic(&name, false).await),
        "UNKNOWN_TOPIC_OR_PARTITION"
    );
}

#[tokio::test]
async fn wrong_topics_are_refused_with_a_sentence() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let too_many = NewTopic::new(unique("rf")).with_replication_factor(3);
    assert_eq!(
        code(client.create_topic(&too_many).await),
        "INVALID_REPLICATION_FACTOR"
    );
    let refused = client.create_topic(&NewTopic::new("no/slashes")).await;
    let Err(ClientError::Refused { message, code, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code.name(), Some("INVALID_TOPIC_EXCEPTION"));
    assert!(message.is_some());
    let unknown = NewTopic::new(unique("cfg")).with_config("no.such.config", "1");
    assert_eq!(
        self::code(client.create_topic(&unknown).await),
        "INVALID_CONFIG"
    );
}

#[tokio::test]
async fn a_topics_property_is_set_shown_and_reset() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let name = unique("config");
    let new = NewTopic::new(&name).with_config("retention.ms", "1000");
    client.create_topic(&new).await.unwrap();
    let resource = ConfigResource::Topic(name);
    let retention = || async {
        let entries = client.describe_configs(&resource).await.unwrap();
        let found = entries
            .into_iter()
            .find(|entry| entry.name == "retention.ms");
        found.unwrap()
    };
    let first = retention().await;
    assert_eq!(
        (first.value.as_deref(), first.source),
        (Some("1000"), ConfigSource::Topic)
    );
    let set = BTreeMap::from([("retention.ms".to_owned(), Some("2000".to_owned()))]);
    client.alter_configs(&resource, &set).await.unwrap();
    let changed = eventually(retention, |entry| entry.value.as_deref() != Some("1000")).await;
    assert_eq!(changed.value.as_deref(), Some("2000"));
    let reset = BTreeMap::from([("retention.ms".to_owned(), None)]);
    client.alter_configs(&resource, &reset).await.unwrap();
    let back = eventually(retention, |entry| entry.source != ConfigSource::Topic).await;
    assert_eq!(back.source, ConfigSource::Default);
    let wrong = BTreeMap::from([("retention.ms".to_owned(), Some("soon".to_owned()))]);
    assert_eq!(
        code(client.alter_configs(&resource, &wrong).await),
        "INVALID_CONFIG"
    );
}

#[tokio::test]
async fn a_brokers_properties_are_shown() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let node = client.describe_cluster().await.unwrap().brokers[0].id;
    let entries = client
        .describe_configs(&ConfigResource::Broker(node))
        .await
        .unwrap();
    assert!(entries.iter().any(|entry| entry.name == "num.partitions"));
}

#[tokio::test]
async fn the_cluster_names_itself_and_its_brokers() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let cluster = client.describe_cluster().await.unwrap();
    assert!(!cluster.cluster_id.is_empty());
    assert_eq!(cluster.brokers.len(), 1);
    assert_eq!(client.metadata().cluster_id, Some(cluster.cluster_id));
}

#[tokio::test]
async fn a_groups_offsets_are_committed_fetched_and_deleted_from_outside() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let (topic, group) = (unique("offsets"), unique("offsets"));
    create_topic(client, &topic, 2).await;
    let partition = TopicPartition::new(&topic, 1);
    let committed = Committed {
        offset: 42,
        leader_epoch: -1,
        metadata: "from a tool".to_owned(),
    };
    let offsets = BTreeMap::from([(partition.clone(), committed)]);
    client.commit_group_offsets(&group, &offsets).await.unwrap();
    assert_eq!(client.committed_offsets(&group).await.unwrap(), offsets);

    let listed = client.list_groups().await.unwrap();
    assert!(listed.iter().any(|listed| listed.group == group));
    let described = client.describe_group(&group).await.unwrap();
    assert_eq!(described.state, "Empty");
    assert!(described.members.is_empty());

    client
        .delete_group_offsets(&group, std::slice::from_ref(&partition))
        .await
        .unwrap();
    assert!(client.committed_offsets(&group).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_group_is_deleted_and_then_unknown() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let (topic, group) = (unique("delete"), unique("delete"));
    create_topic(client, &topic, 1).await;
    let offsets = BTreeMap::from([(TopicPartition::new(&topic, 0), Committed::at(1))]);
    client.commit_group_offsets(&group, &offsets).await.unwrap();
    client.delete_group(&group).await.unwrap();
    assert_eq!(
        code(client.delete_group(&group).await),
        "GROUP_ID_NOT_FOUND"
    );
    assert_eq!(
        code(client.describe_group(&group).await),
        "GROUP_ID_NOT_FOUND"
    );
}

#[tokio::test]
async fn offsets_are_listed_by_place() {
    let cluster = cluster().await;
    let client = &cluster.client;
    let topic = unique("list");
    create_topic(client, &topic, 1).await;
    let mut producer = Producer::new(client.clone(), ProducerConfig::default()).unwrap();
    for n in 0..3 {
        let mut record = ProducerRecord::new(&topic, "v");
        record.timestamp_ms = Some(1_700_000_000_000 + n);
        producer.send(record).await.unwrap();
    }
    let partition = TopicPartition::new(&topic, 0);
    for (spec, offset) in [
        (OffsetSpec::Earliest, 0),
        (OffsetSpec::Latest, 3),
        (OffsetSpec::Timestamp(1_700_000_000_001), 1),
        (OffsetSpec::Timestamp(1_800_000_000_000), 3),
        (OffsetSpec::At(7), 7),
    ] {
        let wanted = BTreeMap::from([(partition.clone(), spec)]);
        let listed = client.list_offsets(&wanted).await;
        assert_eq!(*listed[&partition].as_ref().unwrap(), offset, "{spec:?}");
    }
    let missing = TopicPartition::new(&topic, 9);
    let wanted = BTreeMap::from([(missing.clone(), OffsetSpec::At(0))]);
    assert!(client.list_offsets(&wanted).await[&missing].is_ok());
}
