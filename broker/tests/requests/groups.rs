//! Requests of consumer groups, both protocols.

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest,
    DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, SyncGroupRequest,
};

use super::Draw;

pub fn offset_commit(draw: &mut Draw<'_>, version: i16) -> OffsetCommitRequest {
    let flexible = version >= 8;
    let mut request = OffsetCommitRequest::default();
    request.group_id = draw.string().into();
    request.generation_id_or_member_epoch = draw.int32();
    request.member_id = draw.string();
    if version >= 7 {
        request.group_instance_id = draw.maybe(Draw::string);
    }
    if version <= 4 {
        request.retention_time_ms = draw.int64();
    }
    request.topics = draw.list(|draw| {
        let mut topic = OffsetCommitRequestTopic::default();
        topic.name = draw.string().into();
        topic.partitions = draw.list(|draw| {
            let mut partition = OffsetCommitRequestPartition::default();
            partition.partition_index = draw.int32();
            partition.committed_offset = draw.int64();
            if version >= 6 {
                partition.committed_leader_epoch = draw.int32();
            }
            partition.committed_metadata = draw.maybe(Draw::string);
            partition.unknown_tagged_fields = draw.tags(flexible);
            partition
        });
        topic.unknown_tagged_fields = draw.tags(flexible);
        topic
    });
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn offset_fetch(draw: &mut Draw<'_>, version: i16) -> OffsetFetchRequest {
    let flexible = version >= 6;
    let mut request = OffsetFetchRequest::default();
    if version >= 8 {
        request.groups = draw.list(|draw| offset_fetch_group(draw, version));
    } else {
        request.group_id = draw.string().into();
        let topics = draw.list(|draw| {
            OffsetFetchRequestTopic::default()
                .with_name(draw.string().into())
                .with_partition_indexes(draw.int32s())
                .with_unknown_tagged_fields(draw.tags(flexible))
        });
        request.topics = if version >= 2 {
            draw.maybe(|_| topics)
        } else {
            Some(topics)
        };
    }
    if version >= 7 {
        request.require_stable = draw.bool();
    }
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

fn offset_fetch_group(draw: &mut Draw<'_>, version: i16) -> OffsetFetchRequestGroup {
    let mut group = OffsetFetchRequestGroup::default();
    group.group_id = draw.string().into();
    if version >= 9 {
        group.member_id = draw.maybe(Draw::string);
        group.member_epoch = draw.int32();
    }
    group.topics = draw.maybe(|draw| {
        draw.list(|draw| {
            OffsetFetchRequestTopics::default()
                .with_name(draw.string().into())
                .with_partition_indexes(draw.int32s())
                .with_unknown_tagged_fields(draw.tags(true))
        })
    });
    group.unknown_tagged_fields = draw.tags(true);
    group
}

pub fn offset_delete(draw: &mut Draw<'_>, _version: i16) -> OffsetDeleteRequest {
    OffsetDeleteRequest::default()
        .with_group_id(draw.string().into())
        .with_topics(draw.list(|draw| {
            OffsetDeleteRequestTopic::default()
                .with_name(draw.string().into())
                .with_partitions(draw.list(|draw| {
                    OffsetDeleteRequestPartition::default().with_partition_index(draw.int32())
                }))
        }))
}

pub fn find_coordinator(draw: &mut Draw<'_>, version: i16) -> FindCoordinatorRequest {
    let mut request = FindCoordinatorRequest::default();
    if version >= 4 {
        request.coordinator_keys = draw.list(Draw::string);
    } else {
        request.key = draw.string();
    }
    if version >= 1 {
        request.key_type = draw.int8();
    }
    request.unknown_tagged_fields = draw.tags(version >= 3);
    request
}

pub fn join_group(draw: &mut Draw<'_>, version: i16) -> JoinGroupRequest {
    let flexible = version >= 6;
    let mut request = JoinGroupRequest::default();
    request.group_id = draw.string().into();
    request.session_timeout_ms = draw.int32();
    if version >= 1 {
        request.rebalance_timeout_ms = draw.int32();
    }
    request.member_id = draw.string();
    if version >= 5 {
        request.group_instance_id = draw.maybe(Draw::string);
    }
    request.protocol_type = draw.string();
    request.protocols = draw.list(|draw| {
        JoinGroupRequestProtocol::default()
            .with_name(draw.string())
            .with_metadata(draw.bytes())
            .with_unknown_tagged_fields(draw.tags(flexible))
    });
    if version >= 8 {
        request.reason = draw.maybe(Draw::string);
    }
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn heartbeat(draw: &mut Draw<'_>, version: i16) -> HeartbeatRequest {
    let mut request = HeartbeatRequest::default();
    request.group_id = draw.string().into();
    request.generation_id = draw.int32();
    request.member_id = draw.string();
    if version >= 3 {
        request.group_instance_id = draw.maybe(Draw::string);
    }
    request.unknown_tagged_fields = draw.tags(version >= 4);
    request
}

pub fn leave_group(draw: &mut Draw<'_>, version: i16) -> LeaveGroupRequest {
    let flexible = version >= 4;
    let mut request = LeaveGroupRequest::default();
    request.group_id = draw.string().into();
    if version >= 3 {
        request.members = draw.list(|draw| {
            let mut member = MemberIdentity::default();
            member.member_id = draw.string();
            member.group_instance_id = draw.maybe(Draw::string);
            if version >= 5 {
                member.reason = draw.maybe(Draw::string);
            }
            member.unknown_tagged_fields = draw.tags(flexible);
            member
        });
    } else {
        request.member_id = draw.string();
    }
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn sync_group(draw: &mut Draw<'_>, version: i16) -> SyncGroupRequest {
    let flexible = version >= 4;
    let mut request = SyncGroupRequest::default();
    request.group_id = draw.string().into();
    request.generation_id = draw.int32();
    request.member_id = draw.string();
    if version >= 3 {
        request.group_instance_id = draw.maybe(Draw::string);
    }
    if version >= 5 {
        request.protocol_type = draw.maybe(Draw::string);
        request.protocol_name = draw.maybe(Draw::string);
    }
    request.assignments = draw.list(|draw| {
        SyncGroupRequestAssignment::default()
            .with_member_id(draw.string())
            .with_assignment(draw.bytes())
            .with_unknown_tagged_fields(draw.tags(flexible))
    });
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn describe_groups(draw: &mut Draw<'_>, version: i16) -> DescribeGroupsRequest {
    let mut request = DescribeGroupsRequest::default();
    request.groups = draw.list(|draw| draw.string().into());
    if version >= 3 {
        request.include_authorized_operations = draw.bool();
    }
    request.unknown_tagged_fields = draw.tags(version >= 5);
    request
}

pub fn list_groups(draw: &mut Draw<'_>, version: i16) -> ListGroupsRequest {
    let mut request = ListGroupsRequest::default();
    if version >= 4 {
        request.states_filter = draw.list(Draw::string);
    }
    if version >= 5 {
        request.types_filter = draw.list(Draw::string);
    }
    request.unknown_tagged_fields = draw.tags(version >= 3);
    request
}

pub fn delete_groups(draw: &mut Draw<'_>, version: i16) -> DeleteGroupsRequest {
    DeleteGroupsRequest::default()
        .with_groups_names(draw.list(|draw| draw.string().into()))
        .with_unknown_tagged_fields(draw.tags(version >= 2))
}

pub fn consumer_group_heartbeat(
    draw: &mut Draw<'_>,
    version: i16,
) -> ConsumerGroupHeartbeatRequest {
    let mut request = ConsumerGroupHeartbeatRequest::default();
    request.group_id = draw.string().into();
    request.member_id = draw.string();
    request.member_epoch = draw.int32();
    request.instance_id = draw.maybe(Draw::string);
    request.rack_id = draw.maybe(Draw::string);
    request.rebalance_timeout_ms = draw.int32();
    request.subscribed_topic_names = draw.maybe(|draw| draw.list(|draw| draw.string().into()));
    if version >= 1 {
        request.subscribed_topic_regex = draw.maybe(Draw::string);
    }
    request.server_assignor = draw.maybe(Draw::string);
    request.topic_partitions = draw.maybe(|draw| {
        draw.list(|draw| {
            TopicPartitions::default()
                .with_topic_id(draw.uuid())
                .with_partitions(draw.int32s())
                .with_unknown_tagged_fields(draw.tags(true))
        })
    });
    request.unknown_tagged_fields = draw.tags(true);
    request
}

pub fn consumer_group_describe(draw: &mut Draw<'_>, _version: i16) -> ConsumerGroupDescribeRequest {
    ConsumerGroupDescribeRequest::default()
        .with_group_ids(draw.list(|draw| draw.string().into()))
        .with_include_authorized_operations(draw.bool())
        .with_unknown_tagged_fields(draw.tags(true))
}
