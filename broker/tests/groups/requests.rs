//! The requests these tests send.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use ottla::Broker;

use crate::socket::Client;

pub const TOPIC: &str = "orders";

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

pub fn topic_name(topic: &str) -> TopicName {
    TopicName(text(topic))
}

/// A broker that coordinates, and a connection to it.
pub async fn started() -> (Broker, Client) {
    let broker = Broker::builder().topic(TOPIC, 3).start().await.unwrap();
    let mut client = Client::connect(&broker);
    find_coordinator(&mut client);
    (broker, client)
}

/// Asks as clients do before anything else.
pub fn find_coordinator(client: &mut Client) {
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("readers")]);
    let found = client.call(4, &request);
    assert_eq!(found.coordinators[0].error_code, 0);
}

/// JoinGroup as `version` has it, without a member id.
pub fn join_request(version: i16, group: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(subscription());
    let request = JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    match version {
        0 => request,
        _ => request.with_rebalance_timeout_ms(10_000),
    }
}

/// A consumer's subscription to [`TOPIC`], version 0 of its schema.
pub fn subscription() -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, TOPIC.len() as u8];
    bytes.extend(TOPIC.as_bytes());
    bytes.extend([0xff; 4]);
    bytes.into()
}

/// Joins, once more with the id that is given from version 4 on.
pub fn join(client: &mut Client, version: i16, group: &str) -> JoinGroupResponse {
    let request = join_request(version, group);
    let joined = client.call(version, &request);
    if version < 4 {
        return joined;
    }
    let required = ResponseError::MemberIdRequired.code();
    assert_eq!(joined.error_code, required);
    client.call(version, &request.with_member_id(joined.member_id))
}

pub fn sync_request(
    version: i16,
    group: &str,
    joined: &JoinGroupResponse,
    assignments: &[(&StrBytes, &'static str)],
) -> SyncGroupRequest {
    let assignments = assignments.iter().map(|(member, assignment)| {
        SyncGroupRequestAssignment::default()
            .with_member_id((*member).clone())
            .with_assignment(Bytes::from(*assignment))
    });
    let request = SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(assignments.collect());
    match version {
        5.. => request
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range"))),
        _ => request,
    }
}

pub fn heartbeat(
    client: &mut Client,
    version: i16,
    group: &str,
    joined: &JoinGroupResponse,
) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone());
    client.call(version, &request).error_code
}

pub fn leave_request(version: i16, group: &str, member: &StrBytes) -> LeaveGroupRequest {
    let request = LeaveGroupRequest::default().with_group_id(group_id(group));
    match version {
        ..3 => request.with_member_id(member.clone()),
        _ => {
            let leaving = MemberIdentity::default().with_member_id(member.clone());
            request.with_members(vec![leaving])
        }
    }
}

/// Commits for partition 0, from outside the group.
pub fn commit_request(version: i16, group: &str, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("a note")));
    let partition = match version {
        6.. => partition.with_committed_leader_epoch(3),
        _ => partition,
    };
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(TOPIC))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

pub fn commit(client: &mut Client, group: &str, offset: i64) -> i16 {
    let response = client.call(9, &commit_request(9, group, offset));
    response.topics[0].partitions[0].error_code
}

/// Asks for partitions 0 and 1.
pub fn fetch_request(version: i16, group: &str) -> OffsetFetchRequest {
    match version {
        ..8 => {
            let topic = OffsetFetchRequestTopic::default()
                .with_name(topic_name(TOPIC))
                .with_partition_indexes(vec![0, 1]);
            OffsetFetchRequest::default()
                .with_group_id(group_id(group))
                .with_topics(Some(vec![topic]))
        }
        _ => {
            let topic = OffsetFetchRequestTopics::default()
                .with_name(topic_name(TOPIC))
                .with_partition_indexes(vec![0, 1]);
            let group = OffsetFetchRequestGroup::default()
                .with_group_id(group_id(group))
                .with_member_epoch(-1)
                .with_topics(Some(vec![topic]));
            OffsetFetchRequest::default().with_groups(vec![group])
        }
    }
}

/// The offset committed for partition 0; −1 for none.
pub fn committed(client: &mut Client, group: &str) -> i64 {
    let response = client.call(8, &fetch_request(8, group));
    assert_eq!(response.groups[0].error_code, 0);
    response.groups[0].topics[0].partitions[0].committed_offset
}
