//! Requests about the cluster, topics and configuration.

use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    AlterConfigsRequest, ApiVersionsRequest, BrokerId, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeLogDirsRequest, DescribeTopicPartitionsRequest, IncrementalAlterConfigsRequest,
    MetadataRequest, alter_configs_request,
};

use super::Draw;

pub fn metadata(draw: &mut Draw<'_>, version: i16) -> MetadataRequest {
    let flexible = version >= 9;
    let mut request = MetadataRequest::default();
    let topics = draw.list(|draw| {
        let mut topic = MetadataRequestTopic::default();
        if version >= 10 {
            topic.topic_id = draw.uuid();
            topic.name = draw.maybe(|draw| draw.string().into());
        } else {
            topic.name = Some(draw.string().into());
        }
        topic.unknown_tagged_fields = draw.tags(flexible);
        topic
    });
    request.topics = if version >= 1 {
        draw.maybe(|_| topics)
    } else {
        Some(topics)
    };
    if version >= 4 {
        request.allow_auto_topic_creation = draw.bool();
    }
    if (8..=10).contains(&version) {
        request.include_cluster_authorized_operations = draw.bool();
    }
    if version >= 8 {
        request.include_topic_authorized_operations = draw.bool();
    }
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn api_versions(draw: &mut Draw<'_>, version: i16) -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request.client_software_name = draw.string();
        request.client_software_version = draw.string();
    }
    request.unknown_tagged_fields = draw.tags(version >= 3);
    request
}

