//! DescribeLogDirs: where partitions lie, and how large they are.

use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use kafka_protocol::messages::{DescribeLogDirsRequest, TopicName};
use ottla::Broker;

use crate::socket::Client;
use crate::{create, produce, topic_name};

fn wanted(topics: &[(&str, &[i32])]) -> DescribeLogDirsRequest {
    let topics = topics.iter().map(|(name, partitions)| {
        DescribableLogDirTopic::default()
            .with_topic(topic_name(name))
            .with_partitions(partitions.to_vec())
    });
    DescribeLogDirsRequest::default().with_topics(Some(topics.collect()))
}

/// Name, index and size of every partition that is described.
fn partitions(directory: &DescribeLogDirsResult) -> Vec<(TopicName, i32, i64)> {
    let of_topics = directory.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            assert_eq!((partition.offset_lag, partition.is_future_key), (0, false));
            let (index, size) = (partition.partition_index, partition.partition_size);
            (topic.name.clone(), index, size)
        })
    });
    of_topics.collect()
}

#[tokio::test]
async fn every_partition_is_described_with_the_bytes_its_log_has() {
    let data = tempfile::tempdir().unwrap();
    let broker = Broker::builder().data_dir(data.path()).start().await;
    let broker = broker.unwrap();
    let mut client = Client::connect(&broker);
    create(&mut client, &[("events", 1), ("orders", 2)]);
    produce(&mut client, "orders");
    let log = data.path().join("orders-0/00000000000000000000.log");
    let size_bytes = std::fs::metadata(log).unwrap().len() as i64;
    assert!(size_bytes > 61);
    let (events, orders) = (topic_name("events"), topic_name("orders"));
    for version in 1..=4 {
        let everything = DescribeLogDirsRequest::default().with_topics(None);
        let answer = client.call(version, &everything);
        assert_eq!((answer.error_code, answer.results.len()), (0, 1));
        let directory = &answer.results[0];
        assert_eq!(directory.log_dir.as_str(), data.path().to_str().unwrap());
        assert_eq!(
            partitions(directory),
            [
                (events.clone(), 0, 0),
                (orders.clone(), 0, size_bytes),
                (orders.clone(), 1, 0)
            ]
        );
        let is_sized = directory.total_bytes >= directory.usable_bytes;
        assert!(is_sized && (directory.usable_bytes > 0) == (version >= 4));
    }
}

#[tokio::test]
async fn what_is_asked_for_twice_is_described_once_and_what_is_not_there_is_left_out() {
    let broker = Broker::builder().start().await.unwrap();
    let mut client = Client::connect(&broker);
    create(&mut client, &[("orders", 2)]);
    let mut described = |wanted: &[(&str, &[i32])]| {
        let answer = client.call(4, &self::wanted(wanted));
        let directory = &answer.results[0];
        assert_eq!(
            (directory.log_dir.as_str(), directory.total_bytes),
            ("memory", -1)
        );
        partitions(directory)
    };
    let second = (topic_name("orders"), 1, 0);
    let repeated: [(&str, &[i32]); 3] = [("orders", &[1, 1, 7]), ("gone", &[0]), ("orders", &[1])];
    assert_eq!(described(&repeated), [second]);
    assert_eq!(described(&[]), []);
    assert_eq!(described(&[("orders", &[2])]), []);
}
