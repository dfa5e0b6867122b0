//! Random lives of a classic group: members join, sync, beat, commit, fall
//! silent, leave and come back; the broker restarts. At every step:
//!
//! - a generation has one assignment, and nobody else's part is ever given out;
//! - only a commit that was accepted changes what is committed, and it comes
//!   from a member of the generation that is current (rows 16 and 19 of the
//!   catalogue of properties);
//! - no request is answered twice (the driver checks that), and in the end none
//!   is left unanswered;
//! - what the records say is what a restarted broker knows (row 22);
//! - once everyone calms down, the group is stable, or empty (row 18).

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_core::decision::RequestToken;
use ottla_core::group::admin::{AdminReply, AdminRequest, DescribedGroup};
use ottla_core::group::classic::{
    ClassicReply, ClassicRequest, ClassicState, JoinRequest, LeavingMember, SyncRequest,
};
use ottla_core::group::{GroupConfig, GroupError, GroupReply, GroupRequest, InstanceId, MemberId};
use proptest::prelude::*;

use crate::client::{GROUP, REBALANCE_MS, SESSION_MS, join, protocol};
use crate::driver::Driver;

const CLIENTS: usize = 4;

#[derive(Clone, Debug)]
enum Act {
    /// Client sends JoinGroup with the id it knows.
    Join {
        client: usize,
        preference: usize,
    },
    /// Client forgets its id, as after a crash, and starts anew.
    Crash {
        client: usize,
    },
    /// Client sends SyncGroup for the generation it knows, or the one before.
    Sync {
        client: usize,
        stale: bool,
    },
    Heartbeat {
        client: usize,
    },
    Commit {
        client: usize,
        stale: bool,
    },
    Leave {
        client: usize,
    },
    Wait {
        ms: u64,
    },
    /// With all records, or with those compaction leaves.
    Restart(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let client = 0..CLIENTS;
    prop_oneof![
        6 => (client.clone(), 0usize..3).prop_map(|(client, preference)| Act::Join { client, preference }),
        1 => client.clone().prop_map(|client| Act::Crash { client }),
        6 => (client.clone(), prop::bool::weighted(0.1)).prop_map(|(client, stale)| Act::Sync { client, stale }),
        3 => client.clone().prop_map(|client| Act::Heartbeat { client }),
        3 => (client.clone(), prop::bool::weighted(0.3)).prop_map(|(client, stale)| Act::Commit { client, stale }),
        1 => client.prop_map(|client| Act::Leave { client }),
        3 => (0u64..SESSION_MS * 2).prop_map(|ms| Act::Wait { ms }),
        1 => any::<bool>().prop_map(Act::Restart),
    ]
}

/// What one client knows. Clients 0 and 1 are static members.
#[derive(Clone, Debug, Default)]
struct Client {
    member: Option<MemberId>,
    generation: i32,
    members: Vec<MemberId>,
    joining: Option<RequestToken>,
    syncing: Option<(RequestToken, i32)>,
}

struct World {
    driver: Driver,
    clients: Vec<Client>,
    /// What each member of each generation was given.
    given: BTreeMap<(i32, MemberId), Bytes>,
    /// Every answer that was owed came, or its connection died.
    abandoned: Vec<RequestToken>,
    committed: Option<i64>,
    next_offset: i64,
}

impl World {
    fn new(initial_rebalance_delay_ms: i32) -> Self {
        World {
            driver: Driver::new(GroupConfig {
                initial_rebalance_delay_ms,
                max_size: 3,
                ..GroupConfig::default()
            }),
            clients: vec![Client::default(); CLIENTS],
            given: BTreeMap::new(),
            abandoned: Vec::new(),
            committed: None,
            next_offset: 1,
        }
    }

    fn instance(client: usize) -> Option<InstanceId> {
        (client < 2).then(|| InstanceId::from(format!("static-{client}")))
    }

