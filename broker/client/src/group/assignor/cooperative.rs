//! A cooperative sticky assignor: members keep what they hold as far as that
//! is fair, the rest goes to those with the fewest.
//!
//! The result is where partitions shall end up. [`withhold_moving`] turns it
//! into what may be given out now: a partition that changes hands is left out
//! until its owner has given it up and joined again (KIP-429).

use std::collections::{BTreeMap, BTreeSet};

use super::{Assignments, Members, PartitionCounts, all_partitions, nothing_yet, subscribers};
use crate::record::TopicPartition;

pub(super) fn assign(members: &Members, counts: &PartitionCounts) -> Assignments {
    let subscribers = subscribers(members);
    let all: Vec<_> = all_partitions(&subscribers, counts).collect();
    let owners = owners(members);
    let fair = all.len().div_ceil(members.len().max(1));
    let mut assignments = nothing_yet(members);
    let mut homeless = Vec::new();
    for partition in all {
        let owner = owners.get(&partition).filter(|owner| {
            let subscribed = members[**owner].topics.contains(&partition.topic);
            subscribed && assignments[**owner].len() < fair
        });
        match owner {
            Some(owner) => give(&mut assignments, owner, partition),
            None => homeless.push(partition),
        }
    }
    for partition in homeless {
        if let Some(member) = poorest(&assignments, &subscribers[partition.topic.as_str()]) {
            give(&mut assignments, &member, partition);
        }
    }
    even_out(&mut assignments, members);
    assignments
}

/// Leaves out of each member's partitions those that another member holds.
pub(in super::super) fn withhold_moving(assignments: &mut Assignments, members: &Members) {
    let owners = owners(members);
    for (member, partitions) in assignments {
        partitions.retain(|partition| {
            owners
                .get(partition)
                .is_none_or(|owner| *owner == member.as_str())
        });
    }
}

/// Who holds what. When two claim a partition the later generation is right.
fn owners(members: &Members) -> BTreeMap<TopicPartition, &str> {
    let mut owners: BTreeMap<TopicPartition, (i32, &str)> = BTreeMap::new();
    for (member, subscription) in members {
        for partition in &subscription.owned {
            let claim = (subscription.generation, member.as_str());
            let owner = owners.entry(partition.clone()).or_insert(claim);
            if owner.0 < claim.0 {
                *owner = claim;
            }
        }
    }
    owners
        .into_iter()
        .map(|(partition, (_, member))| (partition, member))
        .collect()
}

fn give(assignments: &mut Assignments, member: &str, partition: TopicPartition) {
    assignments
        .entry(member.to_owned())
        .or_default()
        .push(partition);
}

fn poorest(assignments: &Assignments, candidates: &[&str]) -> Option<String> {
    let poorest = candidates
        .iter()
        .min_by_key(|member| assignments.get(**member).map_or(0, Vec::len))?;
    Some((*poorest).to_owned())
}

/// Moves partitions from the richest to the poorest while they differ by more
/// than one. Each move lowers the sum of squares, so it ends.
fn even_out(assignments: &mut Assignments, members: &Members) {
    let mut stuck = BTreeSet::new();
    while let Some(rich) = richest(assignments, &stuck) {
        match movable(assignments, members, &rich) {
            Some((place, poor)) => {
                let moved = assignments.get_mut(&rich).map(|held| held.remove(place));
                if let Some(partition) = moved {
                    give(assignments, &poor, partition);
                    stuck.clear();
                }
            }
            None => {
                stuck.insert(rich);
            }
        }
    }
}

fn richest(assignments: &Assignments, stuck: &BTreeSet<String>) -> Option<String> {
    assignments
        .iter()
        .filter(|(member, held)| !held.is_empty() && !stuck.contains(*member))
        .max_by_key(|(_, held)| held.len())
        .map(|(member, _)| member.clone())
}

/// The last partition of `rich` that a member with two fewer may have.
fn movable(assignments: &Assignments, members: &Members, rich: &str) -> Option<(usize, String)> {
    let held = assignments.get(rich)?;
    for (place, partition) in held.iter().enumerate().rev() {
        let poor = assignments
            .iter()
            .filter(|(member, _)| members[*member].topics.contains(&partition.topic))
            .min_by_key(|(_, theirs)| theirs.len())?;
        if poor.1.len() + 1 < held.len() {
            return Some((place, poor.0.clone()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Assignor, Subscription};
    use super::*;

    fn member(owned: &[i32]) -> Subscription {
        Subscription {
            topics: vec!["t".to_owned()],
            owned: owned.iter().map(|p| TopicPartition::new("t", *p)).collect(),
            generation: 1,
        }
    }

    fn indexes(partitions: &[TopicPartition]) -> Vec<i32> {
        partitions.iter().map(|p| p.partition).collect()
    }

    #[test]
    fn a_new_member_gets_only_what_others_have_too_much_of() {
        let members = Members::from([
            ("old".to_owned(), member(&[0, 1, 2, 3])),
            ("new".to_owned(), member(&[])),
        ]);
        let counts = PartitionCounts::from([("t".to_owned(), 4)]);
        let mut target = Assignor::CooperativeSticky.assign(&members, &counts);
        assert_eq!(indexes(&target["old"]), [0, 1]);
        assert_eq!(indexes(&target["new"]), [2, 3]);
        withhold_moving(&mut target, &members);
        assert_eq!(indexes(&target["old"]), [0, 1]);
        assert!(target["new"].is_empty(), "nothing until it is given up");
    }

    #[test]
    fn a_dead_members_partitions_go_to_the_others_at_once() {
        let members = Members::from([
            ("a".to_owned(), member(&[0])),
            ("b".to_owned(), member(&[1])),
        ]);
        let counts = PartitionCounts::from([("t".to_owned(), 4)]);
        let mut target = Assignor::CooperativeSticky.assign(&members, &counts);
        withhold_moving(&mut target, &members);
        assert_eq!(indexes(&target["a"]), [0, 2]);
        assert_eq!(indexes(&target["b"]), [1, 3]);
    }

    #[test]
    fn of_two_claims_the_later_generation_is_right() {
        let mut zombie = member(&[0]);
        zombie.generation = 0;
        let members = Members::from([("a".to_owned(), zombie), ("b".to_owned(), member(&[0]))]);
        let counts = PartitionCounts::from([("t".to_owned(), 1)]);
        let target = Assignor::CooperativeSticky.assign(&members, &counts);
        assert_eq!(indexes(&target["b"]), [0]);
    }
}
