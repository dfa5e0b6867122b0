//! The author's browser: subscribes with real keys, decrypts what arrives.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Value, json};
use social_server_push::notification::Notification;
use social_server_push::receiver::{Receiver, Subscription};

/// A browser with one subscription.
#[derive(Debug)]
pub(super) struct Browser {
    receiver: Receiver,
    pub(super) subscription: Subscription,
    /// How often each event was decrypted, and what it said.
    pub(super) seen: BTreeMap<String, (u32, Notification)>,
}

impl Browser {
    /// Connects to the push service at `url` (http) and subscribes.
    pub(super) async fn subscribe(url: &str, vapid_public_key: &str) -> anyhow::Result<Browser> {
        let url = url.replacen("http", "ws", 1) + "/";
        let mut receiver = Receiver::connect(&url).await?;
        let subscription = receiver.register(vapid_public_key).await?;
        Ok(Browser {
            receiver,
            subscription,
            seen: BTreeMap::new(),
        })
    }

    /// The body of `POST /api/subscribe`.
    pub(super) fn subscribe_body(&self) -> Value {
        json!({
            "notificationEndPoint": self.subscription.endpoint,
            "publicKey": self.subscription.p256dh,
            "auth": self.subscription.auth,
        })
    }

    /// Waits for the next push and remembers it by its event.
    pub(super) async fn receive(&mut self) -> anyhow::Result<()> {
        let message = self
            .receiver
            .next()
            .await
            .context("the push service hung up")?;
        let notification: Notification = serde_json::from_slice(&message.plaintext)
            .context("a push was decrypted and is not the JSON it should be")?;
        let event = notification.event_id.to_string();
        let (times, _) = self.seen.entry(event).or_insert((0, notification));
        *times += 1;
        Ok(())
    }
}