    fn member(&self, client: usize) -> MemberId {
        let member = self.clients[client].member.clone();
        member.unwrap_or_else(|| MemberId::from(""))
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Join { client, preference } => self.join(client, preference),
            Act::Crash { client } => {
                let crashed = std::mem::take(&mut self.clients[client]);
                self.abandoned.extend(crashed.joining);
                self.abandoned
                    .extend(crashed.syncing.map(|(token, _)| token));
            }
            Act::Sync { client, stale } => self.sync(client, stale),
            Act::Heartbeat { client } => {
                let member = self.member(client);
                let generation = self.clients[client].generation;
                let result = self.driver.heartbeat(&member, generation);
                if result == Err(GroupError::UnknownMemberId) {
                    self.clients[client].member = None;
                }
            }
            Act::Commit { client, stale } => self.commit(client, stale),
            Act::Leave { client } => {
                self.driver.leave(&[LeavingMember {
                    member: self.member(client),
                    instance: Self::instance(client),
                }]);
            }
            Act::Wait { ms } => self.driver.advance(ms),
            Act::Restart(is_compacted) => self.restart(is_compacted),
        }
        self.read_replies();
        self.check();
    }

    fn join(&mut self, client: usize, preference: usize) {
        let mut protocols = ["range", "sticky", "roundrobin"].map(protocol).to_vec();
        protocols.rotate_left(preference);
        protocols.truncate(3 - preference / 2);
        let token = self.driver.send_join(JoinRequest {
            member: self.member(client),
            instance: Self::instance(client),
            protocols,
            can_skip_assignment: preference == 1,
            ..join()
        });
        self.abandoned
            .extend(self.clients[client].joining.replace(token));
    }

    fn sync(&mut self, client: usize, stale: bool) {
        let known = &self.clients[client];
        let generation = known.generation - i32::from(stale);
        let assignments = known.members.iter().map(|member| {
            let part = format!("{generation}/{member}");
            (member.clone(), Bytes::from(part))
        });
        let request = ClassicRequest::Sync(SyncRequest {
            group: GROUP.into(),
            member: self.member(client),
            instance: Self::instance(client),
            generation,
            protocol_type: None,
            protocol: None,
            assignments: assignments.collect(),
        });
        let token = self.driver.send(GroupRequest::Classic(request));
        let earlier = self.clients[client].syncing.replace((token, generation));
        self.abandoned.extend(earlier.map(|(token, _)| token));
    }

    fn commit(&mut self, client: usize, stale: bool) {
        let member = self.member(client);
        let generation = (self.clients[client].generation - i32::from(stale)).max(0);
        let offset = self.next_offset;
        self.next_offset += 1;
        let refused = self.driver.commit(&member, generation, "orders", offset);
        if refused.is_none() {
            self.committed = Some(offset);
            let beat = self.driver.heartbeat(&member, generation);
            assert!(
                matches!(beat, Ok(()) | Err(GroupError::RebalanceInProgress)),
                "a commit of {member} in generation {generation} was let through: {beat:?}"
            );
        }
    }

    fn restart(&mut self, is_compacted: bool) {
        let before = self.hard_state();
        if is_compacted {
            self.driver.compact();
        }
        self.driver.restart();
        // Only what no record says may be gone.
        if before.state == ClassicState::Stable || before.state == ClassicState::Empty {
            assert_eq!(before, self.hard_state());
        }
        for client in &mut self.clients {
            client.joining = None;
            client.syncing = None;
        }
        self.abandoned.clear();
    }

    fn hard_state(&mut self) -> DescribedGroup {
        let group = GROUP.into();
        let request = GroupRequest::Admin(AdminRequest::Describe { group });
        let token = self.driver.send(request);
        match self.driver.take(token) {
            Some(GroupReply::Admin(AdminReply::Describe(Ok(described)))) => described,
            _ => DescribedGroup {
                state: ClassicState::Empty,
                protocol_type: String::new(),
                protocol: String::new(),
                members: Vec::new(),
            },
        }
    }

