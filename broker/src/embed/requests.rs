//! The last requests of every connection, for the explanation of a wait that
//! was in vain. Kept by an embedded broker only; bounded in both directions.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::apis::{Answer, RequestContext, find};

/// Connections that are remembered; the one silent for longest is forgotten.
const CONNECTIONS_MAX: usize = 64;
/// Requests that are remembered of each.
const REQUESTS_MAX: usize = 12;

/// Shared by the connections of one broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentRequests(Arc<Mutex<HashMap<SocketAddr, Connection>>>);

#[derive(Debug)]
struct Connection {
    client_id: String,
    last: Instant,
    next_serial: u64,
    requests: VecDeque<Request>,
}

/// One request, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    serial: u64,
    api_key: i16,
    api_version: i16,
    received: Instant,
    fate: Fate,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Waiting,
    Answered { after: Duration },
    Unanswered,
    Closed,
}

/// The last requests of one connection, the oldest first.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) peer: SocketAddr,
    pub(super) client_id: String,
    pub(super) requests: Vec<Request>,
}

impl RecentRequests {
    /// Remembers a request that was decided. An answer that comes later is
    /// remembered when it comes.
    pub(crate) fn note(
        &self,
        context: &RequestContext,
        received: Instant,
        answer: Answer,
    ) -> Answer {
        let answered = Fate::Answered {
            after: received.elapsed(),
        };
        match answer {
            Answer::Later(reply) => {
                let serial = self.add(context, received, Fate::Waiting);
                let (recent, peer) = (self.clone(), context.peer);
                Answer::Later(Box::pin(async move {
                    let reply = reply.await;
                    recent.answered(peer, serial, received);
                    reply
                }))
            }
            Answer::Ready(_) => {
                self.add(context, received, answered);
                answer
            }
            Answer::Nothing => {
                self.add(context, received, Fate::Unanswered);
                answer
            }
            Answer::HangUp(_) => {
                self.add(context, received, Fate::Closed);
                answer
            }
        }
    }

    /// What is remembered, by when a connection last asked.
    pub(super) fn snapshot(&self) -> Vec<Requests> {
        let connections = self.connections();
        let mut all: Vec<_> = connections.iter().collect();
        all.sort_by_key(|(_, connection)| connection.last);
        let all = all.into_iter().map(|(peer, connection)| Requests {
            peer: *peer,
            client_id: connection.client_id.clone(),
            requests: connection.requests.iter().cloned().collect(),
        });
        all.collect()
    }

    fn add(&self, context: &RequestContext, received: Instant, fate: Fate) -> u64 {
        let mut connections = self.connections();
        if !connections.contains_key(&context.peer) {
            make_room(&mut connections);
        }
        let connection = connections
            .entry(context.peer)
            .or_insert_with(|| Connection {
                // A copy: a slice of the request would keep all of it.
                client_id: context.client_id.as_deref().unwrap_or_default().to_owned(),
                last: received,
                next_serial: 0,
                requests: VecDeque::with_capacity(REQUESTS_MAX),
            });
        connection.last = received;
        if connection.requests.len() == REQUESTS_MAX {
            connection.requests.pop_front();
        }
        let serial = connection.next_serial;
        connection.next_serial += 1;
        connection.requests.push_back(Request {
            serial,
            api_key: context.api_key,
            api_version: context.api_version,
            received,
            fate,
        });
        serial
    }

    fn answered(&self, peer: SocketAddr, serial: u64, received: Instant) {
        let mut connections = self.connections();
        let connection = connections.get_mut(&peer);
        let mut requests = connection
            .into_iter()
            .flat_map(|connection| connection.requests.iter_mut());
        if let Some(request) = requests.find(|request| request.serial == serial) {
            request.fate = Fate::Answered {
                after: received.elapsed(),
            };
        }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<SocketAddr, Connection>> {
        // Every step leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(connections: &mut HashMap<SocketAddr, Connection>) {
    if connections.len() >= CONNECTIONS_MAX {
        let silent = connections
            .iter()
            .min_by_key(|(_, connection)| connection.last)
            .map(|(peer, _)| *peer);
        if let Some(silent) = silent {
            connections.remove(&silent);
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ago_ms = self.received.elapsed().as_millis();
        write!(f, "{ago_ms:>7} ms ago  ")?;
        match find(self.api_key) {
            Some(row) => write!(f, "{:?}", row.key)?,
            None => write!(f, "API {}", self.api_key)?,
        }
        write!(f, " v{}: ", self.api_version)?;
        match self.fate {
            Fate::Waiting => write!(f, "waits for its answer"),
            Fate::Answered { after } => {
                write!(f, "answered after {:.1} ms", after.as_secs_f64() * 1e3)
            }
            Fate::Unanswered => write!(f, "wants no answer"),
            Fate::Closed => write!(f, "the connection was closed instead of an answer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_core::time::Now;

    use super::*;
    use crate::apis::Reply;

    fn context(port: u16) -> RequestContext {
        RequestContext {
            api_key: 1,
            api_version: 12,
            client_id: None,
            peer: SocketAddr::from(([127, 0, 0, 1], port)),
            local: SocketAddr::from(([127, 0, 0, 1], 1)),
            now: Now {
                monotonic_ms: 0,
                wall_ms: 0,
            },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_last_requests_of_the_last_connections_are_remembered() {
        let recent = RecentRequests::default();
        for port in 1..=100 {
            for _ in 0..100 {
                let ready = Answer::Ready(Reply::default());
                recent.note(&context(port), Instant::now(), ready);
            }
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let seen = recent.snapshot();
        assert_eq!(seen.len(), CONNECTIONS_MAX);
        assert!(seen.iter().all(|of| of.requests.len() == REQUESTS_MAX));
        assert_eq!(seen.last().unwrap().peer.port(), 100);
        assert_eq!(seen[0].peer.port(), 37);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_until_it_is_answered() {
        let recent = RecentRequests::default();
        let later = Answer::Later(Box::pin(async { Reply::default() }));
        let answer = recent.note(&context(1), Instant::now(), later);
        let said = || recent.snapshot()[0].requests[0].to_string();
        assert!(said().ends_with("Fetch v12: waits for its answer"));
        tokio::time::advance(Duration::from_millis(3)).await;
        if let Answer::Later(reply) = answer {
            reply.await;
        }
        assert!(
            said().ends_with("Fetch v12: answered after 3.0 ms"),
            "{}",
            said()
        );
    }
}
