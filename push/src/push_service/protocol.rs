//! The browser's WebSocket protocol (`push-notification`): JSON texts, both ways.
//!
//! | browser | service |
//! |---|---|
//! | `hello`, with `uaid` if it has subscriptions | `hello`, then what waited |
//! | `register` with a channel and the sender's key | `register` with the endpoint |
//! | `unregister` | `unregister` |
//! | `ack`, `nack` | – |
//! | – | `notification` |
//! | `{}`, now and then | `{}` |
//!
//! The types serve both sides, so that the receiver and the service cannot disagree.

use serde::{Deserialize, Serialize};

/// The subprotocol both sides must name.
pub(crate) const SUBPROTOCOL: &str = "push-notification";
/// The longest text a browser may send, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What a browser says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "messageType", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first message of a connection.
    Hello {
        /// Who it is, if it has subscriptions here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uaid: Option<String>,
        /// Always true: the only dialect that carries data.
        #[serde(default)]
        use_webpush: bool,
    },
    /// Subscribe.
    Register {
        /// The browser's name for the subscription, a UUID.
        #[serde(rename = "channelID")]
        channel_id: String,
        /// The only sender allowed: its VAPID public key, base64url.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Unsubscribe.
    Unregister {
        /// The subscription.
        #[serde(rename = "channelID")]
        channel_id: String,
    },
    /// Messages have arrived.
    Ack {
        /// Which.
        updates: Vec<Update>,
    },
    /// A message arrived, and the page's service worker failed on it.
    Nack {
        /// Which.
        version: String,
        /// 301 an exception nobody caught, 302 a rejected promise, 303 another failure.
        #[serde(default)]
        code: u16,
    },
    /// Something that this service does not offer.
    BroadcastSubscribe {},
}

/// A message that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Its subscription.
    #[serde(rename = "channelID")]
    pub channel_id: String,
    /// Its name.
    pub version: String,
    /// [`DELIVERED`], [`NOT_DECRYPTED`], or 102: not delivered.
    #[serde(default)]
    pub code: u16,
}

/// The service worker was handed the message.
pub(crate) const DELIVERED: u16 = 100;
/// The message was not encrypted for this subscription.
pub(crate) const NOT_DECRYPTED: u16 = 101;

/// What the service says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "messageType", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Welcome.
    Hello {
        /// 200.
        status: u16,
        /// Who the browser is from now on; another one than it said means that its subscriptions
        /// are lost.
        uaid: String,
        /// Always true.
        use_webpush: bool,
        /// Always empty.
        broadcasts: Broadcasts,
    },
    /// The answer to a subscription.
    Register {
        /// The subscription.
        #[serde(rename = "channelID")]
        channel_id: String,
        /// 200, or why not: 400 malformed, 409 another browser's channel, 500 no room.
        status: u16,
        /// Where to push to.
        #[serde(rename = "pushEndpoint", default)]
        push_endpoint: String,
    },
    /// The answer to an unsubscription.
    Unregister {
        /// The subscription.
        #[serde(rename = "channelID")]
        channel_id: String,
        /// 200.
        status: u16,
    },
    /// A push.
    Notification {
        /// Its subscription.
        #[serde(rename = "channelID")]
        channel_id: String,
        /// Its name, for the acknowledgement.
        version: String,
        /// The encrypted body, base64url; absent for a push without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// How it is encrypted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        headers: Option<NotificationHeaders>,
    },
}

/// An empty JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Broadcasts {}

/// How a notification is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationHeaders {
    /// `aes128gcm`.
    pub encoding: String,
}

/// A text from a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    Message(ClientMessage),
    /// `{}`.
    Ping,
}

/// Reads a browser's text; `None` for what is none of the above.
pub(crate) fn read(text: &str) -> Option<Received> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    if text.trim() == "{}" {
        return Some(Received::Ping);
    }
    serde_json::from_str(text).ok().map(Received::Message)
}

/// The text of a message to a browser.
pub(crate) fn write(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("messages have only string keys")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_firefox_sends_is_understood() {
        let hello = r#"{"messageType":"hello","broadcasts":{"a/b":"v1"},"use_webpush":true}"#;
        let expected = ClientMessage::Hello {
            uaid: None,
            use_webpush: true,
        };
        assert_eq!(read(hello), Some(Received::Message(expected)));
        let register = r#"{"messageType":"register","channelID":"c","key":"BA=="}"#;
        let expected = ClientMessage::Register {
            channel_id: "c".into(),
            key: Some("BA==".into()),
        };
        assert_eq!(read(register), Some(Received::Message(expected)));
        let unregister = r#"{"messageType":"unregister","channelID":"c","code":200}"#;
        let expected = ClientMessage::Unregister {
            channel_id: "c".into(),
        };
        assert_eq!(read(unregister), Some(Received::Message(expected)));
        let ack = r#"{"messageType":"ack","updates":[{"channelID":"c","version":"v","code":100}]}"#;
        let update = Update {
            channel_id: "c".into(),
            version: "v".into(),
            code: 100,
        };
        let expected = ClientMessage::Ack {
            updates: vec![update],
        };
        assert_eq!(read(ack), Some(Received::Message(expected)));
        let nack = r#"{"messageType":"nack","version":"v","code":301}"#;
        let expected = ClientMessage::Nack {
            version: "v".into(),
            code: 301,
        };
        assert_eq!(read(nack), Some(Received::Message(expected)));
        let broadcast = r#"{"messageType":"broadcast_subscribe","broadcasts":{}}"#;
        let expected = ClientMessage::BroadcastSubscribe {};
        assert_eq!(read(broadcast), Some(Received::Message(expected)));
        assert_eq!(read("{}"), Some(Received::Ping));
    }

    #[test]
    fn what_is_said_has_the_names_firefox_reads() {
        let message = ServerMessage::Notification {
            channel_id: "c".into(),
            version: "v".into(),
            data: Some("AAAA".into()),
            headers: Some(NotificationHeaders {
                encoding: "aes128gcm".into(),
            }),
        };
        let expected = json!({
            "messageType": "notification", "channelID": "c", "version": "v", "data": "AAAA",
            "headers": {"encoding": "aes128gcm"}
        });
        assert_eq!(serde_json::to_value(&message).unwrap(), expected);
        let hello = ServerMessage::Hello {
            status: 200,
            uaid: "u".into(),
            use_webpush: true,
            broadcasts: Broadcasts {},
        };
        let expected = json!({
            "messageType": "hello", "status": 200, "uaid": "u", "use_webpush": true,
            "broadcasts": {}
        });
        assert_eq!(serde_json::to_value(&hello).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = read(&text);
            let _ = serde_json::from_str::<ServerMessage>(&text);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read(&String::from_utf8_lossy(&bytes));
        }
    }
}
