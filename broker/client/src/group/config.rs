//! How a member of a group behaves.

use super::assignor::Assignor;
use crate::consumer::ConsumerConfig;

/// How a group shares its partitions out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// Members elect a leader, which computes the assignment with the first of
    /// these that everybody offers.
    Classic(Vec<Assignor>),
    /// The coordinator computes it (KIP-848), with this assignor of its own or
    /// its default.
    Consumer(Option<String>),
}

/// How a member behaves.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// The group's id.
    pub group: String,
    /// The topics to read. One that does not exist yet is waited for.
    pub topics: Vec<String>,
    /// Which protocol.
    pub protocol: GroupProtocol,
    /// The name of a static member, which may restart without a rebalance
    /// (KIP-345).
    pub instance_id: Option<String>,
    /// Classic: how long the group waits for a silent member.
    pub session_timeout_ms: i32,
    /// Classic: how often to show life; KIP-848's coordinator says how often.
    pub heartbeat_interval_ms: u64,
    /// How long members may take to give partitions up.
    pub rebalance_timeout_ms: i32,
    /// Commit what was returned, every so many milliseconds and before
    /// partitions go; `None` leaves it to the caller.
    pub auto_commit_interval_ms: Option<u64>,
    /// How records are fetched, and where to start without a committed offset.
    pub fetch: ConsumerConfig,
}

impl GroupConfig {
    /// A member of a classic group with Kafka's defaults, which commits by
    /// itself.
    pub fn new(group: impl Into<String>, topics: &[&str]) -> Self {
        GroupConfig {
            group: group.into(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            protocol: GroupProtocol::Classic(vec![Assignor::Range, Assignor::CooperativeSticky]),
            instance_id: None,
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 3_000,
            rebalance_timeout_ms: 60_000,
            auto_commit_interval_ms: Some(5_000),
            fetch: ConsumerConfig::default(),
        }
    }
}
