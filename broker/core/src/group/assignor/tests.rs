//! Stories first, then what must hold for every group.

use proptest::prelude::*;

use super::*;
use crate::ids::PartitionIndex;

fn topic(number: u8) -> TopicId {
    let mut id = [0; 16];
    id[15] = number;
    TopicId(id)
}

/// A group in words: its topics' partition counts, and per member its static
/// name, its topics and what it was promised.
#[derive(Clone, Debug, Default)]
struct Group {
    topics: Vec<i32>,
    members: BTreeMap<MemberId, (Option<InstanceId>, BTreeSet<u8>, TopicPartitions)>,
}

impl Group {
    fn of(topics: &[i32]) -> Group {
        Group {
            topics: topics.to_vec(),
            members: BTreeMap::new(),
        }
    }

    fn join(mut self, member: &str, topics: &[u8]) -> Group {
        let topics = topics.iter().copied().collect();
        self.members
            .insert(member.into(), (None, topics, TopicPartitions::default()));
        self
    }

    fn join_static(mut self, member: &str, instance: &str, topics: &[u8]) -> Group {
        self = self.join(member, topics);
        self.members.get_mut(member).unwrap().0 = Some(instance.into());
        self
    }

    fn leave(mut self, member: &str) -> Group {
        self.members.remove(member);
        self
    }

    fn assign(mut self, assignor: Assignor) -> Group {
        let members = self.members.iter();
        let spec = GroupSpec {
            members: members
                .map(|(member_id, (instance_id, topics, promised))| MemberSpec {
                    member_id,
                    instance_id: instance_id.as_ref(),
                    subscribed: Rc::new(topics.iter().map(|number| topic(*number)).collect()),
                    promised,
                })
                .collect(),
            topics: (0..).map(topic).zip(self.topics.clone()).collect(),
        };
        let promises = assignor.assign(&spec);
        assert_eq!(promises.len(), self.members.len());
        for (member, promise) in self.members.values_mut().zip(promises) {
            member.2 = promise;
        }
        self
    }

    /// `"a: 0-0 0-1 · b: 1-0"`
    fn show(&self) -> String {
        let members = self.members.iter().map(|(member, (_, _, promised))| {
            let partitions: Vec<String> = promised
                .iter()
                .map(|(topic, partition)| format!("{}-{partition}", topic.0[15]))
                .collect();
            format!("{member}: {}", partitions.join(" "))
        });
        members.collect::<Vec<_>>().join(" · ")
    }

    fn loads(&self) -> Vec<usize> {
        self.members.values().map(|member| member.2.len()).collect()
    }

    /// Every partition of a subscribed topic has one owner, a subscriber.
    fn check_complete(&self) {
        let mut owned = TopicPartitions::default();
        for (member, (_, topics, promised)) in &self.members {
            for (id, partition) in promised.iter() {
                assert!(topics.contains(&id.0[15]), "{member} gets a foreign topic");
                assert!(owned.insert(id, partition), "{id}-{partition} twice");
            }
        }
        for (number, count) in (0..).zip(&self.topics) {
            let subscribed = self.members.values().any(|m| m.1.contains(&number));
            for partition in (0..*count).map(PartitionIndex) {
                assert_eq!(owned.contains(topic(number), partition), subscribed);
            }
            assert!(owned.of_topic(topic(number)).all(|index| index.0 < *count));
        }
    }

    fn is_homogeneous(&self) -> bool {
        let mut topics = self.members.values().map(|member| &member.1);
        let first = topics.next();
        topics.all(|other| Some(other) == first)
    }
}

#[test]
fn uniform_splits_evenly_and_moves_only_what_it_must() {
    let group = Group::of(&[5]).join("a", &[0]).assign(Assignor::Uniform);
    assert_eq!(group.show(), "a: 0-0 0-1 0-2 0-3 0-4");
    let group = group.join("b", &[0]).assign(Assignor::Uniform);
    assert_eq!(group.show(), "a: 0-0 0-1 0-2 · b: 0-3 0-4");
    let group = group.join("c", &[0]).assign(Assignor::Uniform);
    assert_eq!(group.show(), "a: 0-0 0-1 · b: 0-3 0-4 · c: 0-2");
    let group = group.leave("b").assign(Assignor::Uniform);
    assert_eq!(group.show(), "a: 0-0 0-1 0-3 · c: 0-2 0-4");
}

#[test]
fn uniform_leaves_surplus_members_idle() {
    let mut group = Group::of(&[2]).join("a", &[0]).join("b", &[0]);
    group = group.join("c", &[0]).assign(Assignor::Uniform);
    assert_eq!(group.show(), "a: 0-0 · b: 0-1 · c: ");
}

#[test]
fn uniform_hands_out_partitions_that_a_topic_grew() {
    let mut group = Group::of(&[2]).join("a", &[0]).join("b", &[0]);
    group = group.assign(Assignor::Uniform);
    group.topics = vec![4];
    group = group.assign(Assignor::Uniform);
    assert_eq!(group.show(), "a: 0-0 0-2 · b: 0-1 0-3");
}

#[test]
fn uniform_balances_members_with_different_subscriptions() {
    let mut group = Group::of(&[4, 4]).join("a", &[0]).join("b", &[0, 1]);
    group = group.assign(Assignor::Uniform);
    group.check_complete();
    assert_eq!(group.show(), "a: 0-0 0-1 0-2 0-3 · b: 1-0 1-1 1-2 1-3");
}

#[test]
fn range_lines_up_topics_of_equal_size() {
    let mut group = Group::of(&[3, 3]).join("a", &[0, 1]).join("b", &[0, 1]);
    group = group.assign(Assignor::Range);
    assert_eq!(group.show(), "a: 0-0 0-1 1-0 1-1 · b: 0-2 1-2");
}

