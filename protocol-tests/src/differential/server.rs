//! One of the two servers, as one worker of the run sees it: its address, and
//! a connection to ask it things that are not part of any script.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteGroupsRequest, DeleteTopicsRequest,
    DescribeConfigsRequest, FindCoordinatorRequest, HeartbeatRequest,
    IncrementalAlterConfigsRequest, MetadataRequest, MetadataResponse,
};
use kafka_protocol::protocol::{Request, StrBytes};

use super::script::Names;
use super::versions::Versions;
use crate::connection::Connection;

/// How long a server may take to do what it said it had done.
const PATIENCE: Duration = Duration::from_secs(10);

/// `RESOURCE_TYPE` of a topic.
const TOPIC: i8 = 2;

/// A server that scripts run on.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    connection: Connection,
    /// A topic of this worker alone, whose configuration counts up.
    fence: String,
    count: i64,
}

impl Server {
    /// Connects, and waits until groups are served. `worker` is part of names
    /// and so differs from everybody else's on that server.
    ///
    /// # Errors
    /// When the server cannot be reached or does not get ready.
    pub fn open(address: SocketAddr, worker: &str) -> anyhow::Result<Server> {
        let connection = Connection::open(address)
            .with_context(|| format!("connecting to the server at {address}"))?;
        let mut server = Server {
            address,
            connection,
            fence: format!("fence-{worker}"),
            count: 0,
        };
        server.wait_for_coordinators()?;
        let fence = CreatableTopic::default()
            .with_name(text(&server.fence).into())
            .with_num_partitions(1)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![fence])
            .with_timeout_ms(10_000);
        server.ask(5, &request)?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it says that it serves.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn versions(&mut self) -> anyhow::Result<Versions> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(text("differential"))
            .with_client_software_version(text("1"));
        let response = self.ask(3, &request)?;
        Ok(Versions::of(&response.api_keys))
    }

    /// Waits until what changed in the metadata before this call holds
    /// everywhere in the server.
    ///
    /// Kafka's broker learns of a change a moment after its controller
    /// answered, and shows a change to clients while it is still carrying it
    /// out. But it carries changes out one after the other: when the second of
    /// two further changes can be seen, everything before the first is done.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        for _ in 0..2 {
            self.count += 1;
            self.set_fence()?;
            let deadline = Instant::now() + PATIENCE;
            while self.fence()? != Some(self.count.to_string()) {
                anyhow::ensure!(Instant::now() < deadline, "the fence does not move");
                sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }

    fn set_fence(&mut self) -> anyhow::Result<()> {
        let config = AlterableConfig::default()
            .with_name(text("segment.jitter.ms"))
            .with_value(Some(text(&self.count.to_string())));
        let resource = AlterConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(&self.fence))
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        self.ask(1, &request)?;
        Ok(())
    }

    fn fence(&mut self) -> anyhow::Result<Option<String>> {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(&self.fence))
            .with_configuration_keys(Some(vec![text("segment.jitter.ms")]));
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let response = self.ask(4, &request)?;
        let config = response.results.first().and_then(|r| r.configs.first());
        Ok(config.and_then(|config| config.value.as_deref().map(str::to_owned)))
    }

    /// The metadata of these topics, without making any.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn topics(&mut self, names: &[String]) -> anyhow::Result<MetadataResponse> {
        let topic =
            |name: &String| MetadataRequestTopic::default().with_name(Some(text(name).into()));
        let request = MetadataRequest::default()
            .with_topics(Some(names.iter().map(topic).collect()))
            .with_allow_auto_topic_creation(false);
        self.ask(12, &request)
    }

    /// Waits until these topics, whose creation was begun, are there.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn wait_for_topics(&mut self, names: &[String]) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let response = self.topics(names)?;
            if response.topics.iter().all(|topic| topic.error_code == 0) {
                break;
            }
            sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Removes what a script left behind.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn clean_up(&mut self, names: &Names, topics: usize) -> anyhow::Result<()> {
        let topic =
            |number| DeleteTopicState::default().with_name(Some(text(&names.topic(number)).into()));
        let request = DeleteTopicsRequest::default()
            .with_topics((0..topics).map(topic).collect())
            .with_timeout_ms(10_000);
        self.ask(6, &request)?;
        let groups = (0..topics).map(|number| text(&names.group(number)).into());
        let request = DeleteGroupsRequest::default().with_groups_names(groups.collect());
        self.ask(2, &request)?;
        Ok(())
    }

    fn wait_for_coordinators(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + 3 * PATIENCE;
        // One group per partition of `__consumer_offsets`, however many.
        for number in 0..64 {
            let group = format!("warm-up-{number}");
            while !self.serves_group(&group)? {
                anyhow::ensure!(Instant::now() < deadline, "no coordinator for groups");
                sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    fn serves_group(&mut self, group: &str) -> anyhow::Result<bool> {
        let find = FindCoordinatorRequest::default().with_key(text(group));
        if self.ask(1, &find)?.error_code != 0 {
            return Ok(false);
        }
        let heartbeat = HeartbeatRequest::default()
            .with_group_id(text(group).into())
            .with_member_id(text("nobody"));
        // UNKNOWN_MEMBER_ID: somebody looked.
        Ok(self.ask(0, &heartbeat)?.error_code == 25)
    }

    fn ask<R: Request>(&mut self, version: i16, request: &R) -> anyhow::Result<R::Response> {
        Ok(self.connection.send(version, request)?)
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
