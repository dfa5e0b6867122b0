//! Runs one script on one server: fills in what was learnt, sends, and keeps
//! every answer.

use std::time::Duration;

use kafka_protocol::messages::{RequestKind, ResponseKind};
use kafka_protocol::protocol::StrBytes;

use super::client::{Answer, Client};
use super::generate::TOPICS;
use super::placeholders;
use super::script::{CLIENTS, Call, Names, Operation, Script};
use super::server::Server;
use super::world::World;

/// After this an answer that may wait for other members is taken to be waiting.
const WAITS_FOR_OTHERS: Duration = Duration::from_millis(40);

/// How long a server may take to close a connection it has nothing to say on.
const CLOSES_WITHIN: Duration = Duration::from_millis(40);

/// One request as it was sent, and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// With real ids in place of placeholders.
    pub sent: Operation,
    /// What came back.
    pub answer: Answer,
}

/// What a script did on one server.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// By step.
    pub exchanges: Vec<Exchange>,
    /// All that was learnt.
    pub world: World,
}

/// Runs the script and cleans up behind it.
///
/// # Errors
/// When the server cannot be reached, or a request cannot be encoded.
pub fn run(script: &Script, names: &Names, server: &mut Server) -> anyhow::Result<Outcome> {
    let mut running = Running::new(script, names, server);
    for step in 0..script.operations.len() {
        running.step(step)?;
    }
    running.hear_everybody()?;
    let outcome = Outcome {
        exchanges: running.exchanges,
        world: running.world,
    };
    server.clean_up(names, TOPICS)?;
    Ok(outcome)
}

struct Running<'a> {
    server: &'a mut Server,
    clients: [Client; CLIENTS],
    exchanges: Vec<Exchange>,
    world: World,
}

impl<'a> Running<'a> {
    fn new(script: &Script, names: &Names, server: &'a mut Server) -> Running<'a> {
        let address = server.address();
        let unanswered = |sent: &Operation| Exchange {
            sent: sent.clone(),
            answer: Answer::Late,
        };
        Running {
            server,
            clients: std::array::from_fn(|client| Client::new(address, format!("client-{client}"))),
            exchanges: script.operations.iter().map(unanswered).collect(),
            world: World::new(names.clone()),
        }
    }

    fn step(&mut self, step: usize) -> anyhow::Result<()> {
        let client = self.exchanges[step].sent.client;
        self.hear(client)?;
        self.hear_who_is_answered()?;
        let operation = &mut self.exchanges[step].sent;
        if let Call::Request(request) = &mut operation.call {
            placeholders::fill(request, client, &self.world);
        }
        let operation = operation.clone();
        self.clients[client].send(step, operation.api, operation.version, &operation.call)?;
        if wants_no_answer(&operation.call) {
            return self.see_whether_it_closes(step, client);
        }
        if !operation.may_wait_for_others()
            || self.clients[client].arrives_within(WAITS_FOR_OTHERS)?
        {
            self.hear(client)?;
        }
        if operation.changes_metadata() {
            self.settle(step)?;
        }
        Ok(())
    }

    fn hear(&mut self, client: usize) -> anyhow::Result<()> {
        while let Some((step, answer)) = self.clients[client].receive()? {
            self.keep(step, answer);
        }
        Ok(())
    }

    fn hear_who_is_answered(&mut self) -> anyhow::Result<()> {
        for client in 0..CLIENTS {
            let waits = self.clients[client].is_waiting();
            if waits && self.clients[client].arrives_within(Duration::from_millis(2))? {
                self.hear(client)?;
            }
        }
        Ok(())
    }

    fn hear_everybody(&mut self) -> anyhow::Result<()> {
        (0..CLIENTS).try_for_each(|client| self.hear(client))
    }

    fn keep(&mut self, step: usize, answer: Answer) {
        let exchange = &mut self.exchanges[step];
        if let (Answer::Response(response), Call::Request(request)) = (&answer, &exchange.sent.call)
        {
            self.world.learn(exchange.sent.client, request, response);
        }
        exchange.answer = answer;
    }

    fn see_whether_it_closes(&mut self, step: usize, client: usize) -> anyhow::Result<()> {
        if self.clients[client].arrives_within(CLOSES_WITHIN)? {
            return self.hear(client);
        }
        self.clients[client].expect_nothing();
        self.keep(step, Answer::NotAsked);
        Ok(())
    }

    /// Lets a change of the metadata arrive everywhere, and learns the ids of
    /// topics that were made on the way.
    fn settle(&mut self, step: usize) -> anyhow::Result<()> {
        let Answer::Response(response) = &self.exchanges[step].answer else {
            return Ok(());
        };
        if let ResponseKind::Metadata(response) = response.as_ref() {
            if !asks_to_make_topics(&self.exchanges[step].sent.call) {
                return Ok(());
            }
            let begun = topics_being_made(response);
            if !begun.is_empty() {
                self.server.wait_for_topics(&begun)?;
            }
        }
        self.server.settle()?;
        let names: Vec<String> = (0..TOPICS)
            .map(|number| self.world.names().topic(number))
            .collect();
        for topic in self.server.topics(&names)?.topics {
            if let Some(name) = &topic.name {
                self.world.learn_topic_id(name, topic.topic_id);
            }
        }
        Ok(())
    }
}

fn wants_no_answer(call: &Call) -> bool {
    let Call::Request(request) = call else {
        return false;
    };
    matches!(request.as_ref(), RequestKind::Produce(request) if request.acks == 0)
}

fn asks_to_make_topics(call: &Call) -> bool {
    let Call::Request(request) = call else {
        return false;
    };
    matches!(request.as_ref(), RequestKind::Metadata(request) if request.allow_auto_topic_creation)
}

/// UNKNOWN_TOPIC_OR_PARTITION or LEADER_NOT_AVAILABLE: not there yet.
fn topics_being_made(response: &kafka_protocol::messages::MetadataResponse) -> Vec<String> {
    let begun = response
        .topics
        .iter()
        .filter(|topic| matches!(topic.error_code, 3 | 5));
    let names = begun.filter_map(|topic| topic.name.as_deref().map(StrBytes::to_string));
    names.filter(|name| !name.is_empty()).collect()
}
