//! The shape table: the request body of every API this broker may serve.
//!
//! Facts of Apache Kafka 4.1's message schemas, cut to the versions that
//! `kafka-protocol` 0.18 can decode as a request and encode as a response.
//! To let one more API past the guard, add it here, and its generator in
//! `tests/guard/`, which proves the shape against the crate's own encoder.

use kafka_protocol::messages::consumer_group_heartbeat_request as consumer_group_heartbeat;
use kafka_protocol::messages::{
    AlterConfigsRequest, ApiVersionsRequest, ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeGroupsRequest, DescribeLogDirsRequest,
    DescribeTopicPartitionsRequest, FetchRequest, FindCoordinatorRequest, HeartbeatRequest,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest,
    SyncGroupRequest, alter_configs_request, create_partitions_request, create_topics_request,
    delete_records_request, delete_topics_request, describe_configs_request,
    describe_log_dirs_request, describe_topic_partitions_request, fetch_request,
    incremental_alter_configs_request, join_group_request, leave_group_request,
    list_offsets_request, metadata_request, offset_commit_request, offset_delete_request,
    offset_fetch_request, offset_for_leader_epoch_request, produce_request, sync_group_request,
};

use super::shape::{
    Api, BOOL, BYTES, INT8, INT16, INT32, INT32S, INT64, STRING, STRINGS, UUID, api, field, nested,
};

