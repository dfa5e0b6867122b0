//! The cluster itself.

use kafka_protocol::messages::DescribeClusterRequest;

use crate::client::{Broker, Client};
use crate::error::ClientError;

/// A cluster and its brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The broker that answers for the controller.
    pub controller: Option<i32>,
    /// Its brokers, in order of id.
    pub brokers: Vec<Broker>,
}

impl Client {
    /// The cluster's id, controller and brokers.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        let response = self.ask_any(&DescribeClusterRequest::default()).await?;
        ClientError::check(
            || "cluster".to_owned(),
            response.error_code,
            response.error_message.as_deref(),
        )?;
        let mut brokers: Vec<_> = response
            .brokers
            .iter()
            .map(|broker| Broker {
                id: broker.broker_id.0,
                host: broker.host.to_string(),
                port: broker.port,
                rack: broker.rack.as_ref().map(ToString::to_string),
            })
            .collect();
        brokers.sort_by_key(|broker| broker.id);
        Ok(ClusterDescription {
            cluster_id: response.cluster_id.to_string(),
            controller: Some(response.controller_id.0).filter(|id| *id >= 0),
            brokers,
        })
    }
}
