//! Accepts connections and owns their tasks.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::{self, ConnectionError};
use crate::node::Node;

/// Accepting failed for want of descriptors or memory: wait for some to close.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Accepts until `stop` turns true; then drops every connection.
pub(crate) async fn run(node: Arc<Node>, listener: TcpListener, stop: watch::Receiver<bool>) {
    let stopped = stopped(stop);
    tokio::pin!(stopped);
    let mut connections = JoinSet::new();
    let open = Arc::new(OpenConnections::default());
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Some(place) = open.take(&node, peer.ip()) {
                        connections.spawn(serve(Arc::clone(&node), stream, peer, place));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            },
        }
    }
    connections.shutdown().await;
}

/// Returns when the broker stops, or is gone.
async fn stopped(mut stop: watch::Receiver<bool>) {
    stop.wait_for(|stopped| *stopped).await.ok();
}

async fn serve(node: Arc<Node>, stream: TcpStream, peer: SocketAddr, _place: Place) {
    node.counters.connection_opened();
    let ended = serve_stream(Arc::clone(&node), stream, peer).await;
    node.counters.connection_closed();
    match ended {
        Ok(()) => tracing::debug!(%peer, "connection closed"),
        Err(ConnectionError::Io(error)) => tracing::debug!(%peer, %error, "connection lost"),
        Err(error) => tracing::info!(%peer, %error, "connection closed by the broker"),
    }
}

async fn serve_stream(
    node: Arc<Node>,
    stream: TcpStream,
    peer: SocketAddr,
) -> Result<(), ConnectionError> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    connection::serve(node, stream, peer, local).await
}

/// How many connections are open, in all and by address.
#[derive(Debug, Default)]
struct OpenConnections(Mutex<BTreeMap<IpAddr, usize>>);

/// One open connection's share of the limits; gives it back when dropped.
struct Place {
    open: Arc<OpenConnections>,
    address: IpAddr,
}

impl OpenConnections {
    /// A place for one more connection from `address`, if `max.connections`
    /// and `max.connections.per.ip` allow one.
    fn take(self: &Arc<Self>, node: &Node, address: IpAddr) -> Option<Place> {
        let mut by_address = self.0.lock().expect("counting cannot panic");
        let in_all: usize = by_address.values().sum();
        let count = by_address.get(&address).copied().unwrap_or_default();
        if in_all >= node.config.connections_max || count >= node.config.connections_per_ip_max {
            node.counters.connection_refused();
            tracing::warn!(%address, in_all, "connection refused: too many are open");
            return None;
        }
        by_address.insert(address, count + 1);
        Some(Place {
            open: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.open.0.lock().expect("counting cannot panic");
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// Binds, so that a taken port is known before anything else starts.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
