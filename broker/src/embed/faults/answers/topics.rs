//! What is asked of topics: Metadata, CreateTopics, DeleteTopics,
//! CreatePartitions, DescribeTopicPartitions.

use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataRequest,
    MetadataResponse,
};
use uuid::Uuid;

use super::super::selection::Selection;
use super::patched::as_it_is;
use super::split::{always, take_if};
use super::{Patched, Split};

/// Nobody leads the partition.
const NO_LEADER: BrokerId = BrokerId(-1);

pub(super) static METADATA: Patched<MetadataRequest, MetadataResponse> = Patched {
    is_about: |request, wanted| match &request.topics {
        // None, or in version 0 an empty list, is every topic.
        None => true,
        Some(topics) if topics.is_empty() => true,
        Some(topics) => topics.iter().any(|topic| {
            let name = topic.name.as_ref().map(|name| name.0.as_str());
            wanted.is_topic(name.unwrap_or_default(), topic.topic_id)
        }),
    },
    // Metadata makes topics that are missing, unless told not to, which it can
    // be told since version 4 only.
    prepare: |request, version| request.allow_auto_topic_creation &= version < 4,
    patch: patch_metadata,
};

fn patch_metadata(response: &mut MetadataResponse, wanted: &Selection, version: i16, code: i16) {
    if wanted.is_everything() && version >= FIRST_WITH_AN_ERROR_OF_ITS_OWN {
        response.error_code = code;
    }
    for topic in &mut response.topics {
        let name = topic.name.as_ref().map(|name| name.0.as_str());
        if !wanted.is_topic(name.unwrap_or_default(), topic.topic_id) {
            continue;
        }
        if !wanted.is_one_partition() {
            topic.error_code = code;
            topic.partitions.clear();
        }
        let partitions = topic.partitions.iter_mut();
        for partition in partitions.filter(|one| wanted.is_partition(one.partition_index)) {
            partition.error_code = code;
            partition.leader_id = NO_LEADER;
        }
    }
}

/// Of Metadata (KIP-1102).
const FIRST_WITH_AN_ERROR_OF_ITS_OWN: i16 = 13;

pub(super) static DESCRIBE_TOPIC_PARTITIONS: Patched<
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
> = Patched {
    is_about: |request, wanted| {
        let mut topics = request.topics.iter();
        topics.any(|topic| wanted.is_topic(&topic.name.0, Uuid::nil()))
    },
    prepare: as_it_is,
    patch: patch_topic_partitions,
};

fn patch_topic_partitions(
    response: &mut DescribeTopicPartitionsResponse,
    wanted: &Selection,
    _: i16,
    code: i16,
) {
    for topic in &mut response.topics {
        let name = topic.name.as_ref().map(|name| name.0.as_str());
        if !wanted.is_topic(name.unwrap_or_default(), topic.topic_id) {
            continue;
        }
        if !wanted.is_one_partition() {
            topic.error_code = code;
            topic.partitions.clear();
        }
        let partitions = topic.partitions.iter_mut();
        for partition in partitions.filter(|one| wanted.is_partition(one.partition_index)) {
            partition.error_code = code;
            partition.leader_id = NO_LEADER;
        }
    }
}

pub(super) static CREATE_TOPICS: Split<CreateTopicsRequest, CreateTopicsResponse> = Split {
    take: |request, wanted| {
        let is_wanted = |name: &str| wanted.is_topic(name, Uuid::nil());
        let taken = take_if(&mut request.topics, |topic| is_wanted(&topic.name.0));
        request.clone().with_topics(taken)
    },
    is_empty: |request| request.topics.is_empty(),
    fail: |request, _, code| {
        let topics = request.topics.into_iter().map(|topic| {
            CreatableTopicResult::default()
                .with_name(topic.name)
                .with_error_code(code)
        });
        CreateTopicsResponse::default().with_topics(topics.collect())
    },
    merge: |answer, failed| answer.topics.extend(failed.topics),
    is_answered: always,
};

pub(super) static DELETE_TOPICS: Split<DeleteTopicsRequest, DeleteTopicsResponse> = Split {
    take: take_delete_topics,
    is_empty: |request| request.topics.is_empty() && request.topic_names.is_empty(),
    fail: fail_delete_topics,
    merge: |answer, failed| answer.responses.extend(failed.responses),
    is_answered: always,
};

fn take_delete_topics(
    request: &mut DeleteTopicsRequest,
    wanted: &Selection,
) -> DeleteTopicsRequest {
    let states = take_if(&mut request.topics, |topic| {
        let name = topic.name.as_ref().map(|name| name.0.as_str());
        wanted.is_topic(name.unwrap_or_default(), topic.topic_id)
    });
    let names = take_if(&mut request.topic_names, |name| {
        wanted.is_topic(&name.0, Uuid::nil())
    });
    request.clone().with_topics(states).with_topic_names(names)
}

fn fail_delete_topics(request: DeleteTopicsRequest, _: i16, code: i16) -> DeleteTopicsResponse {
    let by_state = request.topics.into_iter().map(|topic| {
        DeletableTopicResult::default()
            .with_name(topic.name)
            .with_topic_id(topic.topic_id)
    });
    let names = request.topic_names.into_iter();
    let by_name = names.map(|name| DeletableTopicResult::default().with_name(Some(name)));
    let responses = by_state.chain(by_name);
    let responses = responses.map(|topic| topic.with_error_code(code));
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

pub(super) static CREATE_PARTITIONS: Split<CreatePartitionsRequest, CreatePartitionsResponse> =
    Split {
        take: |request, wanted| {
            let is_wanted = |name: &str| wanted.is_topic(name, Uuid::nil());
            let taken = take_if(&mut request.topics, |topic| is_wanted(&topic.name.0));
            request.clone().with_topics(taken)
        },
        is_empty: |request| request.topics.is_empty(),
        fail: |request, _, code| {
            let results = request.topics.into_iter().map(|topic| {
                CreatePartitionsTopicResult::default()
                    .with_name(topic.name)
                    .with_error_code(code)
            });
            CreatePartitionsResponse::default().with_results(results.collect())
        },
        merge: |answer, failed| answer.results.extend(failed.results),
        is_answered: always,
    };
