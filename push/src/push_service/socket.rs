//! One browser's connection: its texts become questions to the office, and notifications texts.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::office::{Desk, Session};
use super::protocol::{
    Broadcasts, ClientMessage, DELIVERED, NOT_DECRYPTED, Received, ServerMessage, read, write,
};

/// How long a browser may take to introduce itself.
const HELLO_DEADLINE: Duration = Duration::from_secs(30);
/// How long one text may take to leave.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// Browsers ping every half hour; one that was silent for longer is gone.
const SILENCE_MAX: Duration = Duration::from_mins(45);

/// The connection ends: the browser closed it, was too slow, or talked nonsense.
struct Ended;

/// Serves one connection until either side ends it.
pub(super) async fn serve(
    mut socket: WebSocket,
    origin: String,
    desk: Desk,
    stop: CancellationToken,
) {
    let Some(mut session) = introduce(&mut socket, &desk).await else {
        return close(socket, close_code::POLICY).await;
    };
    let (uaid, number) = (session.uaid.clone(), session.number);
    let _ = converse(&mut socket, &origin, &desk, &mut session, &stop).await;
    desk.bye(uaid, number).await;
    close(socket, close_code::AWAY).await;
}

/// The first text must be a hello, and in time.
async fn introduce(socket: &mut WebSocket, desk: &Desk) -> Option<Session> {
    let text = timeout(HELLO_DEADLINE, next_text(socket))
        .await
        .ok()?
        .ok()?;
    let Some(Received::Message(ClientMessage::Hello { uaid, .. })) = read(&text) else {
        return None;
    };
    let session = desk.hello(uaid).await?;
    let hello = ServerMessage::Hello {
        status: 200,
        uaid: session.uaid.clone(),
        use_webpush: true,
        broadcasts: Broadcasts {},
    };
    send(socket, write(&hello)).await.ok()?;
    Some(session)
}

async fn converse(
    socket: &mut WebSocket,
    origin: &str,
    desk: &Desk,
    session: &mut Session,
    stop: &CancellationToken,
) -> Result<(), Ended> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            notification = session.notifications.recv() => {
                // None: a newer connection of the same browser has taken over.
                let notification = notification.ok_or(Ended)?;
                send(socket, write(&notification)).await?;
            }
            text = timeout(SILENCE_MAX, next_text(socket)) => {
                let text = text.map_err(|_| Ended)??;
                if let Some(reply) = answer(&text, origin, desk, &session.uaid).await? {
                    send(socket, reply).await?;
                }
            }
        }
    }
}

/// What a browser's text is answered with, if anything.
async fn answer(
    text: &str,
    origin: &str,
    desk: &Desk,
    uaid: &str,
) -> Result<Option<String>, Ended> {
    let message = match read(text).ok_or(Ended)? {
        Received::Ping => return Ok(Some("{}".to_owned())),
        Received::Message(message) => message,
    };
    let uaid = uaid.to_owned();
    Ok(match message {
        // Nobody introduces themselves twice.
        ClientMessage::Hello { .. } => return Err(Ended),
        ClientMessage::Register { channel_id, key } => {
            let registered = desk.register(uaid, channel_id.clone(), key).await;
            let (status, push_endpoint) = match registered {
                Ok(token) => (200, format!("{origin}/wpush/v2/{token}")),
                Err(status) => (status, String::new()),
            };
            Some(write(&ServerMessage::Register {
                channel_id,
                status,
                push_endpoint,
            }))
        }
        ClientMessage::Unregister { channel_id } => {
            desk.unregister(uaid, channel_id.clone()).await;
            Some(write(&ServerMessage::Unregister {
                channel_id,
                status: 200,
            }))
        }
        ClientMessage::Ack { updates } => {
            updates.iter().for_each(|update| report(update.code));
            let versions = updates.into_iter().map(|update| update.version).collect();
            desk.acknowledge(uaid, versions).await;
            None
        }
        // It arrived; sending it again would not make it readable.
        ClientMessage::Nack { version, code } => {
            report(code);
            desk.acknowledge(uaid, vec![version]).await;
            None
        }
        ClientMessage::BroadcastSubscribe {} => None,
    })
}

/// A push that was accepted and shows nothing is hard to find: only the browser knows why.
fn report(code: u16) {
    let sentence = match code {
        DELIVERED => return,
        NOT_DECRYPTED => "a browser could not decrypt a push",
        301..=303 => "the service worker failed on a push",
        _ => "a browser did not deliver a push to its page",
    };
    tracing::warn!(code, "{sentence}");
}

async fn next_text(socket: &mut WebSocket) -> Result<String, Ended> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
            // Answered by the WebSocket layer itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return Err(Ended),
        }
    }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), Ended> {
    match timeout(SEND_DEADLINE, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Ended),
    }
}

async fn close(mut socket: WebSocket, code: u16) {
    let frame = CloseFrame {
        code,
        reason: "".into(),
    };
    let _ = timeout(SEND_DEADLINE, socket.send(Message::Close(Some(frame)))).await;
}
