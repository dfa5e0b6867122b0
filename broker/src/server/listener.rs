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
    let ended = match prepare(&stream) {
        Ok(local) => connection::serve(Arc::clone(&node), stream, peer, local).await,
        Err(error) => Err(error.into()),
    };
    node.counters.connection_closed();
    match ended {
        Ok(()) => tracing::debug!(%peer, "connection closed"),
        Err(ConnectionError::Io(error)) => tracing::debug!(%peer, %error, "connection lost"),
        Err(error) => tracing::info!(%peer, %error, "connection closed by the broker"),
    }
}

/// The address of ours that the peer reached.
fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    stream.local_addr()
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

#[cfg(test)]
mod tests {
    use ottla_core::config::BrokerConfigs;

    use super::*;
    use crate::config::NodeConfig;

    /// Of the task, beside what an idle connection holds apart from it: its
    /// timer, its place among the sockets of the runtime, no buffer.
    const TASK_BYTES_MAX: usize = 896;

    #[tokio::test]
    async fn a_connection_that_waits_is_a_small_task() {
        let config = NodeConfig::new(BrokerConfigs::default(), None, None).unwrap();
        let node = Node::start(config).unwrap();
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (stream, peer) = listener.accept().await.unwrap();
        let open = Arc::new(OpenConnections::default());
        let place = open.take(&node, peer.ip()).unwrap();
        let task = serve(node, stream, peer, place);
        let task_bytes = size_of_val(&task);
        assert!(task_bytes <= TASK_BYTES_MAX, "{task_bytes} bytes");
    }
}
