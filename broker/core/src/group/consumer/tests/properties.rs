//! Whatever happens: at most one owner at any instant; once the trouble stops,
//! everything owned, evenly, and nothing left to do.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::client::Delivery;
use super::*;
use crate::group::{GroupError, MemberId, TopicsView};
use crate::ids::{PartitionIndex, TopicId};

const CLIENTS: usize = 6;
/// The first ones are static members.
const STATIC_CLIENTS: usize = 2;
const TOPICS: [&str; 3] = ["orders", "orders-eu", "users"];
const REGEXES: [&str; 4] = ["", "orders.*", "users|orders-eu", "nothing"];
const SESSION_TIMEOUT_MS: u64 = 45_000;
const REBALANCE_TIMEOUT_MS: u64 = 60_000;
const HEARTBEAT_INTERVAL_MS: u64 = 5_000;

#[derive(Clone, Debug)]
enum Event {
    Beat(usize, bool),
    Obey(usize),
    Slow(usize, bool),
    Resubscribe(usize, u8, usize),
    Leave(usize),
    Die(usize),
    StepAway(usize),
    Grow(usize, i32),
    Delete(usize),
    Pass(u64),
    FireAll,
    Restart(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let client = 0..CLIENTS;
    let topic = 0..TOPICS.len();
    prop_oneof![
        12 => (client.clone(), proptest::bool::weighted(0.15))
            .prop_map(|(client, lost)| Event::Beat(client, lost)),
        3 => client.clone().prop_map(Event::Obey),
        2 => (client.clone(), any::<bool>()).prop_map(|(client, slow)| Event::Slow(client, slow)),
        2 => (client.clone(), 0u8..8, 0..REGEXES.len())
            .prop_map(|(client, topics, regex)| Event::Resubscribe(client, topics, regex)),
        1 => client.clone().prop_map(Event::Leave),
        1 => client.prop_map(Event::Die),
        1 => (0..STATIC_CLIENTS).prop_map(Event::StepAway),
        1 => (topic.clone(), 1..6i32).prop_map(|(topic, to)| Event::Grow(topic, to)),
        1 => topic.prop_map(Event::Delete),
        3 => (1u64..30_000).prop_map(Event::Pass),
        1 => Just(Event::FireAll),
        1 => any::<bool>().prop_map(Event::Restart),
    ]
}

/// Clients and a coordinator, and who may work on what.
struct Drama {
    world: World,
    clients: Vec<Client>,
    /// Draws member ids of later lives.
    lives: usize,
}

impl Drama {
    fn new(assignment_interval_ms: u64, range_votes: usize) -> Drama {
        let mut config = crate::group::GroupConfig::default();
        config.consumer.assignment_interval_ms = assignment_interval_ms;
        let world = World::with_config(&[("orders", 3), ("users", 2)], config);
        let clients = (0..CLIENTS).map(|number| {
            let mut client = Client::new(&format!("c{number}"), &["orders"]);
            if number < range_votes {
                client = client.preferring("range");
            }
            if number < STATIC_CLIENTS {
                client.named(&format!("i{number}"))
            } else {
                client
            }
        });
        Drama {
            clients: clients.collect(),
            world,
            lives: CLIENTS,
        }
    }

    fn play(&mut self, event: &Event) {
        let world = &mut self.world;
        match event {
            Event::Beat(client, lost) => {
                let delivery = if *lost {
                    Delivery::AnswerLost
                } else {
                    Delivery::Answered
                };
                let answer = self.clients[*client].beat_with(world, delivery);
                check_answer(answer.err());
            }
            Event::Obey(client) => self.clients[*client].obey(),
            Event::Slow(client, slow) => self.clients[*client].is_slow = *slow,
            Event::Resubscribe(client, topics, regex) => {
                let chosen = TOPICS.iter().enumerate();
                let chosen: Vec<&str> = chosen
                    .filter(|(number, _)| topics & (1 << number) != 0)
                    .map(|(_, topic)| *topic)
                    .collect();
                self.clients[*client].subscribe(&chosen, REGEXES[*regex]);
            }
            Event::Leave(client) => {
                check_answer(self.clients[*client].leave(world).err());
                self.new_life(*client);
            }
            Event::Die(client) => self.new_life(*client),
            Event::StepAway(client) => {
                check_answer(self.clients[*client].step_away(world).err());
                self.new_life(*client);
            }
            Event::Grow(topic, to) => world.topics.set(TOPICS[*topic], *to),
            Event::Delete(topic) => world.topics.delete(TOPICS[*topic]),
            Event::Pass(ms) => world.pass(*ms),
            Event::FireAll => world.fire_all_timers(),
            Event::Restart(compacted) => world.restart(*compacted),
        }
    }

    /// The process is gone; what comes next under its name knows nothing. A
    /// dead client works on nothing, but its session runs on.
    fn new_life(&mut self, client: usize) {
        self.lives += 1;
        let member = format!("c{}", self.lives);
        self.clients[client] = self.clients[client].next_life(&member);
    }

