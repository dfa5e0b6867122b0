//! Requests about records, offsets and producers.

use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::fetch_request::{
    FetchPartition, FetchTopic, ForgottenTopic, ReplicaState,
};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    DeleteRecordsRequest, FetchRequest, InitProducerIdRequest, ListOffsetsRequest,
    OffsetForLeaderEpochRequest, ProduceRequest,
};

use super::Draw;

pub fn produce(draw: &mut Draw<'_>, version: i16) -> ProduceRequest {
    let flexible = version >= 9;
    let mut request = ProduceRequest::default();
    request.transactional_id = draw.maybe(|draw| draw.string().into());
    request.acks = draw.int16();
    request.timeout_ms = draw.int32();
    request.topic_data = draw.list(|draw| {
        let mut topic = TopicProduceData::default();
        if version >= 13 {
            topic.topic_id = draw.uuid();
        } else {
            topic.name = draw.string().into();
        }
        topic.partition_data = draw.list(|draw| {
            let mut partition = PartitionProduceData::default();
            partition.index = draw.int32();
            partition.records = draw.maybe(Draw::bytes);
            partition.unknown_tagged_fields = draw.tags(flexible);
            partition
        });
        topic.unknown_tagged_fields = draw.tags(flexible);
        topic
    });
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn fetch(draw: &mut Draw<'_>, version: i16) -> FetchRequest {
    let flexible = version >= 12;
    let mut request = FetchRequest::default();
    if version <= 14 {
        request.replica_id = draw.int32().into();
    } else {
        request.replica_state = ReplicaState::default()
            .with_replica_id(draw.int32().into())
            .with_replica_epoch(draw.int64())
            .with_unknown_tagged_fields(draw.tags(flexible));
    }
    request.max_wait_ms = draw.int32();
    request.min_bytes = draw.int32();
    request.max_bytes = draw.int32();
    request.isolation_level = draw.int8();
    request.topics = draw.list(|draw| {
        let mut topic = FetchTopic::default();
        if version >= 13 {
            topic.topic_id = draw.uuid();
        } else {
            topic.topic = draw.string().into();
        }
        topic.partitions = draw.list(|draw| fetch_partition(draw, version));
        topic.unknown_tagged_fields = draw.tags(flexible);
        topic
    });
    if version >= 7 {
        request.session_id = draw.int32();
        request.session_epoch = draw.int32();
        request.forgotten_topics_data = draw.list(|draw| {
            let mut topic = ForgottenTopic::default();
            if version >= 13 {
                topic.topic_id = draw.uuid();
            } else {
                topic.topic = draw.string().into();
            }
            topic.partitions = draw.int32s();
            topic.unknown_tagged_fields = draw.tags(flexible);
            topic
        });
    }
    if version >= 11 {
        request.rack_id = draw.string();
    }
    if version >= 12 {
        request.cluster_id = draw.maybe(Draw::string);
    }
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

fn fetch_partition(draw: &mut Draw<'_>, version: i16) -> FetchPartition {
    let mut partition = FetchPartition::default();
    partition.partition = draw.int32();
    partition.fetch_offset = draw.int64();
    partition.partition_max_bytes = draw.int32();
    if version >= 5 {
        partition.log_start_offset = draw.int64();
    }
    if version >= 9 {
        partition.current_leader_epoch = draw.int32();
    }
    if version >= 12 {
        partition.last_fetched_epoch = draw.int32();
    }
    if version >= 17 {
        partition.replica_directory_id = draw.uuid();
    }
    if version >= 18 {
        partition.high_watermark = draw.int64();
    }
    partition.unknown_tagged_fields = draw.tags(version >= 12);
    partition
}

pub fn list_offsets(draw: &mut Draw<'_>, version: i16) -> ListOffsetsRequest {
    let flexible = version >= 6;
    let mut request = ListOffsetsRequest::default();
    request.replica_id = draw.int32().into();
    if version >= 2 {
        request.isolation_level = draw.int8();
    }
    request.topics = draw.list(|draw| {
        let mut topic = ListOffsetsTopic::default();
        topic.name = draw.string().into();
        topic.partitions = draw.list(|draw| {
            let mut partition = ListOffsetsPartition::default();
            partition.partition_index = draw.int32();
            partition.timestamp = draw.int64();
            if version >= 4 {
                partition.current_leader_epoch = draw.int32();
            }
            partition.unknown_tagged_fields = draw.tags(flexible);
            partition
        });
        topic.unknown_tagged_fields = draw.tags(flexible);
        topic
    });
    if version >= 10 {
        request.timeout_ms = draw.int32();
    }
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn delete_records(draw: &mut Draw<'_>, version: i16) -> DeleteRecordsRequest {
    let flexible = version >= 2;
    let mut request = DeleteRecordsRequest::default();
    request.topics = draw.list(|draw| {
        DeleteRecordsTopic::default()
            .with_name(draw.string().into())
            .with_partitions(draw.list(|draw| {
                DeleteRecordsPartition::default()
                    .with_partition_index(draw.int32())
                    .with_offset(draw.int64())
                    .with_unknown_tagged_fields(draw.tags(flexible))
            }))
            .with_unknown_tagged_fields(draw.tags(flexible))
    });
    request.timeout_ms = draw.int32();
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}

pub fn init_producer_id(draw: &mut Draw<'_>, version: i16) -> InitProducerIdRequest {
    let mut request = InitProducerIdRequest::default();
    request.transactional_id = draw.maybe(|draw| draw.string().into());
    request.transaction_timeout_ms = draw.int32();
    if version >= 3 {
        request.producer_id = draw.int64().into();
        request.producer_epoch = draw.int16();
    }
    request.unknown_tagged_fields = draw.tags(version >= 2);
    request
}

pub fn offset_for_leader_epoch(draw: &mut Draw<'_>, version: i16) -> OffsetForLeaderEpochRequest {
    let flexible = version >= 4;
    let mut request = OffsetForLeaderEpochRequest::default();
    if version >= 3 {
        request.replica_id = draw.int32().into();
    }
    request.topics = draw.list(|draw| {
        let mut topic = OffsetForLeaderTopic::default();
        topic.topic = draw.string().into();
        topic.partitions = draw.list(|draw| {
            OffsetForLeaderPartition::default()
                .with_partition(draw.int32())
                .with_current_leader_epoch(draw.int32())
                .with_leader_epoch(draw.int32())
                .with_unknown_tagged_fields(draw.tags(flexible))
        });
        topic.unknown_tagged_fields = draw.tags(flexible);
        topic
    });
    request.unknown_tagged_fields = draw.tags(flexible);
    request
}
