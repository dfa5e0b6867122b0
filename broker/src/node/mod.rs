//! One node: its clock, timers, metadata and logs, and what they share.

pub(crate) mod clock;
pub(crate) mod partition;
pub(crate) mod partitions;
pub(crate) mod timers;
mod waiters;

use std::sync::Arc;

use clock::Clock;
use timers::Timers;

use crate::config::NodeConfig;

/// What every connection and every timer of a node works with.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) clock: Arc<Clock>,
    pub(crate) timers: Arc<Timers>,
}
