//! Which coordinator answers for a group, and how it is asked.
//!
//! A partition of `__consumer_offsets` is a shard of coordination: whoever leads
//! the partition coordinates every group whose id hashes to it, and keeps their
//! state in it. The rules are `ottla_core::group`; here they are given a log,
//! a clock and timers.
//!
//! ```text
//! ask ─► shard lock ─ decide ─ append ─ replay ─ effects ─ unlock ─► reply, behind a ticket
//! ```

mod asked;
mod config;
mod load;
mod shard;
mod step;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use ottla_core::controller::TopicImage;
use ottla_core::group::admin::{AdminReply, AdminRequest, ListedGroup};
use ottla_core::group::{GroupError, GroupId, GroupReply, GroupRequest};
use ottla_core::ids::{PartitionIndex, TopicId};
use ottla_core::time::Now;

pub(crate) use asked::Asked;
use shard::Shard;

use super::Node;
use super::metadata::{Committed, MetadataError};
use super::topics::OFFSETS_TOPIC;

/// The shards this node has been asked about, by partition.
#[derive(Debug, Default)]
pub(crate) struct Coordinators {
    shards: Mutex<HashMap<ShardKey, Arc<Shard>>>,
}

/// The partition a shard lives in. The topic's id is part of it, so that no
/// group outlives the log its records are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ShardKey {
    topic: TopicId,
    partition: PartitionIndex,
}

impl Coordinators {
    /// Stops coordinating in the partitions of a topic that is gone. Whoever
    /// waits for an answer learns that there is no coordinator any more.
    pub(crate) fn forget(&self, topic: TopicId) {
        let mut shards = self.shards();
        let (gone, stay) = shards.drain().partition(|(key, _)| key.topic == topic);
        *shards = stay;
        drop(shards);
        // Dropped outside the lock: a shard has timers and waiters of its own.
        drop::<HashMap<ShardKey, Arc<Shard>>>(gone);
    }

    fn find(&self, key: ShardKey) -> Option<Arc<Shard>> {
        self.shards().get(&key).cloned()
    }

    fn shards(&self) -> MutexGuard<'_, HashMap<ShardKey, Arc<Shard>>> {
        self.shards
            .lock()
            .expect("nothing that can panic runs under this lock")
    }
}

impl Node {
    /// Asks the coordinator of `group`. The answer may depend on others: a
    /// member that joins waits for the rest of its group.
    pub(crate) fn ask_group(
        self: &Arc<Node>,
        now: Now,
        group: &GroupId,
        request: GroupRequest,
    ) -> Asked {
        match self.shard_of(group) {
            Some(shard) => shard.ask(self, now, request),
            None => Asked::Answered(Err(GroupError::NotCoordinator)),
        }
    }

    /// The groups of every shard here.
    pub(crate) fn list_groups(
        self: &Arc<Node>,
        now: Now,
        states: &[String],
        kinds: &[String],
    ) -> Vec<Asked> {
        let shards = self.all_shards();
        let list = |shard: Arc<Shard>| {
            let request = GroupRequest::Admin(AdminRequest::List {
                states: states.to_vec(),
                kinds: kinds.to_vec(),
            });
            shard.ask(self, now, request)
        };
        shards.into_iter().map(list).collect()
    }

    /// Makes sure there is a coordinator for groups: creates
    /// `__consumer_offsets` on first use, as Kafka does.
    pub(crate) fn ensure_group_coordinator(
        self: &Arc<Node>,
        now: Now,
    ) -> Result<Committed, MetadataError> {
        if self.metadata.image().topic(OFFSETS_TOPIC).is_some() {
            return Ok(Committed::default());
        }
        // Another request may be faster; then it exists, which is enough.
        let (results, committed) = self.create_topics(now, &[self.offsets_topic()])?;
        for refused in results.into_iter().filter_map(Result::err) {
            tracing::debug!(%refused, "the offsets topic was not created here");
        }
        Ok(committed)
    }

    /// Reads the groups of every partition that has any, on a thread of its
    /// own: their members' sessions run from then on. Whoever asks meanwhile is
    /// told to come again.
    pub(crate) fn load_groups(self: &Arc<Node>) {
        for shard in self.all_shards() {
            shard.open(self);
        }
    }

    /// Deletes what groups have committed for topics that are gone.
    pub(crate) fn forget_offsets_of(self: &Arc<Node>, now: Now, topics: &[Arc<TopicImage>]) {
        for shard in self.all_shards() {
            for topic in topics {
                shard.topic_deleted(self, now, &topic.name);
            }
        }
    }

    fn all_shards(&self) -> Vec<Arc<Shard>> {
        let image = self.metadata.image();
        let Some(topic) = image.topic(OFFSETS_TOPIC) else {
            return Vec::new();
        };
        let partitions = 0..topic.partitions.len() as i32;
        partitions
            .filter_map(|index| self.shard(topic.id, PartitionIndex(index)))
            .collect()
    }

    fn shard_of(&self, group: &GroupId) -> Option<Arc<Shard>> {
        let image = self.metadata.image();
        let topic = image.topic(OFFSETS_TOPIC)?;
        let count = i32::try_from(topic.partitions.len()).ok()?;
        self.shard(topic.id, partition_for(group.as_str(), count)?)
    }

    /// The shard of a partition led here.
    fn shard(&self, topic: TopicId, partition: PartitionIndex) -> Option<Arc<Shard>> {
        let key = ShardKey { topic, partition };
        if let Some(shard) = self.coordinators.find(key) {
            return Some(shard);
        }
        let mut shards = self.coordinators.shards();
        // Under the lock, which `forget` takes after the partition is gone.
        let log = self.partitions.find(topic, partition)?;
        let shard = shards.entry(key).or_insert_with(|| Shard::new(key, log));
        Some(Arc::clone(shard))
    }
}

/// The groups of one answer to [`Node::list_groups`].
pub(crate) fn listed(
    reply: Result<GroupReply, GroupError>,
) -> Result<Vec<ListedGroup>, GroupError> {
    match reply? {
        GroupReply::Admin(AdminReply::List(groups)) => Ok(groups),
        other => unreachable!("a reply is of its request's kind: {other:?}"),
    }
}

/// Kafka's `partitionFor`: Java's `String.hashCode`, made positive, modulo the
/// number of partitions.
fn partition_for(group: &str, partitions: i32) -> Option<PartitionIndex> {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    // Java's smallest int has no positive counterpart; Kafka takes 0 for it.
    let positive = hash.checked_abs().unwrap_or(0);
    positive.checked_rem(partitions).map(PartitionIndex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lives_in_the_partition_kafka_would_put_it_in() {
        // java: Utils.abs("…".hashCode()) % 50
        let partition = |group| partition_for(group, 50).unwrap().0;
        assert_eq!(partition(""), 0);
        assert_eq!(partition("a"), 97 % 50);
        assert_eq!(partition("console-consumer-12345"), 6);
        assert_eq!(partition("그룹"), 19);
        assert_eq!(
            partition("polygenelubricants"),
            0,
            "its hash is the smallest int"
        );
        assert_eq!(partition_for("a", 0), None);
    }
}
