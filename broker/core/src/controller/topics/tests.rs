//! What is decided about topics: names, partitions, replicas, and what is refused.

use super::*;

const ONE: &[NodeId] = &[NodeId(0)];
const THREE: &[NodeId] = &[NodeId(0), NodeId(1), NodeId(2)];
const DEFAULTS: TopicDefaults = TopicDefaults {
    partitions: 3,
    replication_factor: 1,
};

fn request(name: &str) -> CreateTopic {
    CreateTopic {
        name: name.into(),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

fn created(image: &mut MetadataImage, brokers: &[NodeId], request: &CreateTopic) -> CreatedTopic {
    let id = TopicId([image.topic_count() as u8 + 1; 16]);
    let (records, created) = decide_create_topic(image, brokers, DEFAULTS, id, request).unwrap();
    records.iter().for_each(|record| image.replay(record));
    created
}

fn refused(image: &MetadataImage, request: &CreateTopic) -> CreateTopicError {
    decide_create_topic(image, ONE, DEFAULTS, TopicId::ZERO, request).unwrap_err()
}

#[test]
fn a_topic_asks_for_defaults_and_gets_them() {
    let mut image = MetadataImage::default();
    let topic = created(&mut image, ONE, &request("t"));
    assert_eq!((topic.partitions, topic.replication_factor), (3, 1));
    let topic = image.topic("t").unwrap();
    assert_eq!(topic.partitions.len(), 3);
    assert_eq!(image.topic_by_id(topic.id), Some(topic));
}

#[test]
fn leaders_are_spread_over_the_brokers() {
    let mut image = MetadataImage::default();
    created(
        &mut image,
        THREE,
        &CreateTopic {
            replication_factor: 2,
            ..request("t")
        },
    );
    let leaders = image
        .topic("t")
        .unwrap()
        .partitions
        .iter()
        .map(|p| p.leader.unwrap());
    assert_eq!(leaders.collect::<Vec<_>>(), THREE);
    let copies: usize = image
        .topic("t")
        .unwrap()
        .partitions
        .iter()
        .map(|p| p.replicas.len())
        .sum();
    assert_eq!(copies, 6);
}

#[test]
fn a_name_is_taken_once_and_again_after_deletion_with_another_id() {
    let mut image = MetadataImage::default();
    let first = created(&mut image, ONE, &request("a.b"));
    assert!(matches!(
        refused(&image, &request("a.b")),
        CreateTopicError::AlreadyExists(_)
    ));
    assert!(matches!(
        refused(&image, &request("a_b")),
        CreateTopicError::Collision { .. }
    ));
    let topic = Arc::clone(image.topic("a.b").unwrap());
    decide_delete_topic(&topic)
        .iter()
        .for_each(|record| image.replay(record));
    assert!(image.topic("a.b").is_none() && image.topic_by_id(first.id).is_none());
    created(&mut image, ONE, &request("a_b"));
    assert!(matches!(
        refused(&image, &request("a.b")),
        CreateTopicError::Collision { .. }
    ));
    let topic = Arc::clone(image.topic("a_b").unwrap());
    decide_delete_topic(&topic)
        .iter()
        .for_each(|record| image.replay(record));
    created(&mut image, ONE, &request("other"));
    let second = created(&mut image, ONE, &request("a.b"));
    assert_ne!(first.id, second.id);
}

#[test]
fn nobody_makes_the_topic_whose_folder_the_metadata_log_lives_in() {
    let problem = refused(&MetadataImage::default(), &request("__cluster_metadata"));
    assert_eq!(problem, CreateTopicError::MetadataTopic);
}

#[test]
fn the_partitions_of_one_request_are_counted_together() {
    let of = |partitions| CreateTopic {
        partitions,
        ..request("t")
    };
    let limit = |wanted: &[CreateTopic]| limit_partitions(DEFAULTS, wanted);
    assert_eq!(limit(&[of(9_000), of(1_000)]), Ok(()));
    let too_many = Err(CreateTopicError::TooManyPartitions);
    assert_eq!(limit(&[of(9_000), of(1_001)]), too_many);
    assert_eq!(limit(&[of(9_998), of(-1)]), too_many, "three by default");
    assert_eq!(limit(&[of(i32::MAX), of(i32::MAX)]), too_many);

    let mut image = MetadataImage::default();
    created(&mut image, ONE, &request("left"));
    created(&mut image, ONE, &request("right"));
    let limit = |left, right| {
        let wanted = [("left", left), ("right", right), ("missing", i32::MAX)];
        limit_added_partitions(&image, wanted.into_iter())
    };
    assert_eq!(limit(5_003, 5_003), Ok(()));
    let too_many = Err(CreatePartitionsError::TooManyPartitions);
    assert_eq!(limit(5_003, 5_004), too_many);
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let image = MetadataImage::default();
    let zero = CreateTopic {
        partitions: 0,
        ..request("t")
    };
    assert_eq!(refused(&image, &zero), CreateTopicError::Partitions);
    let many = CreateTopic {
        partitions: i32::MAX,
        ..request("t")
    };
    assert_eq!(refused(&image, &many), CreateTopicError::TooManyPartitions);
    for wanted in [0, 2, -2] {
        let factor = CreateTopic {
            replication_factor: wanted,
            ..request("t")
        };
        let problem = refused(&image, &factor);
        assert_eq!(
            problem,
            CreateTopicError::ReplicationFactor { wanted, brokers: 1 }
        );
    }
}

#[test]
fn a_manual_placement_must_be_whole_and_on_known_brokers() {
    let image = MetadataImage::default();
    let placed = |assignments: &[(i32, &[i32])]| CreateTopic {
        assignments: assignments
            .iter()
            .map(|(index, nodes)| {
                (
                    PartitionIndex(*index),
                    nodes.iter().map(|node| NodeId(*node)).collect(),
                )
            })
            .collect(),
        ..request("t")
    };
    let wrong: [&[(i32, &[i32])]; 5] = [
        &[(1, &[0])],
        &[(0, &[0]), (0, &[0])],
        &[(0, &[7])],
        &[(0, &[])],
        &[(0, &[0, 0])],
    ];
    for assignments in wrong {
        let problem = refused(&image, &placed(assignments));
        assert!(
            matches!(problem, CreateTopicError::Assignment(_)),
            "{assignments:?}"
        );
    }
    let both = CreateTopic {
        partitions: 1,
        ..placed(&[(0, &[0])])
    };
    assert!(matches!(
        refused(&image, &both),
        CreateTopicError::AssignmentAndNumbers(_)
    ));
    let mut image = image;
    assert_eq!(
        created(&mut image, ONE, &placed(&[(1, &[0]), (0, &[0])])).partitions,
        2
    );
}

#[test]
fn a_wrong_property_refuses_the_topic() {
    let configs = vec![("retention.ms".to_owned(), Some("soon".to_owned()))];
    let problem = refused(
        &MetadataImage::default(),
        &CreateTopic {
            configs,
            ..request("t")
        },
    );
    assert!(matches!(
        problem,
        CreateTopicError::Config(ConfigError::InvalidValue { .. })
    ));
}

#[test]
fn partitions_can_be_added_and_never_taken_away() {
    let mut image = MetadataImage::default();
    created(&mut image, ONE, &request("t"));
    let topic = Arc::clone(image.topic("t").unwrap());
    for wanted in [0, 3] {
        let problem = decide_create_partitions(&topic, ONE, wanted, None).unwrap_err();
        assert!(matches!(
            problem,
            CreatePartitionsError::NotAnIncrease { current: 3, .. }
        ));
    }
    let records = decide_create_partitions(&topic, ONE, 5, None).unwrap();
    records.iter().for_each(|record| image.replay(record));
    assert_eq!(image.topic("t").unwrap().partitions.len(), 5);
    let problem = decide_create_partitions(&topic, ONE, 5, Some(&[vec![NodeId(0)]])).unwrap_err();
    assert!(matches!(problem, CreatePartitionsError::Assignment(_)));
}
