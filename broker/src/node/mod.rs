//! One node: its clock, timers, metadata and logs, and what they share.

pub(crate) mod changes;
mod cleaner;
pub(crate) mod clock;
pub(crate) mod coordinators;
pub(crate) mod fetch_sessions;
pub(crate) mod identity;
pub(crate) mod metadata;
pub(crate) mod partition;
pub(crate) mod partitions;
pub(crate) mod producer_ids;
mod retention;
mod start;
pub(crate) mod timers;
pub(crate) mod topics;
mod waiters;

use std::net::SocketAddr;
use std::sync::Arc;

use changes::Changes;
use cleaner::Cleaner;
use clock::Clock;
use coordinators::Coordinators;
use fetch_sessions::FetchSessions;
use metadata::{Metadata, MetadataError};
use partitions::Partitions;
use producer_ids::ProducerIds;
use timers::Timers;

use crate::config::NodeConfig;
use crate::embed::{Faults, RecentRequests};
use crate::observe::Counters;
use crate::server::budget::RequestBytes;
use crate::storage::Storage;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StartNodeError(String);

impl From<MetadataError> for StartNodeError {
    fn from(error: MetadataError) -> Self {
        StartNodeError(error.to_string())
    }
}

/// What every connection and every timer of a node works with.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) cluster_id: String,
    pub(crate) clock: Arc<Clock>,
    pub(crate) timers: Arc<Timers>,
    pub(crate) metadata: Metadata,
    pub(crate) partitions: Partitions,
    pub(crate) coordinators: Coordinators,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) counters: Counters,
    /// `queued.max.request.bytes`, if there is a limit.
    pub(crate) request_bytes: Option<Arc<RequestBytes>>,
    pub(crate) changes: Changes,
    /// Where an embedded broker remembers the last requests.
    pub(crate) requests: Option<RecentRequests>,
    /// What a test wants to fail.
    pub(crate) faults: Faults,
    producer_ids: ProducerIds,
    cleaner: Cleaner,
    storage: Arc<Storage>,
}

impl Node {
    /// Where every log of this node lives.
    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// What a client that reached `local` is told to connect to. A broker that
    /// listens on every address names the one that worked for this client.
    pub(crate) fn address_for(&self, local: SocketAddr) -> (String, u16) {
        match &self.config.advertised {
            Some((host, port)) => (host.clone(), *port),
            None => (local.ip().to_canonical().to_string(), local.port()),
        }
    }
}
