//! Commands as requests over one raw connection, and answers as outcomes.
//!
//! Asks again only where Kafka's protocol tells every client to: while a
//! coordinator is being made or loads.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, FetchRequest,
    FindCoordinatorRequest, GroupId, IncrementalAlterConfigsRequest, ListOffsetsRequest,
    OffsetCommitRequest, OffsetFetchRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::{Request, StrBytes};
use protocol_tests::connection::{Connection, ConnectionError};

use crate::cluster::{Command, Outcome, Place};

pub const PARTITIONS: i32 = 2;

/// How long a coordinator may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);
const TIMEOUT_MS: i32 = 30_000;
const TOPIC_RESOURCE: i8 = 2;

/// A client with one connection.
pub struct Wire {
    connection: Connection,
}

impl Wire {
    pub fn connect(address: SocketAddr) -> Wire {
        Wire {
            connection: Connection::open(address).unwrap(),
        }
    }

    /// Does what is asked; an error when the connection broke.
    pub fn try_perform(&mut self, command: &Command) -> Result<Outcome, ConnectionError> {
        match command {
            Command::CreateTopic { topic, settings } => self.create_topic(topic, settings),
            Command::DeleteTopic { topic } => self.delete_topic(topic),
            Command::Configure { topic, name, value } => self.configure(topic, name, value),
            Command::Produce { place, batch } => self.produce(place, batch.clone()),
            Command::Fetch {
                place,
                offset,
                partition_bytes_max,
                bytes_max,
            } => self.fetch(place, *offset, *partition_bytes_max, *bytes_max),
            Command::ListOffsets { place, timestamp } => self.list_offsets(place, *timestamp),
            Command::DeleteRecords { place, before } => self.delete_records(place, *before),
            Command::Commit {
                group,
                place,
                offset,
            } => self.commit(group, place, *offset),
            Command::Committed { group, place } => self.committed(group, place),
        }
    }

    pub fn perform(&mut self, command: &Command) -> Outcome {
        let outcome = self.try_perform(command);
        outcome.unwrap_or_else(|error| panic!("{error} upon {command:?}"))
    }

    fn send<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, ConnectionError> {
        self.connection.send(version, request)
    }

    fn create_topic(
        &mut self,
        topic: &str,
        settings: &[(String, String)],
    ) -> Result<Outcome, ConnectionError> {
        let configs = settings.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(topic)))
            .with_num_partitions(PARTITIONS)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.send(5, &request)?;
        let code = answer.topics[0].error_code;
        Ok(Outcome::Done { code })
    }

    fn delete_topic(&mut self, topic: &str) -> Result<Outcome, ConnectionError> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![TopicName(text(topic))])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.send(5, &request)?;
        let code = answer.responses[0].error_code;
        Ok(Outcome::Done { code })
    }

    fn configure(
        &mut self,
        topic: &str,
        name: &str,
        value: &str,
    ) -> Result<Outcome, ConnectionError> {
        let config = AlterableConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)));
        let resource = AlterConfigsResource::default()
            .with_resource_type(TOPIC_RESOURCE)
            .with_resource_name(text(topic))
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let answer = self.send(1, &request)?;
        let code = answer.responses[0].error_code;
        Ok(Outcome::Done { code })
    }

    fn produce(&mut self, place: &Place, batch: Bytes) -> Result<Outcome, ConnectionError> {
        let partition = PartitionProduceData::default()
            .with_index(place.partition)
            .with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(name_of(place))
            .with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(TIMEOUT_MS)
            .with_topic_data(vec![topic]);
        let answer = self.send(12, &request)?;
        let partition = &answer.responses[0].partition_responses[0];
        Ok(Outcome::Produced {
            code: partition.error_code,
            base_offset: partition.base_offset,
            log_start: partition.log_start_offset,
        })
    }

    fn fetch(
        &mut self,
        place: &Place,
        offset: i64,
        partition_bytes_max: i32,
        bytes_max: i32,
    ) -> Result<Outcome, ConnectionError> {
        let partition = FetchPartition::default()
            .with_partition(place.partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(partition_bytes_max);
        let topic = FetchTopic::default()
            .with_topic(name_of(place))
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_bytes(bytes_max)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let mut answer = self.send(12, &request)?;
        let partition = answer.responses[0].partitions.remove(0);
        Ok(Outcome::Fetched {
            code: partition.error_code,
            high_watermark: partition.high_watermark,
            log_start: partition.log_start_offset,
            records: partition.records.unwrap_or_default(),
        })
    }

    fn list_offsets(&mut self, place: &Place, timestamp: i64) -> Result<Outcome, ConnectionError> {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(place.partition)
            .with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default()
            .with_name(name_of(place))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![topic]);
        let answer = self.send(9, &request)?;
        let partition = &answer.topics[0].partitions[0];
        Ok(Outcome::Listed {
            code: partition.error_code,
            timestamp: partition.timestamp,
            offset: partition.offset,
        })
    }

    fn delete_records(&mut self, place: &Place, before: i64) -> Result<Outcome, ConnectionError> {
        let partition = DeleteRecordsPartition::default()
            .with_partition_index(place.partition)
            .with_offset(before);
        let topic = DeleteRecordsTopic::default()
            .with_name(name_of(place))
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.send(2, &request)?;
        let partition = &answer.topics[0].partitions[0];
        Ok(Outcome::Deleted {
            code: partition.error_code,
            low_watermark: partition.low_watermark,
        })
    }

    fn commit(
        &mut self,
        group: &str,
        place: &Place,
        offset: i64,
    ) -> Result<Outcome, ConnectionError> {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(place.partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(StrBytes::default()));
        let topic = OffsetCommitRequestTopic::default()
            .with_name(name_of(place))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        self.patiently(group, |wire| {
            let answer = wire.send(8, &request)?;
            let code = answer.topics[0].partitions[0].error_code;
            Ok(Outcome::Done { code })
        })
    }

    fn committed(&mut self, group: &str, place: &Place) -> Result<Outcome, ConnectionError> {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(name_of(place))
            .with_partition_indexes(vec![place.partition]);
        let request = OffsetFetchRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_topics(Some(vec![topic]));
        self.patiently(group, |wire| {
            let answer = wire.send(7, &request)?;
            let partition = &answer.topics.first().map(|topic| &topic.partitions[0]);
            Ok(Outcome::Committed {
                code: answer.error_code,
                offset: partition.map_or(-1, |partition| partition.committed_offset),
            })
        })
    }

    /// Asks a coordinator until there is one.
    fn patiently(
        &mut self,
        group: &str,
        ask: impl Fn(&mut Wire) -> Result<Outcome, ConnectionError>,
    ) -> Result<Outcome, ConnectionError> {
        let began = Instant::now();
        loop {
            let outcome = ask(self)?;
            let is_coming = [
                ResponseError::CoordinatorLoadInProgress,
                ResponseError::CoordinatorNotAvailable,
                ResponseError::NotCoordinator,
            ]
            .map(|error| error.code())
            .contains(&outcome.code());
            if !is_coming || began.elapsed() > PATIENCE {
                return Ok(outcome);
            }
            // The first of these makes the topic of offsets.
            let find = FindCoordinatorRequest::default().with_key(text(group));
            self.send(3, &find)?;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn name_of(place: &Place) -> TopicName {
    TopicName(text(&place.topic))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
