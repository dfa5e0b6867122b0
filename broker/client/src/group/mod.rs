//! Consumes as a member of a group, by the classic protocol or by KIP-848's.
//!
//! ```text
//! poll ─┬─ step: join or heartbeat ─► outcome ─► partitions change, next step is due
//!       └─ fetch loop of the partitions held ─► records
//! ```
//!
//! There is no background task: the membership lives while [`GroupConsumer::poll`]
//! is called, at least once per session timeout. That keeps a simulation
//! deterministic, and a consumer that hangs loses its partitions.

pub mod assignor;
mod classic;
mod config;
mod modern;
mod protocol;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::pending;
use std::time::Duration;

use tokio::time::Instant;

pub use assignor::Assignor;
pub use config::{GroupConfig, GroupProtocol};
pub use protocol::{InvalidProtocol, Subscription, parse_assignment};

use crate::client::Client;
use crate::committed::{self, Committed, Committer};
use crate::consumer::Fetcher;
use crate::error::ClientError;
use crate::error_code::ErrorCode;
use crate::offsets::OffsetSpec;
use crate::record::{ConsumerRecord, TopicPartition};
use assignor::PartitionCounts;
use step::{Assignment, Outcome, Parting, Step};

/// How long to wait before asking again when a coordinator could not be asked.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// A member of a group.
pub struct GroupConsumer {
    config: GroupConfig,
    /// For the coordinator alone: a join may wait there for a minute.
    client: Client,
    fetcher: Fetcher,
    /// Who the member is, as far as the coordinator has said.
    member: Committer,
    phase: Phase,
    held: BTreeSet<TopicPartition>,
    /// What this member assigned by, when it leads a classic group.
    watched: Option<PartitionCounts>,
    /// KIP-848: `held` changed since the coordinator heard it last.
    tell_held: bool,
    /// What to commit before the next step.
    parting: Parting,
    step: Option<Step>,
    next_step_at: Instant,
    heartbeat_interval: Duration,
    next_commit_at: Instant,
}

/// Where a classic member stands; KIP-848's has its epoch for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Joining,
    Stable,
}

impl GroupConsumer {
    /// A member to be; it joins when it is polled.
    pub fn new(client: &Client, config: GroupConfig) -> GroupConsumer {
        let mut member = Committer::tool(&config.group);
        member.instance_id.clone_from(&config.instance_id);
        if matches!(config.protocol, GroupProtocol::Consumer(_)) {
            // Since version 1 of its heartbeat a member names itself.
            member.member_id = client.environment().random_uuid();
            member.epoch = modern::JOIN;
        }
        let now = Instant::now();
        let commit_interval = config.auto_commit_interval_ms.map(Duration::from_millis);
        GroupConsumer {
            client: client.separate(),
            fetcher: Fetcher::new(client.separate(), config.fetch.clone()),
            member,
            phase: Phase::Joining,
            held: BTreeSet::new(),
            watched: None,
            tell_held: false,
            parting: None,
            step: None,
            next_step_at: now,
            heartbeat_interval: Duration::from_millis(config.heartbeat_interval_ms),
            next_commit_at: now + commit_interval.unwrap_or_default(),
            config,
        }
    }

