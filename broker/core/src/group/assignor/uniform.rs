//! The uniform assignor for members that all subscribe to the same topics.
//!
//! Everybody gets the same number of partitions, give or take one. Within that,
//! a member keeps what it was promised, and only what exceeds its share moves.

use super::{GroupSpec, TopicPartitions};
use crate::ids::{PartitionIndex, TopicId};

pub(super) fn assign(spec: &GroupSpec<'_>) -> Vec<TopicPartitions> {
    let (mut kept, mut free) = keep_promises(spec);
    let quotas = quotas(&kept, free.len());
    for (member, quota) in kept.iter_mut().zip(&quotas) {
        give_up_surplus(member, *quota, &mut free);
    }
    let mut free = free.into_iter();
    for (member, quota) in kept.iter_mut().zip(&quotas) {
        let missing = quota - member.len();
        for (topic, partition) in free.by_ref().take(missing) {
            member.insert(topic, partition);
        }
    }
    debug_assert!(free.next().is_none(), "the quotas sum to all partitions");
    kept
}

type Partitions = Vec<(TopicId, PartitionIndex)>;

/// What of its promise each member can keep, and the partitions left over.
/// Nobody keeps a partition twice, whatever the promises say.
fn keep_promises(spec: &GroupSpec<'_>) -> (Vec<TopicPartitions>, Partitions) {
    let mut free: TopicPartitions = all_partitions(spec).collect();
    let kept = spec
        .members
        .iter()
        .map(|member| {
            member
                .promised
                .iter()
                .filter(|(topic, partition)| free.remove(*topic, *partition))
                .collect()
        })
        .collect();
    (kept, free.iter().collect())
}

fn all_partitions<'a>(
    spec: &'a GroupSpec<'_>,
) -> impl Iterator<Item = (TopicId, PartitionIndex)> + 'a {
    let subscribed = spec.members.first().map(|member| &*member.subscribed);
    subscribed.into_iter().flatten().flat_map(|topic| {
        let count = spec.topics.get(topic).copied().unwrap_or(0);
        (0..count).map(|index| (*topic, PartitionIndex(index)))
    })
}

/// How many partitions each member shall have. Where they do not divide evenly,
/// the extra ones stay with members that already have more than the minimum.
fn quotas(kept: &[TopicPartitions], free: usize) -> Vec<usize> {
    let total = free + kept.iter().map(TopicPartitions::len).sum::<usize>();
    let minimum = total / kept.len();
    let mut extra = total % kept.len();
    let mut quotas = vec![minimum; kept.len()];
    for wants_extra in [true, false] {
        for (quota, member) in quotas.iter_mut().zip(kept) {
            if extra > 0 && *quota == minimum && (member.len() > minimum) == wants_extra {
                *quota += 1;
                extra -= 1;
            }
        }
    }
    quotas
}

fn give_up_surplus(member: &mut TopicPartitions, quota: usize, free: &mut Partitions) {
    let surplus: Partitions = member.iter().skip(quota).collect();
    for (topic, partition) in surplus {
        member.remove(topic, partition);
        free.push((topic, partition));
    }
}