pub fn create_topics(draw: &mut Draw<'_>, version: i16) -> CreateTopicsRequest {
    let flexible = version >= 5;
    let mut request = CreateTopicsRequest::default();
    request.topics = draw.list(|draw| {
        let mut topic = CreatableTopic::default();
        topic.name = draw.string().into();
        topic.num_partitions = draw.int32();
        topic.replication_factor = draw.int16();
        topic.assignments = draw.list(|draw| {
            CreatableReplicaAssignment::default()
                .with_partition_index(draw.int32())
                .with_broker_ids(broker_ids(draw))
                .with_unknown_tagged_fields(draw.tags(flexible))
        });
        topic.configs = draw.list(|draw| {
            CreatableTopicConfig::default()
                .with_name(draw.string())
                .with_value(draw.maybe(Draw::string))
                .with_unknown_tagged_fields(draw.tags(flexible))
        });
        topic.unknown_tagged_fields = draw.tags(flexible);
        topic
    });
    request.timeout_ms = draw.int32();
    request.validate_only = draw.bool();
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn delete_topics(draw: &mut Draw<'_>, version: i16) -> DeleteTopicsRequest {
    let mut request = DeleteTopicsRequest::default();
    if version >= 6 {
        request.topics = draw.list(|draw| {
            DeleteTopicState::default()
                .with_name(draw.maybe(|draw| draw.string().into()))
                .with_topic_id(draw.uuid())
                .with_unknown_tagged_fields(draw.tags(true))
        });
    } else {
        request.topic_names = draw.list(|draw| draw.string().into());
    }
    request.timeout_ms = draw.int32();
    request.unknown_tagged_fields = draw.tags(version >= 4);
    request
}

pub fn alter_configs(draw: &mut Draw<'_>, version: i16) -> AlterConfigsRequest {
    let flexible = version >= 2;
    let mut request = AlterConfigsRequest::default();
    request.resources = draw.list(|draw| {
        alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(draw.int8())
            .with_resource_name(draw.string())
            .with_configs(draw.list(|draw| {
                alter_configs_request::AlterableConfig::default()
                    .with_name(draw.string())
                    .with_value(draw.maybe(Draw::string))
                    .with_unknown_tagged_fields(draw.tags(flexible))
            }))
            .with_unknown_tagged_fields(draw.tags(flexible))
    });
    request.validate_only = draw.bool();
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn describe_log_dirs(draw: &mut Draw<'_>, version: i16) -> DescribeLogDirsRequest {
    let flexible = version >= 2;
    let topics = draw.list(|draw| {
        DescribableLogDirTopic::default()
            .with_topic(draw.string().into())
            .with_partitions(draw.list(Draw::int32))
            .with_unknown_tagged_fields(draw.tags(flexible))
    });
    DescribeLogDirsRequest::default()
        .with_topics(draw.maybe(|_| topics))
        .with_unknown_tagged_fields(draw.tags(flexible))
}

pub fn describe_configs(draw: &mut Draw<'_>, version: i16) -> DescribeConfigsRequest {
    let flexible = version >= 4;
    let mut request = DescribeConfigsRequest::default();
    request.resources = draw.list(|draw| {
        DescribeConfigsResource::default()
            .with_resource_type(draw.int8())
            .with_resource_name(draw.string())
            .with_configuration_keys(draw.maybe(|draw| draw.list(Draw::string)))
            .with_unknown_tagged_fields(draw.tags(flexible))
    });
    request.include_synonyms = draw.bool();
    if version >= 3 {
        request.include_documentation = draw.bool();
    }
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn create_partitions(draw: &mut Draw<'_>, version: i16) -> CreatePartitionsRequest {
    let flexible = version >= 2;
    let mut request = CreatePartitionsRequest::default();
    request.topics = draw.list(|draw| {
        let mut topic = CreatePartitionsTopic::default();
        topic.name = draw.string().into();
        topic.count = draw.int32();
        topic.assignments = draw.maybe(|draw| {
            draw.list(|draw| {
                CreatePartitionsAssignment::default()
                    .with_broker_ids(broker_ids(draw))
                    .with_unknown_tagged_fields(draw.tags(flexible))
            })
        });
        topic.unknown_tagged_fields = draw.tags(flexible);
        topic
    });
    request.timeout_ms = draw.int32();
    request.validate_only = draw.bool();
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn incremental_alter_configs(
    draw: &mut Draw<'_>,
    version: i16,
) -> IncrementalAlterConfigsRequest {
    let flexible = version >= 1;
    let mut request = IncrementalAlterConfigsRequest::default();
    request.resources = draw.list(|draw| {
        let mut resource = AlterConfigsResource::default();
        resource.resource_type = draw.int8();
        resource.resource_name = draw.string();
        resource.configs = draw.list(|draw| {
            AlterableConfig::default()
                .with_name(draw.string())
                .with_config_operation(draw.int8())
                .with_value(draw.maybe(Draw::string))
                .with_unknown_tagged_fields(draw.tags(flexible))
        });
        resource.unknown_tagged_fields = draw.tags(flexible);
        resource
    });
    request.validate_only = draw.bool();
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn describe_cluster(draw: &mut Draw<'_>, version: i16) -> DescribeClusterRequest {
    let mut request = DescribeClusterRequest::default();
    request.include_cluster_authorized_operations = draw.bool();
    if version >= 1 {
        request.endpoint_type = draw.int8();
    }
    if version >= 2 {
        request.include_fenced_brokers = draw.bool();
    }
    request.unknown_tagged_fields = draw.tags(true);
    request
}

pub fn describe_topic_partitions(
    draw: &mut Draw<'_>,
    _version: i16,
) -> DescribeTopicPartitionsRequest {
    let mut request = DescribeTopicPartitionsRequest::default();
    request.topics = draw.list(|draw| {
        TopicRequest::default()
            .with_name(draw.string().into())
            .with_unknown_tagged_fields(draw.tags(true))
    });
    request.response_partition_limit = draw.int32();
    request.cursor = draw.maybe(|draw| {
        Cursor::default()
            .with_topic_name(draw.string().into())
            .with_partition_index(draw.int32())
            .with_unknown_tagged_fields(draw.tags(true))
    });
    request.unknown_tagged_fields = draw.tags(true);
    request
}

fn broker_ids(draw: &mut Draw<'_>) -> Vec<BrokerId> {
    draw.int32s().into_iter().map(BrokerId::from).collect()
}