    /// The next records of the partitions this member holds; none when
    /// `timeout` passes first. Records returned before count as processed:
    /// with automatic commits their offsets may be committed now. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// What trying again does not help with, from the group or its partitions.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Vec<ConsumerRecord>, ClientError> {
        let deadline = Instant::now() + timeout;
        self.commit_if_due().await?;
        loop {
            self.start_step();
            let wake = match self.step {
                Some(_) => deadline,
                None => deadline.min(self.next_step_at),
            };
            tokio::select! {
                biased;
                done = running(&mut self.step) => self.take(done)?,
                records = self.fetcher.poll(wake) => {
                    let records = records?;
                    if !records.is_empty() {
                        return Ok(records);
                    }
                }
            }
            if Instant::now() >= deadline {
                return Ok(Vec::new());
            }
        }
    }

    /// The partitions this member holds.
    pub fn assignment(&self) -> &BTreeSet<TopicPartition> {
        &self.held
    }

    /// The id the coordinator knows the member by; empty until it has joined.
    pub fn member_id(&self) -> &str {
        &self.member.member_id
    }

    /// The classic generation or KIP-848 member epoch.
    pub fn generation(&self) -> i32 {
        self.member.epoch
    }

    /// The offset after the last record that was returned.
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.fetcher.position(partition)
    }

    /// The end of what may be read, as the last Fetch said.
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<i64> {
        self.fetcher.high_watermark(partition)
    }

    /// Commits the position of every partition held.
    ///
    /// # Errors
    /// As [`GroupConsumer::commit_offsets`].
    pub async fn commit(&mut self) -> Result<(), ClientError> {
        self.commit_offsets(self.positions()).await
    }

    /// Commits these offsets: of each partition, the next record to read.
    ///
    /// # Errors
    /// ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID or REBALANCE_IN_PROGRESS when the
    /// partitions may belong to another member by now.
    pub async fn commit_offsets(
        &mut self,
        offsets: BTreeMap<TopicPartition, Committed>,
    ) -> Result<(), ClientError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let mut backoff = self.client.backoff();
        loop {
            let committed = committed::commit(&self.client, &self.member, &offsets).await;
            let stale = |error: &ClientError| error.code() == Some(ErrorCode::STALE_MEMBER_EPOCH);
            if !committed.as_ref().is_err_and(stale) || !backoff.pause().await {
                return committed;
            }
            // The epoch moved on; a heartbeat tells it.
            self.next_step_at = Instant::now();
            self.start_step();
            let done = running(&mut self.step).await;
            self.take(done)?;
        }
    }

    /// Goes on at another place of a partition that is held.
    ///
    /// # Errors
    /// [`ClientError::InvalidArgument`] when it is not.
    pub fn seek(&mut self, partition: TopicPartition, spec: OffsetSpec) -> Result<(), ClientError> {
        if !self.held.contains(&partition) {
            return Err(ClientError::InvalidArgument(format!(
                "{partition} is not assigned to this member"
            )));
        }
        self.fetcher.seek(partition, spec);
        Ok(())
    }

    /// Commits, if that is automatic, and leaves the group, so that others get
    /// the partitions at once. A static member goes away without leaving.
    ///
    /// # Errors
    /// When the coordinator cannot be asked; the session then times out.
    pub async fn leave(mut self) -> Result<(), ClientError> {
        // A join in flight would keep the connection busy.
        if self.step.take().is_some() {
            self.client = self.client.separate();
        }
        let committed = match self.config.auto_commit_interval_ms {
            Some(_) if self.is_member() => {
                committed::commit(&self.client, &self.member, &self.positions()).await
            }
            _ => Ok(()),
        };
        let left = match self.config.protocol {
            // A static member's partitions wait for it (KIP-345).
            GroupProtocol::Classic(_) if self.member.instance_id.is_some() => Ok(()),
            GroupProtocol::Classic(_) if self.member.member_id.is_empty() => Ok(()),
            GroupProtocol::Classic(_) => classic::leave(&self.client, &self.member).await,
            GroupProtocol::Consumer(_) => modern::leave(&self.client, &self.member).await,
        };
        match left {
            // It never joined, or was forgotten: there is nothing to leave.
            Err(error) if error.code().is_some_and(is_no_member) => {}
            left => left?,
        }
        committed
    }

    fn is_member(&self) -> bool {
        self.phase == Phase::Stable && !self.held.is_empty()
    }

    fn positions(&self) -> BTreeMap<TopicPartition, Committed> {
        let held = self.held.iter();
        held.filter_map(|partition| {
            let position = self.fetcher.position(partition)?;
            Some((partition.clone(), Committed::at(position)))
        })
        .collect()
    }

    async fn commit_if_due(&mut self) -> Result<(), ClientError> {
        let Some(interval_ms) = self.config.auto_commit_interval_ms else {
            return Ok(());
        };
        if Instant::now() < self.next_commit_at || !self.is_member() || self.step.is_some() {
            return Ok(());
        }
        self.next_commit_at = Instant::now() + Duration::from_millis(interval_ms);
        match self.commit().await {
            // The next step finds out what happened to the membership.
            Err(error) if error.code().is_some() || error.is_retriable() => Ok(()),
            result => result,
        }
    }

    /// Starts what is due: a join, or a heartbeat.
    fn start_step(&mut self) {
        if self.step.is_some() || Instant::now() < self.next_step_at {
            return;
        }
        let parting = self.parting.take();
        let client = self.client.clone();
        let committer = self.member.clone();
        self.step = Some(match (&self.config.protocol, self.phase) {
            (GroupProtocol::Classic(assignors), Phase::Joining) => {
                let join = classic::Join {
                    client,
                    committer,
                    assignors: assignors.clone(),
                    topics: self.config.topics.clone(),
                    held: self.held.clone(),
                    session_timeout_ms: self.config.session_timeout_ms,
                    rebalance_timeout_ms: self.config.rebalance_timeout_ms,
                };
                Box::pin(join.run(parting))
            }
            (GroupProtocol::Classic(_), Phase::Stable) => {
                Box::pin(classic::heartbeat(client, committer, self.watched.clone()))
            }
            (GroupProtocol::Consumer(server_assignor), _) => {
                let heartbeat = modern::Heartbeat {
                    client,
                    committer,
                    topics: self.config.topics.clone(),
                    server_assignor: server_assignor.clone(),
                    rebalance_timeout_ms: self.config.rebalance_timeout_ms,
                    held: self.held.clone(),
                    tell_held: self.tell_held,
                };
                Box::pin(heartbeat.run(parting))
            }
        });
    }

    fn take(&mut self, (member_id, outcome): (String, Outcome)) -> Result<(), ClientError> {
        self.step = None;
        self.member.member_id = member_id;
        let now = Instant::now();
        match outcome {
            Outcome::Member {
                epoch,
                assignment,
                heartbeat_interval_ms,
            } => {
                self.member.epoch = epoch;
                self.phase = Phase::Stable;
                self.tell_held = false;
                if let Some(interval_ms) = heartbeat_interval_ms {
                    self.heartbeat_interval = Duration::from_millis(interval_ms);
                }
                self.next_step_at = now + self.heartbeat_interval;
                if let Some(assignment) = assignment {
                    self.adopt(assignment)?;
                }
            }
            Outcome::Rejoin => self.rejoin(),
            Outcome::Lost => self.start_over(),
            Outcome::TryAgain => {
                // It may not have heard the last heartbeat either.
                self.tell_held = true;
                self.next_step_at = now + RETRY_PAUSE;
            }
            Outcome::Failed(error) => {
                // The caller may poll again; not at once, though.
                self.next_step_at = now + RETRY_PAUSE;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes on new partitions and gives up those that are not the member's
    /// any more.
    fn adopt(&mut self, assignment: Assignment) -> Result<(), ClientError> {
        let revoked: Vec<_> = self
            .held
            .difference(&assignment.partitions)
            .cloned()
            .collect();
        self.plan_parting(&revoked);
        for partition in &revoked {
            self.fetcher.remove(partition);
        }
        let mut unplaced = None;
        for partition in assignment.partitions.difference(&self.held) {
            let committed = assignment.committed.get(partition);
            let start = committed
                .map(|committed| OffsetSpec::At(committed.offset))
                .or(self.config.fetch.offset_reset);
            match start {
                Some(spec) => self.fetcher.seek(partition.clone(), spec),
                None => unplaced = Some(partition.clone()),
            }
        }
        if self.held != assignment.partitions {
            self.tell_held = true;
            if matches!(self.config.protocol, GroupProtocol::Consumer(_)) {
                // The coordinator waits to hear what was given up and taken.
                self.next_step_at = Instant::now();
            }
        }
        self.held = assignment.partitions;
        self.watched = assignment.watched;
        if assignment.rejoin_when_revoked {
            self.phase = Phase::Joining;
            self.next_step_at = Instant::now();
        }
        match unplaced {
            None => Ok(()),
            Some(partition) => Err(ClientError::InvalidArgument(format!(
                "group {} has no committed offset for {partition}; say where to start",
                self.config.group
            ))),
        }
    }

    /// Remembers what to commit before others read these partitions.
    fn plan_parting(&mut self, partitions: &[TopicPartition]) {
        if self.config.auto_commit_interval_ms.is_none() || partitions.is_empty() {
            return;
        }
        let mut offsets = self.positions();
        offsets.retain(|partition, _| partitions.contains(partition));
        self.parting = Some((self.member.clone(), offsets));
    }

    /// Joins the next generation; unless the protocol is cooperative, with
    /// empty hands.
    fn rejoin(&mut self) {
        let cooperative = match &self.config.protocol {
            GroupProtocol::Classic(assignors) => assignors.iter().all(|a| a.is_cooperative()),
            GroupProtocol::Consumer(_) => true,
        };
        if !cooperative {
            let held: Vec<_> = self.held.iter().cloned().collect();
            self.plan_parting(&held);
            self.drop_partitions();
        }
        self.phase = Phase::Joining;
        self.next_step_at = Instant::now();
    }

    /// Begins as a new member: others may have read on from the last commit.
    fn start_over(&mut self) {
        self.drop_partitions();
        self.parting = None;
        match self.config.protocol {
            GroupProtocol::Classic(_) => {
                self.member.member_id.clear();
                self.member.epoch = -1;
            }
            GroupProtocol::Consumer(_) => self.member.epoch = modern::JOIN,
        }
        self.phase = Phase::Joining;
        self.next_step_at = Instant::now();
    }

    fn drop_partitions(&mut self) {
        for partition in std::mem::take(&mut self.held) {
            self.fetcher.remove(&partition);
        }
    }
}

fn is_no_member(code: ErrorCode) -> bool {
    code == ErrorCode::UNKNOWN_MEMBER_ID || code == ErrorCode::GROUP_ID_NOT_FOUND
}

/// Completes with the step's outcome; never when there is none.
async fn running(step: &mut Option<Step>) -> (String, Outcome) {
    match step {
        Some(step) => step.await,
        None => pending().await,
    }
}

impl fmt::Debug for GroupConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupConsumer")
            .field("member", &self.member)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
