//! Produce and Fetch.

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiKey, FetchRequest, FetchResponse, ProduceRequest, ProduceResponse,
};

use super::super::selection::Selection;
use super::split::{always, merge_partitions, take_partitions};
use super::{Call, Split};
use crate::apis::{Answer, Malformed, decode};

pub(super) static PRODUCE: Split<ProduceRequest, ProduceResponse> = Split {
    take: take_produce,
    is_empty: |request| request.topic_data.is_empty(),
    fail: fail_produce,
    merge: |answer, failed| {
        merge_partitions(
            &mut answer.responses,
            failed.responses,
            |left, right| (&left.name, left.topic_id) == (&right.name, right.topic_id),
            |topic| &mut topic.partition_responses,
        );
    },
    is_answered: |request| request.acks != 0,
};

fn take_produce(request: &mut ProduceRequest, wanted: &Selection) -> ProduceRequest {
    let taken = take_partitions(
        &mut request.topic_data,
        |topic| wanted.is_topic(&topic.name.0, topic.topic_id),
        |topic| &mut topic.partition_data,
        |partition| wanted.is_partition(partition.index),
    );
    request.clone().with_topic_data(taken)
}

fn fail_produce(request: ProduceRequest, _: i16, code: i16) -> ProduceResponse {
    let topics = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_error_code(code)
                .with_base_offset(-1)
        });
        TopicProduceResponse::default()
            .with_partition_responses(partitions.collect())
            .with_name(topic.name)
            .with_topic_id(topic.topic_id)
    });
    ProduceResponse::default().with_responses(topics.collect())
}

pub(super) static FETCH: Split<FetchRequest, FetchResponse> = Split {
    take: take_fetch,
    is_empty: |request| request.topics.is_empty(),
    fail: fail_fetch,
    merge: |answer, failed| {
        merge_partitions(
            &mut answer.responses,
            failed.responses,
            |left, right| (&left.topic, left.topic_id) == (&right.topic, right.topic_id),
            |topic| &mut topic.partitions,
        );
    },
    is_answered: always,
};

/// No session: the next Fetch names its partitions again.
const SESSIONLESS_EPOCH: i32 = -1;

fn take_fetch(request: &mut FetchRequest, wanted: &Selection) -> FetchRequest {
    let taken = take_partitions(
        &mut request.topics,
        |topic| wanted.is_topic(&topic.topic.0, topic.topic_id),
        |topic| &mut topic.partitions,
        |partition| wanted.is_partition(partition.partition),
    );
    if !taken.is_empty() {
        // Kafka answers at once where a partition fails.
        request.max_wait_ms = 0;
        (request.session_id, request.session_epoch) = (0, SESSIONLESS_EPOCH);
        request.forgotten_topics_data.clear();
    }
    request.clone().with_topics(taken)
}

fn fail_fetch(request: FetchRequest, _: i16, code: i16) -> FetchResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            PartitionData::default()
                .with_partition_index(partition.partition)
                .with_error_code(code)
                .with_high_watermark(-1)
                .with_records(Some(bytes::Bytes::new()))
        });
        FetchableTopicResponse::default()
            .with_partitions(partitions.collect())
            .with_topic(topic.topic)
            .with_topic_id(topic.topic_id)
    });
    FetchResponse::default().with_responses(topics.collect())
}

/// What ends the session of a Fetch that goes on with one, and so leaves out
/// the partitions it means; the client begins anew and names them all.
pub(in super::super) fn end_fetch_session(
    call: &Call<'_>,
    body: &BytesMut,
) -> Result<Option<Answer>, Malformed> {
    if call.row.key != ApiKey::Fetch {
        return Ok(None);
    }
    let request: FetchRequest = decode(call.context, body.clone())?;
    let goes_on = request.session_id != 0 && request.session_epoch > 0;
    Ok(goes_on.then(|| {
        let code = ResponseError::FetchSessionIdNotFound.code();
        Answer::ready(
            call.context,
            &FetchResponse::default().with_error_code(code),
        )
    }))
}
