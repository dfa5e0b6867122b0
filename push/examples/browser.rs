//! A browser without a browser: a local push service and a receiver that prints what it gets.
//!
//! `cargo run -p social-server-push --example browser -- <VAPID public key> [PORT]` prints, as JSON
//! lines, the subscription for `POST /api/subscribe` and then every push.

use std::net::SocketAddr;

use serde_json::json;
use social_server_push::push_service::{self, PushServiceConfig};
use social_server_push::receiver::Receiver;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(vapid_public_key) = arguments.next() else {
        anyhow::bail!("give the VAPID public key, as GET /api/push/key tells it");
    };
    let port = arguments.next().map_or(Ok(7070), |port| port.parse())?;
    let listen = SocketAddr::from(([127, 0, 0, 1], port));
    let service = push_service::start(PushServiceConfig {
        listen,
        ..Default::default()
    })
    .await?;
    let mut receiver = Receiver::connect(&service.socket_url()).await?;
    let subscription = receiver.register(&vapid_public_key).await?;
    let shown = json!({
        "notificationEndPoint": subscription.endpoint,
        "publicKey": subscription.p256dh,
        "auth": subscription.auth,
    });
    println!("{shown}");
    while let Some(message) = receiver.next().await {
        println!("{}", String::from_utf8_lossy(&message.plaintext));
    }
    Ok(())
}
