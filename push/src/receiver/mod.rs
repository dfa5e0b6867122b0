//! The part of a browser that gets pushes: it subscribes at a push service, and decrypts.
//!
//! Real keys, real RFC 8291 decryption, the browser's own WebSocket protocol. For tests and the
//! tour; it shows nothing.
//!
//! ```no_run
//! # async fn example(vapid_public_key: &str) -> Result<(), social_server_push::receiver::ReceiverError> {
//! use social_server_push::receiver::Receiver;
//!
//! let mut receiver = Receiver::connect("ws://127.0.0.1:7070/").await?;
//! let subscription = receiver.register(vapid_public_key).await?;
//! // Hand subscription.endpoint, .p256dh and .auth to `POST /api/subscribe`, then:
//! let message = receiver.next().await;
//! # Ok(())
//! # }
//! ```

mod identity;
mod link;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

pub use self::identity::{Identity, Subscription};

use self::link::{Command, Link};

/// How many decrypted messages wait for [`Receiver::next`]; with more, the connection waits.
const MESSAGES_MAX: usize = 1024;
const COMMANDS_MAX: usize = 16;
/// How long the push service may take to answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// A connection to a push service, as a browser has one.
///
/// Dropping it disconnects, as closing a browser does: its subscriptions stay, and
/// [`Receiver::reconnect`] with its [`Identity`] finds what came meanwhile.
#[derive(Debug)]
pub struct Receiver {
    identity: Identity,
    commands: mpsc::Sender<Command>,
    messages: mpsc::Receiver<Message>,
    task: JoinHandle<()>,
}

/// A push that arrived and was decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its subscription.
    pub channel_id: String,
    /// Its name at the push service.
    pub version: String,
    /// What was sent; empty for a push without a body.
    pub plaintext: Vec<u8>,
}

/// Why a receiver does not work.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// No connection, or it broke.
    #[error("cannot talk to the push service: {0}")]
    Connection(String),
    /// It does not speak the protocol.
    #[error("the push service does not speak the browsers' protocol: {0}")]
    Protocol(String),
    /// It refused a subscription.
    #[error("the push service refused the subscription with status {0}")]
    Refused(u16),
    /// Keys could not be made.
    #[error("cannot make keys: {0}")]
    Keys(String),
    /// It does not answer.
    #[error("the push service does not answer")]
    Timeout,
}

impl Receiver {
    /// Connects as a new browser.
    ///
    /// # Errors
    /// When there is no connection, or the other side is no push service.
    pub async fn connect(url: &str) -> Result<Self, ReceiverError> {
        Self::reconnect(url, Identity::default()).await
    }

    /// Connects as the browser that `identity` is. What waited for it arrives at once. Where the
    /// push service does not know it any more, its subscriptions are gone.
    ///
    /// # Errors
    /// When there is no connection, or the other side is no push service.
    pub async fn reconnect(url: &str, identity: Identity) -> Result<Self, ReceiverError> {
        let connecting = Link::connect(url, identity);
        let (link, identity) = timely(connecting).await??;
        let (commands, command_queue) = mpsc::channel(COMMANDS_MAX);
        let (message_queue, messages) = mpsc::channel(MESSAGES_MAX);
        let task = tokio::spawn(link.run(identity.clone(), command_queue, message_queue));
        Ok(Self {
            identity,
            commands,
            messages,
            task,
        })
    }

    /// Subscribes; only the sender with `vapid_public_key` may push there.
    ///
    /// # Errors
    /// When the push service refuses, or does not answer.
    pub async fn register(
        &mut self,
        vapid_public_key: &str,
    ) -> Result<Subscription, ReceiverError> {
        let channel_id = Uuid::new_v4().to_string();
        let keys = identity::Keys::generate()?;
        let (answer, answered) = oneshot::channel();
        let key = vapid_public_key.to_owned();
        self.command(Command::Register {
            channel_id: channel_id.clone(),
            key,
            keys,
            answer,
        })
        .await?;
        let subscription = timely(answered).await?.map_err(|_| closed())??;
        self.identity.add(channel_id, subscription.clone());
        Ok(subscription.shown())
    }

    /// Unsubscribes; pushes there get 410 from now on.
    ///
    /// # Errors
    /// When the push service does not answer.
    pub async fn unregister(&mut self, channel_id: &str) -> Result<(), ReceiverError> {
        let (answer, answered) = oneshot::channel();
        let channel_id = channel_id.to_owned();
        self.command(Command::Unregister {
            channel_id: channel_id.clone(),
            answer,
        })
        .await?;
        timely(answered).await?.map_err(|_| closed())?;
        self.identity.remove(&channel_id);
        Ok(())
    }

    /// The next push, decrypted and acknowledged; `None` when the connection has ended. What
    /// cannot be decrypted is skipped, as a browser does.
    pub async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    /// Who this browser is, with its keys.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn command(&self, command: Command) -> Result<(), ReceiverError> {
        self.commands.send(command).await.map_err(|_| closed())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn closed() -> ReceiverError {
    ReceiverError::Connection("the connection has ended".to_owned())
}

async fn timely<T>(waiting: impl Future<Output = T>) -> Result<T, ReceiverError> {
    tokio::time::timeout(ANSWER_DEADLINE, waiting)
        .await
        .map_err(|_| ReceiverError::Timeout)
}