    /// Row 16: no partition is worked on by two members of the group. One that
    /// was put out and has not heard of it is fenced: it counts no more.
    fn check_owners(&mut self) {
        let Ok(group) = self.world.describe() else {
            return;
        };
        let mut owners: BTreeMap<(TopicId, PartitionIndex), &MemberId> = BTreeMap::new();
        for client in &self.clients {
            if !group
                .members
                .iter()
                .any(|member| member.id == client.member)
            {
                continue;
            }
            for partition in client.owned.iter() {
                if let Some(other) = owners.insert(partition, &client.member) {
                    panic!("{partition:?} is owned by {other} and {}", client.member);
                }
            }
        }
    }

    /// Row 18: the trouble is over; within the two timeouts everybody settles.
    fn settle(&mut self) {
        for client in &mut self.clients {
            client.is_slow = false;
        }
        let rounds = (SESSION_TIMEOUT_MS + REBALANCE_TIMEOUT_MS) / HEARTBEAT_INTERVAL_MS + 1;
        for _ in 0..rounds {
            self.beat_all();
            self.world.pass(HEARTBEAT_INTERVAL_MS);
        }
        // No progress loop: a settled group writes nothing.
        let written = self.world.log.len();
        self.beat_all();
        assert_eq!(
            self.world.log.len(),
            written,
            "a settled group still writes"
        );
    }

    fn beat_all(&mut self) {
        for client in 0..CLIENTS {
            check_answer(self.clients[client].beat(&mut self.world).err());
            self.check_owners();
        }
    }

    /// Row 17: all of it is owned, by subscribers, as described, and evenly.
    fn check_stable(&mut self) {
        let group = self.world.describe().expect("somebody has joined");
        assert_eq!(group.state, "Stable");
        assert_eq!(group.group_epoch, group.assignment_epoch);
        assert_eq!(
            group.members.len(),
            CLIENTS,
            "the dead are gone, the living in"
        );

        let mut owned = BTreeMap::new();
        for client in &self.clients {
            let member = group
                .members
                .iter()
                .find(|member| member.id == client.member);
            let member = member.expect("every client is a member");
            assert_eq!(member.member_epoch, group.group_epoch);
            assert_eq!(member.assignment, member.target_assignment);
            let described = member.assignment.iter().flat_map(|topic| {
                topic
                    .partitions
                    .iter()
                    .map(|partition| (topic.id, *partition))
            });
            assert!(
                described.eq(client.owned.iter()),
                "told and described differ"
            );
            for (topic, partition) in client.owned.iter() {
                assert!(self.is_subscribed(client, self.world.topics.name_of(topic)));
                owned.insert((topic, partition), client.member.clone());
            }
        }
        for topic in self.world.topics.all() {
            let subscribed = self
                .clients
                .iter()
                .any(|client| self.is_subscribed(client, topic.name));
            for partition in (0..topic.partitions).map(PartitionIndex) {
                assert_eq!(owned.contains_key(&(topic.id, partition)), subscribed);
            }
        }
        // An assignment made by range may stand when range has no majority any
        // more: votes alone call for no new one.
        if self.clients.iter().all(|client| client.assignor.is_none()) {
            self.check_even();
        }
    }

    /// Members with equal subscriptions differ by at most one partition.
    fn check_even(&self) {
        let readable = |client: &Client| -> Vec<String> {
            let topics = self.world.topics.all();
            let readable = topics.filter(|topic| self.is_subscribed(client, topic.name));
            readable.map(|topic| topic.name.to_owned()).collect()
        };
        for one in &self.clients {
            for other in &self.clients {
                if readable(one) == readable(other) {
                    assert!(one.owned.len() <= other.owned.len() + 1);
                }
            }
        }
    }

    fn is_subscribed(&self, client: &Client, topic: &str) -> bool {
        let by_regex = match client.regex.as_str() {
            "orders.*" => topic.starts_with("orders"),
            "users|orders-eu" => topic == "users" || topic == "orders-eu",
            _ => false,
        };
        by_regex || client.topics.contains(topic)
    }
}

/// What a well-behaved client may be answered.
fn check_answer(error: Option<GroupError>) {
    match error {
        None
        | Some(
            GroupError::UnknownMemberId
            | GroupError::FencedMemberEpoch(_)
            | GroupError::UnreleasedInstanceId(_)
            | GroupError::FencedInstanceId
            | GroupError::GroupIdNotFound(_),
        ) => {}
        Some(error) => panic!("a well-behaved client is answered {error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn a_partition_has_at_most_one_owner_and_in_the_end_exactly_one(
        interval_ms in prop_oneof![Just(0u64), Just(1_000)],
        range_votes in prop_oneof![3 => Just(0), 1 => 1..=CLIENTS],
        events in proptest::collection::vec(event(), 1..120),
    ) {
        let mut drama = Drama::new(interval_ms, range_votes);
        for event in &events {
            drama.play(event);
            drama.check_owners();
        }
        drama.settle();
        drama.check_stable();
    }

    #[test]
    fn a_coordinator_that_restarts_at_any_point_decides_the_same(
        events in proptest::collection::vec(event(), 1..80),
    ) {
        let mut drama = Drama::new(0, 1);
        for event in &events {
            drama.play(event);
            let before = drama.world.describe();
            drama.world.restart(true);
            prop_assert_eq!(drama.world.describe(), before);
        }
    }
}
