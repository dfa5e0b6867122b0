//! The uniform assignor for members with different subscriptions.
//!
//! Every member keeps what it was promised and still subscribes to. Free
//! partitions go to the least loaded subscriber. Then, topic by topic,
//! partitions move from the most to the least loaded subscriber while that
//! makes the two more equal, until no topic has such a move.
//!
//! The result is balanced in this sense: no single move improves it. A chain of
//! moves through topics with different subscribers still could, as in Apache
//! Kafka; members with equal subscriptions differ by at most one partition.

use std::collections::{BTreeMap, BTreeSet};

use super::{GroupSpec, TopicPartitions};
use crate::ids::{PartitionIndex, TopicId};

/// Passes over all topics before settling for what has been reached. Every move
/// lowers the sum of the squares of the loads, so the passes end by themselves;
/// real subscriptions need two or three.
const MAX_PASSES: usize = 64;

pub(super) fn assign(spec: &GroupSpec<'_>) -> Vec<TopicPartitions> {
    let mut board = Board::new(spec);
    board.keep_promises(spec);
    let order = board.hardest_first(spec);
    for topic in &order {
        board.place_free_partitions(*topic);
    }
    for _ in 0..MAX_PASSES {
        let moves: usize = order.iter().map(|topic| board.even_out(*topic)).sum();
        if moves == 0 {
            break;
        }
    }
    board.into_assignment()
}

/// A member's place in [`GroupSpec::members`].
type Member = usize;

/// The assignment in the making.
struct Board {
    /// The owner of each partition, by topic.
    owners: BTreeMap<TopicId, Vec<Option<Member>>>,
    /// The subscribers of each topic, in the order of their ids.
    subscribers: BTreeMap<TopicId, Vec<Member>>,
    /// How many partitions each member has.
    loads: Vec<usize>,
}

impl Board {
    fn new(spec: &GroupSpec<'_>) -> Board {
        let mut subscribers: BTreeMap<TopicId, Vec<Member>> = BTreeMap::new();
        for (index, member) in spec.members.iter().enumerate() {
            for topic in member.subscribed.iter() {
                subscribers.entry(*topic).or_default().push(index);
            }
        }
        let owners = subscribers
            .keys()
            .map(|topic| {
                let partitions = spec.topics.get(topic).copied().unwrap_or(0);
                (*topic, vec![None; usize::try_from(partitions).unwrap_or(0)])
            })
            .collect();
        Board {
            owners,
            subscribers,
            loads: vec![0; spec.members.len()],
        }
    }

    fn keep_promises(&mut self, spec: &GroupSpec<'_>) {
        for (index, member) in spec.members.iter().enumerate() {
            for (topic, partition) in member.promised.iter() {
                if !member.subscribed.contains(&topic) {
                    continue;
                }
                let slot = usize::try_from(partition.0)
                    .ok()
                    .and_then(|partition| self.owners.get_mut(&topic)?.get_mut(partition));
                if let Some(owner @ None) = slot {
                    *owner = Some(index);
                    self.loads[index] += 1;
                }
            }
        }
    }

    /// Topics with many partitions per subscriber first: they have the least
    /// choice, and the others can make up for them.
    fn hardest_first(&self, spec: &GroupSpec<'_>) -> Vec<TopicId> {
        let mut order: Vec<TopicId> = self.subscribers.keys().copied().collect();
        order.sort_by_key(|topic| {
            let subscribers = self.subscribers[topic].len();
            let partitions = spec.topics.get(topic).copied().unwrap_or(0);
            let per_subscriber =
                u64::try_from(partitions).unwrap_or(0) * 1_000 / subscribers.max(1) as u64;
            (std::cmp::Reverse(per_subscriber), subscribers, *topic)
        });
        order
    }

    fn place_free_partitions(&mut self, topic: TopicId) {
        let mut by_load = self.by_load(topic);
        let owners = self.owners.entry(topic).or_default();
        for owner in owners.iter_mut().filter(|owner| owner.is_none()) {
            let Some((load, member)) = by_load.pop_first() else {
                return;
            };
            *owner = Some(member);
            self.loads[member] = load + 1;
            by_load.insert((load + 1, member));
        }
    }

    /// Moves partitions of one topic while a move makes two members more
    /// equal; answers how many it moved.
    fn even_out(&mut self, topic: TopicId) -> usize {
        let mut by_load = self.by_load(topic);
        let mut held = self.held(topic);
        let mut givers: BTreeSet<(usize, Member)> = held
            .keys()
            .map(|member| (self.loads[*member], *member))
            .collect();
        let mut moves = 0;
        while let (Some(giver), Some(taker)) = (givers.pop_last(), by_load.first().copied()) {
            if giver.0 < taker.0 + 2 {
                break;
            }
            let partitions = held.entry(giver.1).or_default();
            let Some(partition) = partitions.pop() else {
                continue;
            };
            let giver_gives_on = !partitions.is_empty();
            held.entry(taker.1).or_default().push(partition);
            self.owners.entry(topic).or_default()[partition] = Some(taker.1);

            by_load.remove(&giver);
            by_load.remove(&taker);
            givers.remove(&taker);
            let (giver, taker) = ((giver.0 - 1, giver.1), (taker.0 + 1, taker.1));
            self.loads[giver.1] = giver.0;
            self.loads[taker.1] = taker.0;
            by_load.extend([giver, taker]);
            givers.insert(taker);
            if giver_gives_on {
                givers.insert(giver);
            }
            moves += 1;
        }
        moves
    }

    /// The subscribers of a topic, least loaded first.
    fn by_load(&self, topic: TopicId) -> BTreeSet<(usize, Member)> {
        self.subscribers
            .get(&topic)
            .into_iter()
            .flatten()
            .map(|member| (self.loads[*member], *member))
            .collect()
    }

    /// The partitions of a topic each of its owners has.
    fn held(&self, topic: TopicId) -> BTreeMap<Member, Vec<usize>> {
        let mut held: BTreeMap<Member, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in self.owners.get(&topic).into_iter().flatten().enumerate() {
            if let Some(owner) = owner {
                held.entry(*owner).or_default().push(partition);
            }
        }
        held
    }

    fn into_assignment(self) -> Vec<TopicPartitions> {
        let mut assignment = vec![TopicPartitions::default(); self.loads.len()];
        for (topic, owners) in self.owners {
            for (partition, owner) in (0..).zip(owners) {
                if let Some(owner) = owner {
                    assignment[owner].insert(topic, PartitionIndex(partition));
                }
            }
        }
        assignment
    }
}
