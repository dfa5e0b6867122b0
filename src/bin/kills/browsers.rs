//! The authors' browsers: subscribe through the API, note what arrives.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use social_server_push::notification::Notification;
use social_server_push::receiver::Receiver;

use crate::ledger::Ledger;
use crate::world::User;

/// Subscribes a browser for `user` at `socket_url`, asking a different instance each time.
pub(crate) async fn subscribe(
    http: &reqwest::Client,
    apis: &[SocketAddr],
    socket_url: &str,
    user: &User,
) -> anyhow::Result<Receiver> {
    let key = json_of(user.get(http, apis[0], "/api/push/key")).await?;
    let key = key.as_str().context("no public key")?;
    let mut receiver = Receiver::connect(socket_url).await?;
    let subscription = receiver.register(key).await?;
    let body = json!({
        "notificationEndPoint": subscription.endpoint,
        "publicKey": subscription.p256dh,
        "auth": subscription.auth,
    });
    let other = apis[apis.len() - 1];
    json_of(user.post(http, other, "/api/subscribe", &body)).await?;
    Ok(receiver)
}

/// Notes every notification about a comment until the push service hangs up.
pub(crate) async fn note(mut receiver: Receiver, ledger: Ledger) {
    while let Some(message) = receiver.next().await {
        let Ok(notification) = serde_json::from_slice::<Notification>(&message.plaintext) else {
            continue;
        };
        // Who joins is told to everybody; this counts what is told to one.
        let about_a_comment = notification.target.starts_with("/posts/");
        if let Some(trace) = notification.traceparent.filter(|_| about_a_comment) {
            let trace = trace.to_string();
            let trace_id = trace.split('-').nth(1).unwrap_or_default();
            ledger.arrived(trace_id, &notification.tag);
        }
    }
}

/// The `response` of a success.
pub(crate) async fn json_of(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let response = request.timeout(Duration::from_secs(10)).send().await?;
    let status = response.status();
    let mut body: Value = response.json().await?;
    anyhow::ensure!(status.is_success(), "{status}: {body}");
    Ok(body["response"].take())
}
