//! What is asked of a group's coordinator besides offsets.

use kafka_protocol::messages::consumer_group_describe_response::DescribedGroup as DescribedConsumerGroup;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    BrokerId, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, DeleteGroupsRequest,
    DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest,
    ListGroupsResponse, SyncGroupRequest, SyncGroupResponse,
};

use super::Whole;

pub(super) static FIND_COORDINATOR: Whole<FindCoordinatorRequest, FindCoordinatorResponse> =
    Whole {
        fail: find_coordinator,
    };

/// Of FindCoordinator: one code for each key (KIP-699).
const FIRST_WITH_KEYS: i16 = 4;
const NOWHERE: (BrokerId, i32) = (BrokerId(-1), -1);

fn find_coordinator(
    request: FindCoordinatorRequest,
    version: i16,
    code: i16,
) -> FindCoordinatorResponse {
    let (node, port) = NOWHERE;
    if version < FIRST_WITH_KEYS {
        return FindCoordinatorResponse::default()
            .with_error_code(code)
            .with_node_id(node)
            .with_port(port);
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        Coordinator::default()
            .with_key(key)
            .with_error_code(code)
            .with_node_id(node)
            .with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

pub(super) static JOIN_GROUP: Whole<JoinGroupRequest, JoinGroupResponse> = Whole {
    fail: |request, _, code| {
        JoinGroupResponse::default()
            .with_error_code(code)
            .with_generation_id(-1)
            .with_member_id(request.member_id)
    },
};

pub(super) static SYNC_GROUP: Whole<SyncGroupRequest, SyncGroupResponse> = Whole {
    fail: |_, _, code| SyncGroupResponse::default().with_error_code(code),
};

pub(super) static HEARTBEAT: Whole<HeartbeatRequest, HeartbeatResponse> = Whole {
    fail: |_, _, code| HeartbeatResponse::default().with_error_code(code),
};

pub(super) static LEAVE_GROUP: Whole<LeaveGroupRequest, LeaveGroupResponse> = Whole {
    fail: |_, _, code| LeaveGroupResponse::default().with_error_code(code),
};

pub(super) static CONSUMER_GROUP_HEARTBEAT: Whole<
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
> = Whole {
    fail: |_, _, code| ConsumerGroupHeartbeatResponse::default().with_error_code(code),
};

pub(super) static LIST_GROUPS: Whole<ListGroupsRequest, ListGroupsResponse> = Whole {
    fail: |_, _, code| ListGroupsResponse::default().with_error_code(code),
};

pub(super) static DESCRIBE_GROUPS: Whole<DescribeGroupsRequest, DescribeGroupsResponse> = Whole {
    fail: |request, _, code| {
        let groups = request.groups.into_iter().map(|group| {
            DescribedGroup::default()
                .with_group_id(group)
                .with_error_code(code)
        });
        DescribeGroupsResponse::default().with_groups(groups.collect())
    },
};

pub(super) static CONSUMER_GROUP_DESCRIBE: Whole<
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
> = Whole {
    fail: |request, _, code| {
        let groups = request.group_ids.into_iter().map(|group| {
            DescribedConsumerGroup::default()
                .with_group_id(group)
                .with_error_code(code)
        });
        ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
    },
};

pub(super) static DELETE_GROUPS: Whole<DeleteGroupsRequest, DeleteGroupsResponse> = Whole {
    fail: |request, _, code| {
        let results = request.groups_names.into_iter().map(|group| {
            DeletableGroupResult::default()
                .with_group_id(group)
                .with_error_code(code)
        });
        DeleteGroupsResponse::default().with_results(results.collect())
    },
};