#[test]
fn range_keeps_a_static_member_in_its_place_under_a_new_member_id() {
    let group = Group::of(&[4])
        .join_static("m1", "i1", &[0])
        .join_static("m2", "i2", &[0])
        .assign(Assignor::Range);
    assert_eq!(group.show(), "m1: 0-0 0-1 · m2: 0-2 0-3");
    let group = group.leave("m1").join_static("m9", "i1", &[0]);
    let group = group.assign(Assignor::Range);
    assert_eq!(group.show(), "m2: 0-2 0-3 · m9: 0-0 0-1");
}

#[test]
fn range_counts_only_the_subscribers_of_each_topic() {
    let mut group = Group::of(&[3, 2]).join("a", &[0]).join("b", &[0, 1]);
    group = group.assign(Assignor::Range);
    assert_eq!(group.show(), "a: 0-0 0-1 · b: 0-2 1-0 1-1");
}

#[test]
fn a_group_without_topics_gets_nothing() {
    for assignor in Assignor::ALL {
        let group = Group::of(&[]).join("a", &[]).join("b", &[]);
        assert_eq!(group.assign(assignor).show(), "a:  · b: ");
    }
}

#[derive(Clone, Debug)]
enum Change {
    Join(u8, BTreeSet<u8>),
    Leave(u8),
    Grow(u8, i32),
}

fn change(topics: u8, alike: bool) -> impl Strategy<Value = Change> {
    let subscription = if alike {
        Just((0..topics).collect::<BTreeSet<u8>>()).boxed()
    } else {
        proptest::collection::btree_set(0..topics, 0..=usize::from(topics)).boxed()
    };
    prop_oneof![
        4 => (0u8..12, subscription).prop_map(|(member, topics)| Change::Join(member, topics)),
        2 => (0u8..12).prop_map(Change::Leave),
        1 => (0..topics, 0i32..6).prop_map(|(topic, by)| Change::Grow(topic, by)),
    ]
}

fn apply(mut group: Group, change: &Change) -> Group {
    match change {
        Change::Join(member, topics) => {
            let entry = group.members.entry(format!("m{member:02}").into());
            entry.or_default().1.clone_from(topics);
            group
        }
        Change::Leave(member) => group.leave(&format!("m{member:02}")),
        Change::Grow(topic, by) => {
            group.topics[usize::from(*topic)] += by;
            group
        }
    }
}

/// Partitions that moved between members present before and after.
fn moved(before: &Group, after: &Group) -> usize {
    let kept = after.members.iter().map(|(id, member)| {
        before.members.get(id).map_or(0, |old| {
            let kept = |(topic, partition): &(_, _)| member.2.contains(*topic, *partition);
            old.2.iter().filter(kept).count()
        })
    });
    let had: usize = after
        .members
        .keys()
        .filter_map(|id| before.members.get(id))
        .map(|old| old.2.len())
        .sum();
    had - kept.sum::<usize>()
}

proptest! {
    #[test]
    fn equal_subscribers_differ_by_at_most_one_and_keep_what_they_can(
        topics in proptest::collection::vec(0i32..20, 1..4),
        changes in proptest::collection::vec(change(1, true), 1..12),
    ) {
        // `change` names topic 0 only; the others are subscribed to as well.
        let all: BTreeSet<u8> = (0..).take(topics.len()).collect();
        let mut group = Group::of(&topics);
        for change in &changes {
            let before = group.clone();
            group = apply(group, change);
            for member in group.members.values_mut() {
                member.1.clone_from(&all);
            }
            group = group.assign(Assignor::Uniform);
            group.check_complete();
            let loads = group.loads();
            let (min, max) = (loads.iter().min(), loads.iter().max());
            prop_assert!(max.copied().unwrap_or(0) <= min.copied().unwrap_or(0) + 1);

            // A join may take from a member only what exceeds its new share.
            let surplus: usize = group.members.iter().map(|(id, member)| {
                let had = before.members.get(id).map_or(0, |old| old.2.len());
                had.saturating_sub(member.2.len())
            }).sum();
            prop_assert_eq!(moved(&before, &group), surplus);
            prop_assert_eq!(group.clone().assign(Assignor::Uniform).show(), group.show());
        }
    }

    #[test]
    fn different_subscribers_are_balanced_up_to_single_moves(
        topics in proptest::collection::vec(0i32..12, 4),
        changes in proptest::collection::vec(change(4, false), 1..16),
    ) {
        let mut group = Group::of(&topics);
        for change in &changes {
            group = apply(group, change).assign(Assignor::Uniform);
            group.check_complete();
            for giver in group.members.values() {
                for taker in group.members.values() {
                    let movable = giver.2.iter().any(|(id, _)| taker.1.contains(&id.0[15]));
                    prop_assert!(!movable || giver.2.len() <= taker.2.len() + 1, "{}", group.show());
                }
            }
            if !group.is_homogeneous() {
                prop_assert_eq!(group.clone().assign(Assignor::Uniform).show(), group.show());
            }
        }
    }

    #[test]
    fn ranges_are_contiguous_and_complete(
        topics in proptest::collection::vec(0i32..12, 4),
        changes in proptest::collection::vec(change(4, false), 1..16),
    ) {
        let mut group = Group::of(&topics);
        for change in &changes {
            group = apply(group, change).assign(Assignor::Range);
            group.check_complete();
            for member in group.members.values() {
                for (_, partitions) in member.2.topics() {
                    let first = partitions.first().map_or(0, |index| index.0);
                    let expected: Vec<i32> = (first..).take(partitions.len()).collect();
                    let actual: Vec<i32> = partitions.iter().map(|index| index.0).collect();
                    prop_assert_eq!(actual, expected);
                }
            }
        }
    }
}
