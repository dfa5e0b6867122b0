//! The office: one task that owns the store and knows which browsers are connected.
//!
//! Everything happens here one after another, so a push either meets a browser that is connected
//! and is handed over in the same step, or it waits in the store; there is nothing in between.
//! The HTTP and WebSocket sides talk to it through a [`Desk`].

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use social_events::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::error::Refused;
use super::headers::PushHeaders;
use super::protocol::{NotificationHeaders, ServerMessage};
use super::store::{Channel, Message, NewMessage, OfficeStore};
use crate::keys::{checked_point, decode, encode};
use crate::pusher::later;

/// How many questions wait for the office at most; more of them wait at the sender.
const QUESTIONS_MAX: usize = 256;
/// How many messages a connected browser may have without an acknowledgement.
const WINDOW: usize = 512;
/// How many messages are kept for one browser.
const WAITING_MAX: u32 = 1000;
/// How many subscriptions one browser may have, and all together.
const CHANNELS_PER_BROWSER_MAX: u32 = 200;
const CHANNELS_MAX: u32 = 10_000;
const PRUNE_EVERY: Duration = Duration::from_mins(1);
const RETRY_AFTER_SECONDS: u64 = 60;

/// Asks the office.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    questions: mpsc::Sender<Question>,
}

/// A connection of a browser.
#[derive(Debug)]
pub(super) struct Session {
    pub uaid: String,
    /// Which connection of that browser this is.
    pub number: u64,
    /// Notifications, in order. It ends when a newer connection of the same browser takes over.
    pub notifications: mpsc::Receiver<ServerMessage>,
}

/// A push, checked.
#[derive(Debug)]
pub(super) struct Push {
    pub channel: Channel,
    pub headers: PushHeaders,
    pub body: Vec<u8>,
}

#[derive(Debug)]
enum Question {
    Hello {
        uaid: Option<String>,
        answer: oneshot::Sender<Session>,
    },
    Bye {
        uaid: String,
        number: u64,
    },
    Register {
        uaid: String,
        channel_id: String,
        key: Option<String>,
        answer: Registered,
    },
    Unregister {
        uaid: String,
        channel_id: String,
        answer: oneshot::Sender<()>,
    },
    Acknowledge {
        uaid: String,
        versions: Vec<String>,
    },
    Find {
        token: String,
        answer: oneshot::Sender<Result<Channel, Refused>>,
    },
    Push {
        push: Push,
        answer: oneshot::Sender<Result<String, Refused>>,
    },
    Withdraw {
        version: String,
        answer: oneshot::Sender<Result<(), Refused>>,
    },
}

/// The token of the endpoint, or the protocol's status.
type Registered = oneshot::Sender<Result<String, u16>>;

impl Desk {
    /// A browser connects.
    pub async fn hello(&self, uaid: Option<String>) -> Option<Session> {
        self.ask(|answer| Question::Hello { uaid, answer }).await
    }

    /// A connection ended.
    pub async fn bye(&self, uaid: String, number: u64) {
        let _ = self.questions.send(Question::Bye { uaid, number }).await;
    }

    /// A browser subscribes: the token of its endpoint, or the protocol's status.
    pub async fn register(
        &self,
        uaid: String,
        channel_id: String,
        key: Option<String>,
    ) -> Result<String, u16> {
        self.ask(|answer| Question::Register {
            uaid,
            channel_id,
            key,
            answer,
        })
        .await
        .unwrap_or(Err(500))
    }

    /// A browser unsubscribes.
    pub async fn unregister(&self, uaid: String, channel_id: String) {
        self.ask(|answer| Question::Unregister {
            uaid,
            channel_id,
            answer,
        })
        .await;
    }

    /// A browser has messages.
    pub async fn acknowledge(&self, uaid: String, versions: Vec<String>) {
        let _ = self
            .questions
            .send(Question::Acknowledge { uaid, versions })
            .await;
    }

    /// The channel that an endpoint's token names.
    pub async fn find(&self, token: String) -> Result<Channel, Refused> {
        self.ask(|answer| Question::Find { token, answer })
            .await
            .unwrap_or(Err(Refused::Unavailable))
    }

    /// Takes a push: the name of its message.
    pub async fn push(&self, push: Push) -> Result<String, Refused> {
        self.ask(|answer| Question::Push { push, answer })
            .await
            .unwrap_or(Err(Refused::Unavailable))
    }

