//! Which broker coordinates a group: found when it is needed, remembered until
//! somebody says that it moved.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::{Request, StrBytes};

use super::{Broker, Client, Metadata};
use crate::error::ClientError;

/// FindCoordinator's key type for groups.
const GROUP_KEY_TYPE: i8 = 0;

impl Client {
    /// Sends a request to the group's coordinator, finding it first if need be.
    ///
    /// # Errors
    /// When there is none, or it does not answer. When the answer says that
    /// the coordinator moved, call [`Client::forget_coordinator`] and ask again.
    pub async fn ask_coordinator<R: Request>(
        &self,
        group: &str,
        request: &R,
        broker_wait: Duration,
    ) -> Result<R::Response, ClientError> {
        let node = self.coordinator(group).await?;
        let answer = self.ask_node(node, request, broker_wait).await;
        if answer.as_ref().is_err_and(ClientError::is_retriable) {
            self.forget_coordinator(group);
        }
        answer
    }

    /// The node id of the group's coordinator.
    ///
    /// # Errors
    /// The broker's refusal when it goes on for longer than the retry timeout.
    pub async fn coordinator(&self, group: &str) -> Result<i32, ClientError> {
        if let Some(node) = self.state().coordinators.get(group) {
            return Ok(*node);
        }
        let mut backoff = self.backoff();
        loop {
            let refused = match self.find_coordinator(group).await {
                Ok(node) => return Ok(node),
                Err(error) if error.is_retriable() => error,
                Err(error) => return Err(error),
            };
            if !backoff.pause().await {
                return Err(refused);
            }
        }
    }

    async fn find_coordinator(&self, group: &str) -> Result<i32, ClientError> {
        let connection = self.any_connection().await?;
        let key = StrBytes::from_string(group.to_owned());
        // From version 4 on a request names several keys.
        let request = match connection.version_of::<FindCoordinatorRequest>()? {
            4.. => FindCoordinatorRequest::default().with_coordinator_keys(vec![key]),
            _ => FindCoordinatorRequest::default().with_key(key),
        }
        .with_key_type(GROUP_KEY_TYPE);
        let response = connection.request(&request, Duration::ZERO).await?;
        let found = Found::of(&response);
        ClientError::check(
            || format!("coordinator of group {group}"),
            found.error_code,
            found.message.as_deref(),
        )?;
        self.learn_broker(&found.broker);
        let mut state = self.state();
        state.coordinators.insert(group.to_owned(), found.broker.id);
        Ok(found.broker.id)
    }

    /// Makes the next request for the group look its coordinator up again.
    pub fn forget_coordinator(&self, group: &str) {
        self.state().coordinators.remove(group);
    }

    /// A broker that is not among the known ones becomes one.
    fn learn_broker(&self, broker: &Broker) {
        let mut state = self.state();
        if state.metadata.brokers.get(&broker.id) != Some(broker) {
            let mut metadata = Metadata::clone(&state.metadata);
            metadata.brokers.insert(broker.id, broker.clone());
            state.metadata = Arc::new(metadata);
        }
    }
}

/// FindCoordinator's answer, from either of its two layouts.
struct Found {
    error_code: i16,
    message: Option<String>,
    broker: Broker,
}

impl Found {
    fn of(response: &FindCoordinatorResponse) -> Found {
        match response.coordinators.first() {
            Some(found) => Found {
                error_code: found.error_code,
                message: found.error_message.as_ref().map(ToString::to_string),
                broker: broker_at(found.node_id.0, &found.host, found.port),
            },
            None => Found {
                error_code: response.error_code,
                message: response.error_message.as_ref().map(ToString::to_string),
                broker: broker_at(response.node_id.0, &response.host, response.port),
            },
        }
    }
}

fn broker_at(id: i32, host: &str, port: i32) -> Broker {
    Broker {
        id,
        host: host.to_owned(),
        port,
        rack: None,
    }
}
