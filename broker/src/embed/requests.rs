//! The last requests of every connection, for the explanation of a wait that
//! was in vain. Kept by an embedded broker only; bounded in both directions.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::apis::{Answer, find};
use crate::wire::header::RequestHeader;

/// Connections that are remembered; the one silent for longest is forgotten.
const CONNECTIONS_MAX: usize = 64;
/// Requests that are remembered of each.
const REQUESTS_MAX: usize = 12;

/// Shared by the connections of one broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentRequests(Arc<Mutex<BTreeMap<SocketAddr, Connection>>>);

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
        peer: SocketAddr,
        header: &RequestHeader<'_>,
        received: Instant,
        answer: Answer,
    ) -> Answer {
        let answered = received.elapsed();
        let mut noted = [answer];
        self.note_all(peer, header, received, answered, noted.iter_mut());
        let [answer] = noted;
        answer
    }

    /// The same for requests that were decided at once, this long after they
    /// were received; `header` is that of one of them.
    pub(crate) fn note_all<'a>(
        &self,
        peer: SocketAddr,
        header: &RequestHeader<'_>,
        received: Instant,
        after: Duration,
        answers: impl Iterator<Item = &'a mut Answer>,
    ) {
        let mut connections = self.connections();
        let connection = connection_of(&mut connections, peer, header, received);
        for answer in answers {
            let fate = match answer {
                Answer::Later(_) => Fate::Waiting,
                Answer::Ready(_) => Fate::Answered { after },
                Answer::Nothing => Fate::Unanswered,
                Answer::HangUp(_) => Fate::Closed,
            };
            let serial = connection.add(header, received, fate);
            if let Answer::Later(reply) = answer {
                let recent = self.clone();
                let reply = std::mem::replace(reply, Box::pin(std::future::pending()));
                *answer = Answer::Later(Box::pin(async move {
                    let reply = reply.await;
                    recent.answered(peer, serial, received);
                    reply
                }));
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

    fn connections(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Connection>> {
        // Every step leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connection_of<'all>(
    connections: &'all mut BTreeMap<SocketAddr, Connection>,
    peer: SocketAddr,
    header: &RequestHeader<'_>,
    received: Instant,
) -> &'all mut Connection {
    if !connections.contains_key(&peer) {
        make_room(connections);
    }
    connections
        .entry(peer)
        .or_insert_with(|| Connection::new(header.client_id, received))
}

impl Connection {
    fn add(&mut self, header: &RequestHeader<'_>, received: Instant, fate: Fate) -> u64 {
        self.last = received;
        if self.requests.len() == REQUESTS_MAX {
            self.requests.pop_front();
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        self.requests.push_back(Request {
            serial,
            api_key: header.api_key,
            api_version: header.api_version,
            received,
            fate,
        });
        serial
    }

    fn new(client_id: Option<&str>, received: Instant) -> Connection {
        Connection {
            client_id: client_id.unwrap_or_default().to_owned(),
            last: received,
            next_serial: 0,
            requests: VecDeque::with_capacity(REQUESTS_MAX),
        }
    }
}

fn make_room(connections: &mut BTreeMap<SocketAddr, Connection>) {
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
    use super::*;
    use crate::apis::Reply;

    const HEADER: RequestHeader<'static> = RequestHeader {
        api_key: 1,
        api_version: 12,
        correlation_id: 7,
        client_id: None,
    };

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_last_requests_of_the_last_connections_are_remembered() {
        let recent = RecentRequests::default();
        for port in 1..=100 {
            for _ in 0..100 {
                let ready = Answer::Ready(Reply::default());
                recent.note(peer(port), &HEADER, Instant::now(), ready);
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
        let answer = recent.note(peer(1), &HEADER, Instant::now(), later);
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