/// Ordered by key, so that one is found by bisection.
pub(super) static APIS: &[Api] = &[
    api::<ProduceRequest>(3, 13).flexible_from(9).body(&[
        field("transactional_id", STRING).null_from(3),
        field("acks", INT16),
        field("timeout_ms", INT32),
        nested("topic_data").array_of::<produce_request::TopicProduceData>(&[
            field("name", STRING).until(12),
            field("topic_id", UUID).from(13),
            nested("partition_data").array_of::<produce_request::PartitionProduceData>(&[
                field("index", INT32),
                field("records", BYTES).null_from(0),
            ]),
        ]),
    ]),
    api::<FetchRequest>(4, 18).flexible_from(12).body(&[
        field("cluster_id", STRING).from(12).null_from(12).tagged(0),
        field("replica_id", INT32).until(14),
        nested("replica_state")
            .from(15)
            .tagged(1)
            .struct_of::<fetch_request::ReplicaState>(&[
                field("replica_id", INT32),
                field("replica_epoch", INT64),
            ]),
        field("max_wait_ms", INT32),
        field("min_bytes", INT32),
        field("max_bytes", INT32),
        field("isolation_level", INT8),
        field("session_id", INT32).from(7),
        field("session_epoch", INT32).from(7),
        nested("topics").array_of::<fetch_request::FetchTopic>(&[
            field("topic", STRING).until(12),
            field("topic_id", UUID).from(13),
            nested("partitions").array_of::<fetch_request::FetchPartition>(&[
                field("partition", INT32),
                field("current_leader_epoch", INT32).from(9),
                field("fetch_offset", INT64),
                field("last_fetched_epoch", INT32).from(12),
                field("log_start_offset", INT64).from(5),
                field("partition_max_bytes", INT32),
                field("replica_directory_id", UUID).from(17).tagged(0),
                field("high_watermark", INT64).from(18).tagged(1),
            ]),
        ]),
        nested("forgotten_topics_data")
            .from(7)
            .array_of::<fetch_request::ForgottenTopic>(&[
                field("topic", STRING).until(12),
                field("topic_id", UUID).from(13),
                field("partitions", INT32S),
            ]),
        field("rack_id", STRING).from(11),
    ]),
    api::<ListOffsetsRequest>(1, 10).flexible_from(6).body(&[
        field("replica_id", INT32),
        field("isolation_level", INT8).from(2),
        nested("topics").array_of::<list_offsets_request::ListOffsetsTopic>(&[
            field("name", STRING),
            nested("partitions").array_of::<list_offsets_request::ListOffsetsPartition>(&[
                field("partition_index", INT32),
                field("current_leader_epoch", INT32).from(4),
                field("timestamp", INT64),
            ]),
        ]),
        field("timeout_ms", INT32).from(10),
    ]),
    api::<MetadataRequest>(0, 13).flexible_from(9).body(&[
        nested("topics")
            .null_from(1)
            .array_of::<metadata_request::MetadataRequestTopic>(&[
                field("topic_id", UUID).from(10),
                field("name", STRING).null_from(10),
            ]),
        field("allow_auto_topic_creation", BOOL).from(4),
        field("include_cluster_authorized_operations", BOOL)
            .from(8)
            .until(10),
        field("include_topic_authorized_operations", BOOL).from(8),
    ]),
    api::<OffsetCommitRequest>(2, 9).flexible_from(8).body(&[
        field("group_id", STRING),
        field("generation_id_or_member_epoch", INT32),
        field("member_id", STRING),
        field("group_instance_id", STRING).from(7).null_from(7),
        field("retention_time_ms", INT64).until(4),
        nested("topics").array_of::<offset_commit_request::OffsetCommitRequestTopic>(&[
            field("name", STRING),
            nested("partitions").array_of::<offset_commit_request::OffsetCommitRequestPartition>(
                &[
                    field("partition_index", INT32),
                    field("committed_offset", INT64),
                    field("committed_leader_epoch", INT32).from(6),
                    field("committed_metadata", STRING).null_from(0),
                ],
            ),
        ]),
    ]),
    api::<OffsetFetchRequest>(1, 9).flexible_from(6).body(&[
        field("group_id", STRING).until(7),
        nested("topics")
            .until(7)
            .null_from(2)
            .array_of::<offset_fetch_request::OffsetFetchRequestTopic>(&[
                field("name", STRING),
                field("partition_indexes", INT32S),
            ]),
        nested("groups")
            .from(8)
            .array_of::<offset_fetch_request::OffsetFetchRequestGroup>(&[
                field("group_id", STRING),
                field("member_id", STRING).from(9).null_from(9),
                field("member_epoch", INT32).from(9),
                nested("topics")
                    .null_from(8)
                    .array_of::<offset_fetch_request::OffsetFetchRequestTopics>(&[
                        field("name", STRING),
                        field("partition_indexes", INT32S),
                    ]),
            ]),
        field("require_stable", BOOL).from(7),
    ]),
    api::<FindCoordinatorRequest>(0, 6).flexible_from(3).body(&[
        field("key", STRING).until(3),
        field("key_type", INT8).from(1),
        field("coordinator_keys", STRINGS).from(4),
    ]),
    api::<JoinGroupRequest>(0, 9).flexible_from(6).body(&[
        field("group_id", STRING),
        field("session_timeout_ms", INT32),
        field("rebalance_timeout_ms", INT32).from(1),
        field("member_id", STRING),
        field("group_instance_id", STRING).from(5).null_from(5),
        field("protocol_type", STRING),
        nested("protocols").array_of::<join_group_request::JoinGroupRequestProtocol>(&[
            field("name", STRING),
            field("metadata", BYTES),
        ]),
        field("reason", STRING).from(8).null_from(8),
    ]),
    api::<HeartbeatRequest>(0, 4).flexible_from(4).body(&[
        field("group_id", STRING),
        field("generation_id", INT32),
        field("member_id", STRING),
        field("group_instance_id", STRING).from(3).null_from(3),
    ]),
    api::<LeaveGroupRequest>(0, 5).flexible_from(4).body(&[
        field("group_id", STRING),
        field("member_id", STRING).until(2),
        nested("members")
            .from(3)
            .array_of::<leave_group_request::MemberIdentity>(&[
                field("member_id", STRING),
                field("group_instance_id", STRING).null_from(3),
                field("reason", STRING).from(5).null_from(5),
            ]),
    ]),
    api::<SyncGroupRequest>(0, 5).flexible_from(4).body(&[
        field("group_id", STRING),
        field("generation_id", INT32),
        field("member_id", STRING),
        field("group_instance_id", STRING).from(3).null_from(3),
        field("protocol_type", STRING).from(5).null_from(5),
        field("protocol_name", STRING).from(5).null_from(5),
        nested("assignments").array_of::<sync_group_request::SyncGroupRequestAssignment>(&[
            field("member_id", STRING),
            field("assignment", BYTES),
        ]),
    ]),
    api::<DescribeGroupsRequest>(0, 6).flexible_from(5).body(&[
        field("groups", STRINGS),
        field("include_authorized_operations", BOOL).from(3),
    ]),
    api::<ListGroupsRequest>(0, 5).flexible_from(3).body(&[
        field("states_filter", STRINGS).from(4),
        field("types_filter", STRINGS).from(5),
    ]),
    api::<ApiVersionsRequest>(0, 4).flexible_from(3).body(&[
        field("client_software_name", STRING).from(3),
        field("client_software_version", STRING).from(3),
    ]),
    api::<CreateTopicsRequest>(2, 7).flexible_from(5).body(&[
        nested("topics").array_of::<create_topics_request::CreatableTopic>(&[
            field("name", STRING),
            field("num_partitions", INT32),
            field("replication_factor", INT16),
            nested("assignments").array_of::<create_topics_request::CreatableReplicaAssignment>(&[
                field("partition_index", INT32),
                field("broker_ids", INT32S),
            ]),
            nested("configs").array_of::<create_topics_request::CreatableTopicConfig>(&[
                field("name", STRING),
                field("value", STRING).null_from(0),
            ]),
        ]),
        field("timeout_ms", INT32),
        field("validate_only", BOOL),
    ]),
    api::<DeleteTopicsRequest>(1, 6).flexible_from(4).body(&[
        nested("topics")
            .from(6)
            .array_of::<delete_topics_request::DeleteTopicState>(&[
                field("name", STRING).null_from(6),
                field("topic_id", UUID),
            ]),
        field("topic_names", STRINGS).until(5),
        field("timeout_ms", INT32),
    ]),
    api::<DeleteRecordsRequest>(0, 2).flexible_from(2).body(&[
        nested("topics").array_of::<delete_records_request::DeleteRecordsTopic>(&[
            field("name", STRING),
            nested("partitions").array_of::<delete_records_request::DeleteRecordsPartition>(&[
                field("partition_index", INT32),
                field("offset", INT64),
            ]),
        ]),
        field("timeout_ms", INT32),
    ]),
    api::<InitProducerIdRequest>(0, 5).flexible_from(2).body(&[
        field("transactional_id", STRING).null_from(0),
        field("transaction_timeout_ms", INT32),
        field("producer_id", INT64).from(3),
        field("producer_epoch", INT16).from(3),
    ]),
    api::<OffsetForLeaderEpochRequest>(2, 4)
        .flexible_from(4)
        .body(&[
            field("replica_id", INT32).from(3),
            nested("topics").array_of::<offset_for_leader_epoch_request::OffsetForLeaderTopic>(&[
                field("topic", STRING),
                nested("partitions")
                    .array_of::<offset_for_leader_epoch_request::OffsetForLeaderPartition>(&[
                        field("partition", INT32),
                        field("current_leader_epoch", INT32),
                        field("leader_epoch", INT32),
                    ]),
            ]),
        ]),
    api::<DescribeConfigsRequest>(1, 4).flexible_from(4).body(&[
        nested("resources").array_of::<describe_configs_request::DescribeConfigsResource>(&[
            field("resource_type", INT8),
            field("resource_name", STRING),
            field("configuration_keys", STRINGS).null_from(0),
        ]),
        field("include_synonyms", BOOL),
        field("include_documentation", BOOL).from(3),
    ]),
    api::<AlterConfigsRequest>(0, 2).flexible_from(2).body(&[
        nested("resources").array_of::<alter_configs_request::AlterConfigsResource>(&[
            field("resource_type", INT8),
            field("resource_name", STRING),
            nested("configs").array_of::<alter_configs_request::AlterableConfig>(&[
                field("name", STRING),
                field("value", STRING).null_from(0),
            ]),
        ]),
        field("validate_only", BOOL),
    ]),
    api::<DescribeLogDirsRequest>(1, 4).flexible_from(2).body(&[
        nested("topics")
            .null_from(0)
            .array_of::<describe_log_dirs_request::DescribableLogDirTopic>(&[
                field("topic", STRING),
                field("partitions", INT32S),
            ]),
    ]),
    api::<CreatePartitionsRequest>(0, 3)
        .flexible_from(2)
        .body(&[
            nested("topics").array_of::<create_partitions_request::CreatePartitionsTopic>(&[
                field("name", STRING),
                field("count", INT32),
                nested("assignments")
                    .null_from(0)
                    .array_of::<create_partitions_request::CreatePartitionsAssignment>(&[field(
                    "broker_ids",
                    INT32S,
                )]),
            ]),
            field("timeout_ms", INT32),
            field("validate_only", BOOL),
        ]),
    api::<DeleteGroupsRequest>(0, 2)
        .flexible_from(2)
        .body(&[field("groups_names", STRINGS)]),
    api::<IncrementalAlterConfigsRequest>(0, 1)
        .flexible_from(1)
        .body(&[
            nested("resources")
                .array_of::<incremental_alter_configs_request::AlterConfigsResource>(&[
                    field("resource_type", INT8),
                    field("resource_name", STRING),
                    nested("configs")
                        .array_of::<incremental_alter_configs_request::AlterableConfig>(&[
                            field("name", STRING),
                            field("config_operation", INT8),
                            field("value", STRING).null_from(0),
                        ]),
                ]),
            field("validate_only", BOOL),
        ]),
    api::<OffsetDeleteRequest>(0, 0).body(&[
        field("group_id", STRING),
        nested("topics").array_of::<offset_delete_request::OffsetDeleteRequestTopic>(&[
            field("name", STRING),
            nested("partitions").array_of::<offset_delete_request::OffsetDeleteRequestPartition>(
                &[field("partition_index", INT32)],
            ),
        ]),
    ]),
    api::<DescribeClusterRequest>(0, 2).flexible_from(0).body(&[
        field("include_cluster_authorized_operations", BOOL),
        field("endpoint_type", INT8).from(1),
        field("include_fenced_brokers", BOOL).from(2),
    ]),
    api::<ConsumerGroupHeartbeatRequest>(0, 1)
        .flexible_from(0)
        .body(&[
            field("group_id", STRING),
            field("member_id", STRING),
            field("member_epoch", INT32),
            field("instance_id", STRING).null_from(0),
            field("rack_id", STRING).null_from(0),
            field("rebalance_timeout_ms", INT32),
            field("subscribed_topic_names", STRINGS).null_from(0),
            field("subscribed_topic_regex", STRING).from(1).null_from(1),
            field("server_assignor", STRING).null_from(0),
            nested("topic_partitions")
                .null_from(0)
                .array_of::<consumer_group_heartbeat::TopicPartitions>(&[
                    field("topic_id", UUID),
                    field("partitions", INT32S),
                ]),
        ]),
    api::<ConsumerGroupDescribeRequest>(0, 1)
        .flexible_from(0)
        .body(&[
            field("group_ids", STRINGS),
            field("include_authorized_operations", BOOL),
        ]),
    api::<DescribeTopicPartitionsRequest>(0, 0)
        .flexible_from(0)
        .body(&[
            nested("topics").array_of::<describe_topic_partitions_request::TopicRequest>(&[field(
                "name", STRING,
            )]),
            field("response_partition_limit", INT32),
            nested("cursor")
                .null_from(0)
                .struct_of::<describe_topic_partitions_request::Cursor>(&[
                    field("topic_name", STRING),
                    field("partition_index", INT32),
                ]),
        ]),
];

const _: () = assert!(is_ordered(APIS), "the table is bisected by key");
const _: () = assert!(
    is_bounded(APIS),
    "elements without bytes could be as many as a count says"
);

const fn is_ordered(apis: &[Api]) -> bool {
    let mut index = 1;
    while index < apis.len() {
        if apis[index - 1].key >= apis[index].key {
            return false;
        }
        index += 1;
    }
    true
}

const fn is_bounded(apis: &[Api]) -> bool {
    let mut index = 0;
    while index < apis.len() {
        let mut version = apis[index].min_version;
        while version <= apis[index].max_version {
            if !apis[index].has_bounded_arrays(version) {
                return false;
            }
            version += 1;
        }
        index += 1;
    }
    true
}
