//! What a membership does next and what came of it. A step is a future of its
//! own that holds everything it needs, so that polling a consumer can be
//! dropped and resumed while it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use super::assignor::PartitionCounts;
use crate::client::Client;
use crate::committed::{self, Committed, Committer};
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::record::TopicPartition;

/// Positions to commit before the step itself, because its partitions may
/// belong to somebody else afterwards.
pub(super) type Parting = Option<(Committer, BTreeMap<TopicPartition, Committed>)>;

/// A step on its way. Whatever came of it, the member id is the one the
/// coordinator knows by now.
pub(super) type Step = Pin<Box<dyn Future<Output = (String, Outcome)> + Send>>;

/// What came of a step.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The member belongs to a generation (classic) or epoch (KIP-848), and
    /// these partitions are its own.
    Member {
        epoch: i32,
        /// `None`: as before.
        assignment: Option<Assignment>,
        /// The coordinator's wish; `None` keeps the configured one.
        heartbeat_interval_ms: Option<u64>,
    },
    /// The group forms a new generation.
    Rejoin,
    /// The coordinator knows nothing of this member (any more): whatever it
    /// held belongs to others.
    Lost,
    /// It could not be asked, or has to be looked up.
    TryAgain,
    /// Trying again does not help.
    Failed(ClientError),
}

/// Partitions of a member.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) partitions: BTreeSet<TopicPartition>,
    /// What the group has committed for those it did not hold before.
    pub(super) committed: BTreeMap<TopicPartition, Committed>,
    /// Whether partitions must be given up and the group joined again
    /// (classic cooperative protocol).
    pub(super) rejoin_when_revoked: bool,
    /// What the leader of a classic group assigned by; when it changes the
    /// group has to join again. `None` for everybody else.
    pub(super) watched: Option<PartitionCounts>,
}

impl Outcome {
    /// What an error means for a member.
    pub(super) fn of_error(client: &Client, group: &str, error: ClientError) -> Outcome {
        match error.code() {
            Some(
                ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::ILLEGAL_GENERATION
                | ErrorCode::FENCED_MEMBER_EPOCH,
            ) => Outcome::Lost,
            Some(ErrorCode::REBALANCE_IN_PROGRESS) => Outcome::Rejoin,
            Some(code) if code.means_coordinator_moved() => {
                client.forget_coordinator(group);
                Outcome::TryAgain
            }
            _ if error.is_retriable() => Outcome::TryAgain,
            _ => Outcome::Failed(error),
        }
    }
}

/// Commits what the member has read, as far as the coordinator still lets it.
pub(super) async fn part(client: &Client, parting: Parting) {
    if let Some((committer, offsets)) = parting
        && !offsets.is_empty()
    {
        // A refusal means that others read these records again, as after a
        // crash; there is nothing better to do about it here.
        let _ = committed::commit(client, &committer, &offsets).await;
    }
}

/// What is committed for the partitions that the member did not hold before.
pub(super) async fn adopt(
    client: &Client,
    committer: &Committer,
    partitions: BTreeSet<TopicPartition>,
    held: &BTreeSet<TopicPartition>,
) -> Result<Assignment, ClientError> {
    let new: Vec<_> = partitions.difference(held).cloned().collect();
    let committed = match new.is_empty() {
        true => BTreeMap::new(),
        false => committed::fetch(client, committer, Some(&new)).await?,
    };
    Ok(Assignment {
        rejoin_when_revoked: false,
        watched: None,
        partitions,
        committed,
    })
}
