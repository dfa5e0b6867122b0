//! What a script has learnt from one server: the ids that only a server gives,
//! and a name for each that is the same on every server.

use std::collections::HashMap;

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{RequestKind, ResponseKind};
use uuid::Uuid;

use super::script::{CLIENTS, Names};

/// A client's place in a group, of either protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The member id that the coordinator gave, or that the client brought.
    pub member_id: String,
    /// Generation of a classic group, member epoch of a consumer group.
    pub epoch: i32,
}

/// A client's fetch session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session {
    /// 0: none.
    pub id: i32,
    /// The epoch of the next request.
    pub next_epoch: i32,
}

/// What was learnt so far.
#[derive(Clone, Debug)]
pub struct World {
    names: Names,
    /// The ids a topic has had, the latest last.
    topic_ids: HashMap<String, Vec<Uuid>>,
    memberships: HashMap<(String, usize), Membership>,
    /// Member ids in the order each client was given them.
    member_ids: [Vec<String>; CLIENTS],
    producer_ids: [Vec<i64>; CLIENTS],
    sessions: [Session; CLIENTS],
    session_ids: [Vec<i32>; CLIENTS],
}

impl World {
    /// Nothing is known yet.
    pub fn new(names: Names) -> World {
        World {
            names,
            topic_ids: HashMap::new(),
            memberships: HashMap::new(),
            member_ids: Default::default(),
            producer_ids: Default::default(),
            sessions: Default::default(),
            session_ids: Default::default(),
        }
    }

    /// The script's names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The id that the topic of that number has (`age` 0), or had before.
    pub fn topic_id(&self, number: usize, age: usize) -> Option<Uuid> {
        let ids = self.topic_ids.get(&self.names.topic(number))?;
        ids.len().checked_sub(1 + age).map(|position| ids[position])
    }

    /// A client's place in a group.
    pub fn membership(&self, group: &str, client: usize) -> Membership {
        let key = (group.to_owned(), client);
        self.memberships.get(&key).cloned().unwrap_or_default()
    }

    /// The producer id a client was given last.
    pub fn producer_id(&self, client: usize) -> Option<i64> {
        self.producer_ids[client].last().copied()
    }

    /// A client's fetch session.
    pub fn session(&self, client: usize) -> Session {
        self.sessions[client]
    }

    /// The topic has this id.
    pub fn learn_topic_id(&mut self, topic: &str, id: Uuid) {
        if id.is_nil() || !topic.starts_with(self.names.prefix()) {
            return;
        }
        let ids = self.topic_ids.entry(topic.to_owned()).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }

    /// Takes from an answer what later requests may need.
    pub fn learn(&mut self, client: usize, request: &RequestKind, response: &ResponseKind) {
        match (request, response) {
            (_, ResponseKind::Metadata(response)) => {
                // A refusal repeats what was asked, right or wrong.
                let found = |topic: &&MetadataResponseTopic| topic.error_code == 0;
                for topic in response.topics.iter().filter(found) {
                    if let Some(name) = &topic.name {
                        self.learn_topic_id(name, topic.topic_id);
                    }
                }
            }
            // An id that was only drawn to validate is no topic's.
            (RequestKind::CreateTopics(request), ResponseKind::CreateTopics(response))
                if !request.validate_only =>
            {
                for topic in &response.topics {
                    self.learn_topic_id(&topic.name, topic.topic_id);
                }
            }
            (RequestKind::JoinGroup(request), ResponseKind::JoinGroup(response)) => {
                let (id, epoch) = (&response.member_id, response.generation_id);
                self.learn_member(client, &request.group_id, id, epoch);
            }
            (
                RequestKind::ConsumerGroupHeartbeat(request),
                ResponseKind::ConsumerGroupHeartbeat(response),
            ) => {
                let id = response.member_id.as_deref().unwrap_or_default();
                self.learn_member(client, &request.group_id, id, response.member_epoch);
            }
            (_, ResponseKind::InitProducerId(response)) if response.error_code == 0 => {
                self.producer_ids[client].push(response.producer_id.0);
            }
            (RequestKind::Fetch(request), ResponseKind::Fetch(response)) => {
                let epoch = request.session_epoch;
                self.learn_session(client, response.error_code, response.session_id, epoch);
            }
            _ => {}
        }
    }

    fn learn_member(&mut self, client: usize, group: &str, member_id: &str, epoch: i32) {
        if member_id.is_empty() {
            return;
        }
        if !self.member_ids[client].iter().any(|id| id == member_id) {
            self.member_ids[client].push(member_id.to_owned());
        }
        let membership = Membership {
            member_id: member_id.to_owned(),
            epoch,
        };
        self.memberships
            .insert((group.to_owned(), client), membership);
    }

    fn learn_session(&mut self, client: usize, error_code: i16, id: i32, epoch: i32) {
        if error_code != 0 {
            return;
        }
        let session = &mut self.sessions[client];
        if id != 0 && id != session.id {
            self.session_ids[client].push(id);
        }
        let next_epoch = if id == 0 { 0 } else { epoch.max(0) + 1 };
        *session = Session { id, next_epoch };
    }

    /// A name for a topic id: whose, and the how many-th of that topic.
    pub fn name_of_topic_id(&self, id: Uuid) -> Option<String> {
        self.topic_ids.iter().find_map(|(topic, ids)| {
            let position = ids.iter().position(|known| *known == id)?;
            let topic = topic.strip_prefix(self.names.prefix())?;
            Some(format!("id {} of {topic}", position + 1))
        })
    }

    /// A name for a member id: whose, and the how many-th of that client.
    pub fn name_of_member(&self, member_id: &str) -> Option<String> {
        name_of(&self.member_ids, |id| id == member_id, "member")
    }

    /// The same for a producer id.
    pub fn name_of_producer(&self, producer_id: i64) -> Option<String> {
        name_of(&self.producer_ids, |id| *id == producer_id, "producer")
    }

    /// The same for a fetch session's id.
    pub fn name_of_session(&self, session_id: i32) -> Option<String> {
        name_of(&self.session_ids, |id| *id == session_id, "session")
    }
}

fn name_of<T>(ids: &[Vec<T>; CLIENTS], is_it: impl Fn(&T) -> bool, what: &str) -> Option<String> {
    ids.iter().enumerate().find_map(|(client, ids)| {
        let position = ids.iter().position(&is_it)?;
        Some(format!("{what} {} of client {client}", position + 1))
    })
}