    /// Takes a message back.
    pub async fn withdraw(&self, version: String) -> Result<(), Refused> {
        self.ask(|answer| Question::Withdraw { version, answer })
            .await
            .unwrap_or(Err(Refused::Unavailable))
    }

    /// `None` when the office has closed, or could not do it.
    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Option<T> {
        let (sender, answer) = oneshot::channel();
        self.questions.send(question(sender)).await.ok()?;
        answer.await.ok()
    }
}

/// A browser that is connected.
#[derive(Debug)]
struct Connected {
    number: u64,
    notifications: mpsc::Sender<ServerMessage>,
    /// Everything up to this id has been handed to the connection.
    handed_id: i64,
    /// What of it is not acknowledged, oldest first.
    unacknowledged: VecDeque<String>,
}

/// The office itself.
pub(super) struct Office {
    store: OfficeStore,
    questions: mpsc::Receiver<Question>,
    connected: HashMap<String, Connected>,
    connections: u64,
}

impl Office {
    pub fn new(store: OfficeStore) -> (Self, Desk) {
        let (sender, questions) = mpsc::channel(QUESTIONS_MAX);
        let office = Self {
            store,
            questions,
            connected: HashMap::new(),
            connections: 0,
        };
        (office, Desk { questions: sender })
    }

    /// Answers until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        loop {
            let done = tokio::select! {
                () = stop.cancelled() => return,
                _ = prune.tick() => self.store.prune(Timestamp::now()).await,
                question = self.questions.recv() => match question {
                    Some(question) => self.answer(question, Timestamp::now()).await,
                    None => return,
                },
            };
            // The answer's sender was dropped on the way here: whoever asked hears "not now".
            if let Err(error) = done {
                tracing::error!(%error, "the local push service's database failed");
            }
        }
    }

    /// Whoever asked may be gone by now, so answers that nobody takes are fine.
    async fn answer(&mut self, question: Question, now: Timestamp) -> sqlx::Result<()> {
        match question {
            Question::Hello { uaid, answer } => {
                let session = self.hello(uaid).await?;
                let uaid = session.uaid.clone();
                let _ = answer.send(session);
                self.hand_over(&uaid, now).await?;
            }
            Question::Bye { uaid, number } => {
                if self
                    .connected
                    .get(&uaid)
                    .is_some_and(|browser| browser.number == number)
                {
                    self.connected.remove(&uaid);
                }
            }
            Question::Register {
                uaid,
                channel_id,
                key,
                answer,
            } => {
                let _ = answer.send(self.register(uaid, channel_id, key).await?);
            }
            Question::Unregister {
                uaid,
                channel_id,
                answer,
            } => {
                self.store.end_channel(&uaid, &channel_id, now).await?;
                let _ = answer.send(());
            }
            Question::Acknowledge { uaid, versions } => {
                self.acknowledge(&uaid, &versions).await?;
                self.hand_over(&uaid, now).await?;
            }
            Question::Find { token, answer } => {
                let _ = answer.send(match self.store.channel_of_token(&token).await? {
                    None => Err(Refused::UnknownSubscription),
                    Some(channel) if channel.gone_at.is_some() => Err(Refused::Unsubscribed),
                    Some(channel) => Ok(channel),
                });
            }
            Question::Push { push, answer } => {
                let _ = answer.send(self.push(&push, now).await?);
            }
            Question::Withdraw { version, answer } => {
                let found = self.store.withdraw(&version).await?;
                let _ = answer.send(if found {
                    Ok(())
                } else {
                    Err(Refused::UnknownMessage)
                });
            }
        }
        Ok(())
    }

    /// A browser that is known keeps its name; any other gets a new one.
    async fn hello(&mut self, uaid: Option<String>) -> sqlx::Result<Session> {
        let known = match uaid {
            Some(uaid) if self.store.channels_of(&uaid).await? > 0 => Some(uaid),
            _ => None,
        };
        let uaid = known.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
        let (sender, notifications) = mpsc::channel(WINDOW);
        self.connections += 1;
        let number = self.connections;
        let browser = Connected {
            number,
            notifications: sender,
            handed_id: 0,
            unacknowledged: VecDeque::new(),
        };
        self.connected.insert(uaid.clone(), browser);
        Ok(Session {
            uaid,
            number,
            notifications,
        })
    }

    async fn register(
        &mut self,
        uaid: String,
        channel_id: String,
        key: Option<String>,
    ) -> sqlx::Result<Result<String, u16>> {
        if Uuid::parse_str(&channel_id).is_err() {
            return Ok(Err(400));
        }
        let sender_key = match key.map(|key| decode(&key).and_then(|bytes| checked_point(&bytes))) {
            Some(None) => return Ok(Err(400)),
            Some(Some(point)) => Some(encode(&point)),
            None => None,
        };
        match self.store.channel(&channel_id).await? {
            Some(same)
                if same.uaid == uaid && same.sender_key == sender_key && same.gone_at.is_none() =>
            {
                return Ok(Ok(same.token));
            }
            Some(_) => return Ok(Err(409)),
            None => {}
        }
        if self.store.channels_of(&uaid).await? >= CHANNELS_PER_BROWSER_MAX
            || self.store.channels().await? >= CHANNELS_MAX
        {
            return Ok(Err(500));
        }
        let token = new_token();
        let channel = Channel {
            channel_id,
            uaid,
            token: token.clone(),
            sender_key,
            gone_at: None,
        };
        self.store.add_channel(&channel).await?;
        Ok(Ok(token))
    }

    async fn push(&mut self, push: &Push, now: Timestamp) -> sqlx::Result<Result<String, Refused>> {
        let Push {
            channel,
            headers,
            body,
        } = push;
        let version = Uuid::new_v4().simple().to_string();
        if headers.ttl.is_zero() {
            self.now_or_never(channel, &version, body);
            return Ok(Ok(version));
        }
        if self.store.waiting(&channel.uaid).await? >= WAITING_MAX {
            return Ok(Err(Refused::TooMany {
                retry_after_seconds: RETRY_AFTER_SECONDS,
            }));
        }
        let new = NewMessage {
            version: &version,
            channel,
            topic: headers.topic.as_deref(),
            body,
            expires_at: later(now, headers.ttl),
        };
        let handed_id = self
            .connected
            .get(&channel.uaid)
            .map_or(0, |browser| browser.handed_id);
        self.store.add_message(&new, handed_id).await?;
        self.hand_over(&channel.uaid, now).await?;
        Ok(Ok(version))
    }

    /// TTL 0: a browser that is not there, or has no room, never hears of it.
    fn now_or_never(&self, channel: &Channel, version: &str, body: &[u8]) {
        if let Some(browser) = self.connected.get(&channel.uaid) {
            let message = notification(&channel.channel_id, version, body);
            let _ = browser.notifications.try_send(message);
        }
    }

    /// Hands a connected browser what waits for it, as far as its window is open.
    async fn hand_over(&mut self, uaid: &str, now: Timestamp) -> sqlx::Result<()> {
        let Some(browser) = self.connected.get_mut(uaid) else {
            return Ok(());
        };
        let room = WINDOW - browser.unacknowledged.len().min(WINDOW);
        let limit = u32::try_from(room.min(browser.notifications.capacity())).unwrap_or(0);
        if limit == 0 {
            return Ok(());
        }
        for message in self
            .store
            .messages(uaid, browser.handed_id, now, limit)
            .await?
        {
            let Message {
                id,
                version,
                channel_id,
                body,
            } = message;
            let text = notification(&channel_id, &version, &body);
            if browser.notifications.try_send(text).is_err() {
                return Ok(());
            }
            browser.handed_id = id;
            browser.unacknowledged.push_back(version);
        }
        Ok(())
    }

    async fn acknowledge(&mut self, uaid: &str, versions: &[String]) -> sqlx::Result<()> {
        for version in versions {
            self.store.acknowledge(uaid, version).await?;
            if let Some(browser) = self.connected.get_mut(uaid) {
                // Usually the oldest.
                browser.unacknowledged.retain(|each| each != version);
            }
        }
        Ok(())
    }
}

fn notification(channel_id: &str, version: &str, body: &[u8]) -> ServerMessage {
    let encrypted = !body.is_empty();
    ServerMessage::Notification {
        channel_id: channel_id.to_owned(),
        version: version.to_owned(),
        data: encrypted.then(|| encode(body)),
        headers: encrypted.then(|| NotificationHeaders {
            encoding: "aes128gcm".to_owned(),
        }),
    }
}

/// Nobody guesses it: 244 random bits.
fn new_token() -> String {
    let [a, b] = [Uuid::new_v4(), Uuid::new_v4()];
    encode(&[a.into_bytes(), b.into_bytes()].concat())
}