    fn read_replies(&mut self) {
        for index in 0..self.clients.len() {
            if let Some(token) = self.clients[index].joining
                && let Some(result) = self.driver.take_join(token)
            {
                let client = &mut self.clients[index];
                client.joining = None;
                match result {
                    Ok(joined) => {
                        client.member = Some(joined.member);
                        client.generation = joined.generation;
                        client.members = match joined.skip_assignment {
                            true => Vec::new(),
                            false => joined
                                .members
                                .into_iter()
                                .map(|known| known.member)
                                .collect(),
                        };
                    }
                    Err(refusal) => {
                        client.member = match refusal.error {
                            GroupError::MemberIdRequired(member) => {
                                client.generation = 0;
                                Some(member)
                            }
                            GroupError::RebalanceInProgress => Some(refusal.member),
                            _ => None,
                        };
                    }
                }
            }
            if let Some((token, generation)) = self.clients[index].syncing
                && let Some(result) = self.driver.take_sync(token)
            {
                self.clients[index].syncing = None;
                match result {
                    Ok(synced) => self.note_assignment(index, generation, &synced.assignment),
                    Err(GroupError::UnknownMemberId | GroupError::FencedInstanceId) => {
                        self.clients[index].member = None;
                    }
                    Err(_) => {}
                }
            }
        }
        let driver = &self.driver;
        self.abandoned.retain(|token| driver.is_waiting(*token));
    }

    /// A member is given its own part, of its own generation, and the same one
    /// every time it asks.
    fn note_assignment(&mut self, client: usize, generation: i32, assignment: &Bytes) {
        let Some(member) = self.clients[client].member.clone() else {
            return;
        };
        let text = String::from_utf8(assignment.to_vec()).unwrap();
        if let Some((of, _)) = text.split_once('/') {
            assert_eq!(of, generation.to_string(), "a part of another generation");
        }
        let key = (generation, member);
        if let Some(before) = self.given.insert(key.clone(), assignment.clone()) {
            assert_eq!(before, *assignment, "{key:?} was given two parts");
        }
    }

    fn check(&mut self) {
        assert_eq!(self.driver.committed("orders"), self.committed);
        let described = self.hard_state();
        let mut parts: Vec<_> = described
            .members
            .iter()
            .map(|member| member.assignment.clone())
            .filter(|part| !part.is_empty())
            .collect();
        let count = parts.len();
        parts.sort();
        parts.dedup();
        assert_eq!(parts.len(), count, "two members hold the same part");
    }

    /// Everyone does what a healthy client does, for long enough.
    fn calm_down(&mut self) {
        for _ in 0..200 {
            for client in 0..3 {
                self.be_healthy(client);
            }
            self.driver.advance(1_000);
            self.read_replies();
            self.check();
        }
        let described = self.hard_state();
        assert_eq!(described.state, ClassicState::Stable, "{described:?}");
        assert_eq!(described.members.len(), 3);
        assert_eq!(self.driver.waiting(), 0, "a request was never answered");
        // Everyone is silent from now on.
        self.driver.advance(2 * (SESSION_MS + REBALANCE_MS));
        assert_eq!(self.hard_state().state, ClassicState::Empty);
    }

    fn be_healthy(&mut self, client: usize) {
        let known = &self.clients[client];
        if known.joining.is_some() || known.syncing.is_some() {
            return;
        }
        let member = self.member(client);
        let generation = known.generation;
        if known.member.is_none() || generation == 0 {
            return self.join(client, 0);
        }
        match self.driver.heartbeat(&member, generation) {
            Ok(()) => {
                if !self.given.contains_key(&(generation, member)) {
                    self.sync(client, false);
                }
            }
            Err(GroupError::UnknownMemberId) => {
                self.clients[client].member = None;
                self.join(client, 0);
            }
            Err(_) => self.join(client, 0),
        }
        self.read_replies();
    }
}

#[test]
fn the_reply_of_a_heartbeat_is_of_its_own_kind() {
    let mut driver = Driver::eager();
    let (member, generation) = driver.first_member();
    assert!(matches!(
        driver.heartbeat(&member, generation + 1),
        Err(GroupError::IllegalGeneration)
    ));
    let token = driver.send_sync(&member, generation + 1, &[]);
    assert!(matches!(
        driver.take(token),
        Some(GroupReply::Classic(ClassicReply::Sync(Err(
            GroupError::IllegalGeneration
        ))))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_members_do_the_group_keeps_its_promises_and_comes_to_rest(
        initial_rebalance_delay_ms in prop_oneof![Just(0), Just(3_000)],
        acts in prop::collection::vec(act(), 1..80),
    ) {
        let mut world = World::new(initial_rebalance_delay_ms);
        for act in &acts {
            world.act(act);
        }
        world.calm_down();
    }
}
