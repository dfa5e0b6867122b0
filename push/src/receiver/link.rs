//! The WebSocket of a receiver: one task owns it, sends commands, decrypts notifications.

use std::collections::HashMap;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::identity::{Channel, Identity, Keys};
use super::{Message, ReceiverError};
use crate::push_service::{ClientMessage, DELIVERED, NOT_DECRYPTED, ServerMessage, Update};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const SUBPROTOCOL: HeaderValue = HeaderValue::from_static("push-notification");

/// What the owner of a receiver asks of its connection.
pub(super) enum Command {
    Register {
        channel_id: String,
        key: String,
        keys: Keys,
        answer: oneshot::Sender<Result<Channel, ReceiverError>>,
    },
    Unregister {
        channel_id: String,
        answer: oneshot::Sender<()>,
    },
}

/// A connection that has introduced itself.
pub(super) struct Link {
    socket: Socket,
    registering: HashMap<String, (Keys, oneshot::Sender<Result<Channel, ReceiverError>>)>,
    unregistering: HashMap<String, oneshot::Sender<()>>,
}

impl Link {
    /// Connects and introduces itself as `identity`, which comes back with the name that the push
    /// service gave it, and without subscriptions that the service has forgotten.
    pub(super) async fn connect(
        url: &str,
        mut identity: Identity,
    ) -> Result<(Self, Identity), ReceiverError> {
        let mut request = url.into_client_request().map_err(|error| broken(&error))?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", SUBPROTOCOL);
        let (socket, _) = tokio_tungstenite::connect_async(request)
            .await
            .map_err(|error| broken(&error))?;
        let mut link = Self {
            socket,
            registering: HashMap::new(),
            unregistering: HashMap::new(),
        };
        let uaid = identity.uaid.clone();
        link.say(&ClientMessage::Hello {
            uaid,
            use_webpush: true,
        })
        .await?;
        match link.hear().await {
            Some(Ok(ServerMessage::Hello {
                status: 200, uaid, ..
            })) => {
                if identity.uaid.replace(uaid.clone()) != Some(uaid) {
                    identity.channels.clear();
                }
                Ok((link, identity))
            }
            Some(Ok(_)) => Err(ReceiverError::Protocol("it did not say hello".to_owned())),
            Some(Err(error)) => Err(error),
            None => Err(ReceiverError::Connection("it hung up".to_owned())),
        }
    }

    /// Serves commands and notifications until the connection or the receiver ends.
    pub(super) async fn run(
        mut self,
        identity: Identity,
        mut commands: mpsc::Receiver<Command>,
        messages: mpsc::Sender<Message>,
    ) {
        let mut channels = identity.channels;
        loop {
            let done = tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => return,
                },
                heard = self.hear() => match heard {
                    Some(Ok(message)) => self.heard(message, &mut channels, &messages).await,
                    Some(Err(error)) => Err(error),
                    None => return,
                },
            };
            if let Err(error) = done {
                tracing::warn!(%error, "a receiver's connection ended");
                return;
            }
        }
    }

    async fn command(&mut self, command: Command) -> Result<(), ReceiverError> {
        match command {
            Command::Register {
                channel_id,
                key,
                keys,
                answer,
            } => {
                self.registering.insert(channel_id.clone(), (keys, answer));
                self.say(&ClientMessage::Register {
                    channel_id,
                    key: Some(key),
                })
                .await
            }
            Command::Unregister { channel_id, answer } => {
                self.unregistering.insert(channel_id.clone(), answer);
                self.say(&ClientMessage::Unregister { channel_id }).await
            }
        }
    }

    async fn heard(
        &mut self,
        message: ServerMessage,
        channels: &mut HashMap<String, Channel>,
        messages: &mpsc::Sender<Message>,
    ) -> Result<(), ReceiverError> {
        match message {
            ServerMessage::Hello { .. } => Ok(()),
            ServerMessage::Register {
                channel_id,
                status,
                push_endpoint,
            } => {
                let Some((keys, answer)) = self.registering.remove(&channel_id) else {
                    return Ok(());
                };
                let registered = if status == 200 {
                    let channel = Channel {
                        channel_id: channel_id.clone(),
                        endpoint: push_endpoint,
                        keys,
                    };
                    channels.insert(channel_id, channel.clone());
                    Ok(channel)
                } else {
                    Err(ReceiverError::Refused(status))
                };
                let _ = answer.send(registered);
                Ok(())
            }
            ServerMessage::Unregister { channel_id, .. } => {
                channels.remove(&channel_id);
                if let Some(answer) = self.unregistering.remove(&channel_id) {
                    let _ = answer.send(());
                }
                Ok(())
            }
            ServerMessage::Notification {
                channel_id,
                version,
                data,
                ..
            } => {
                let keys = channels.get(&channel_id).map(|channel| &channel.keys);
                let plaintext = match data {
                    None => Some(Vec::new()),
                    Some(data) => keys.and_then(|keys| keys.decrypt(&data)),
                };
                let code = if plaintext.is_some() {
                    DELIVERED
                } else {
                    NOT_DECRYPTED
                };
                let update = Update {
                    channel_id: channel_id.clone(),
                    version: version.clone(),
                    code,
                };
                if let Some(plaintext) = plaintext {
                    // Handed over before it is acknowledged: a message is never lost in between.
                    let _ = messages
                        .send(Message {
                            channel_id,
                            version,
                            plaintext,
                        })
                        .await;
                }
                self.say(&ClientMessage::Ack {
                    updates: vec![update],
                })
                .await
            }
        }
    }

    async fn say(&mut self, message: &ClientMessage) -> Result<(), ReceiverError> {
        let text = crate::push_service::write(message);
        self.socket
            .send(Frame::text(text))
            .await
            .map_err(|error| broken(&error))
    }

    /// The next message; `None` when the other side has hung up.
    async fn hear(&mut self) -> Option<Result<ServerMessage, ReceiverError>> {
        loop {
            match self.socket.next().await? {
                Ok(Frame::Text(text)) if text.trim() == "{}" => {}
                Ok(Frame::Text(text)) => {
                    let read = serde_json::from_str(&text);
                    return Some(read.map_err(|error| ReceiverError::Protocol(error.to_string())));
                }
                Ok(Frame::Close(_)) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(broken(&error))),
            }
        }
    }
}

fn broken(error: &Error) -> ReceiverError {
    ReceiverError::Connection(error.to_string())
}
