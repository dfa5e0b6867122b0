//! The range assignor: contiguous ranges, topic by topic.
//!
//! Members are lined up once, static ones first, and every topic is cut along
//! that line. Topics with equally many partitions and the same subscribers are
//! therefore cut alike, which is what joins of their records need. It pays for
//! that with balance: leftovers of every topic go to the front of the line.

use super::{GroupSpec, TopicPartitions};
use crate::ids::PartitionIndex;

pub(super) fn assign(spec: &GroupSpec<'_>) -> Vec<TopicPartitions> {
    let line = line_up(spec);
    let mut assignment = vec![TopicPartitions::default(); spec.members.len()];
    for (topic, partitions) in &spec.topics {
        let subscribers: Vec<usize> = line
            .iter()
            .copied()
            .filter(|member| spec.members[*member].subscribed.contains(topic))
            .collect();
        for (member, range) in subscribers.iter().zip(cut(*partitions, subscribers.len())) {
            for index in range {
                assignment[*member].insert(*topic, PartitionIndex(index));
            }
        }
    }
    assignment
}

/// Members by instance id, then those without one by member id: a static member
/// that comes back under a new member id keeps its place.
fn line_up(spec: &GroupSpec<'_>) -> Vec<usize> {
    let mut line: Vec<usize> = (0..spec.members.len()).collect();
    line.sort_by_key(|index| {
        let member = &spec.members[*index];
        (
            member.instance_id.is_none(),
            member.instance_id,
            member.member_id,
        )
    });
    line
}

/// Cuts `0..partitions` into `parts` ranges whose lengths differ by at most
/// one, the longer ones first.
fn cut(partitions: i32, parts: usize) -> impl Iterator<Item = std::ops::Range<i32>> {
    let parts = i32::try_from(parts).unwrap_or(i32::MAX).max(1);
    let (length, leftover) = (partitions / parts, partitions % parts);
    (0..parts).map(move |part| {
        let start = part * length + part.min(leftover);
        start..start + length + i32::from(part < leftover)
    })
}
