//! What the APIs of groups share: the wire's words for the core's, and answers
//! that come when the coordinator has them.

use bytes::Bytes;
use kafka_protocol::messages::{GroupId as WireGroupId, TopicName as WireTopicName};
use kafka_protocol::protocol::{Encodable, StrBytes};
use ottla_core::group::classic::ClientIdentity;
use ottla_core::group::offsets::{Outcome, Topic};
use ottla_core::group::{GroupError, GroupId, GroupReply, InstanceId, MemberId};
use ottla_core::ids::PartitionIndex;

use super::errors::ApiError;
use super::{Answer, RequestContext, encode_as, wire_text};
use crate::node::coordinators::Asked;

/// Answers with what the coordinator says, translated.
pub(super) fn answer<Response>(
    context: &RequestContext,
    asked: Asked,
    translate: impl FnOnce(Result<GroupReply, GroupError>) -> Response + Send + 'static,
) -> Answer
where
    Response: Encodable,
{
    match asked {
        Asked::Answered(result) => Answer::ready(context, &translate(result)),
        Asked::Waiting(_) => {
            let version = context.api_version;
            Answer::Later(Box::pin(async move {
                encode_as(version, &translate(asked.answer().await))
            }))
        }
    }
}

/// Answers with what several coordinators say, in the order they were asked.
pub(super) fn answer_all<Response>(
    context: &RequestContext,
    asked: Vec<Asked>,
    translate: impl FnOnce(Vec<Result<GroupReply, GroupError>>) -> Response + Send + 'static,
) -> Answer
where
    Response: Encodable,
{
    let version = context.api_version;
    Answer::Later(Box::pin(async move {
        let mut results = Vec::with_capacity(asked.len());
        for asked in asked {
            results.push(asked.answer().await);
        }
        encode_as(version, &translate(results))
    }))
}

/// The core answers each request in its own kind.
pub(super) fn other_kind(reply: &GroupReply) -> ! {
    unreachable!("a reply is of its request's kind, not {reply:?}")
}

/// The error's number; 0 for none.
pub(super) fn error_code(error: Option<GroupError>) -> i16 {
    error.map_or(0, |error| ApiError::from(error).code())
}

pub(super) fn group_id(group: &WireGroupId) -> GroupId {
    GroupId::from(group.0.as_str())
}

pub(super) fn wire_group(group: &GroupId) -> WireGroupId {
    WireGroupId(wire_text(group.as_str()))
}

pub(super) fn member_id(member: &StrBytes) -> MemberId {
    MemberId::from(member.as_str())
}

pub(super) fn wire_member(member: &MemberId) -> StrBytes {
    wire_text(member.as_str())
}

pub(super) fn instance_id(instance: Option<&StrBytes>) -> Option<InstanceId> {
    instance.map(|instance| InstanceId::from(instance.as_str()))
}

pub(super) fn wire_instance(instance: Option<&InstanceId>) -> Option<StrBytes> {
    instance.map(|instance| wire_text(instance.as_str()))
}

pub(super) fn wire_topic(topic: &str) -> WireTopicName {
    WireTopicName(wire_text(topic))
}

/// Who asks, as groups show their members. Kafka writes an address with Java's
/// slash in front.
pub(super) fn identity(context: &RequestContext) -> ClientIdentity {
    ClientIdentity {
        client_id: context
            .client_id
            .as_ref()
            .map_or_else(String::new, |client_id| client_id.to_string()),
        client_host: format!("/{}", context.peer.ip().to_canonical()),
    }
}

/// Bytes that are kept: a slice of the request would keep all of it.
pub(super) fn kept(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// The same outcome for every partition that was asked for.
pub(super) fn all_refused(
    topics: &[Topic<PartitionIndex>],
    error: &GroupError,
) -> Vec<Topic<Outcome>> {
    let refused = |&partition: &PartitionIndex| Outcome {
        partition,
        error: Some(error.clone()),
    };
    let topics = topics.iter().map(|topic| Topic {
        name: topic.name.clone(),
        partitions: topic.partitions.iter().map(refused).collect(),
    });
    topics.collect()
}
