//! The console's own listener.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ottla::embed::Control;
use ottla::observe::Observer;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::hosts::Hosts;
use crate::router::{router, router_with_control};

/// How long a stop waits for requests under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a console did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Other machines would reach it, and nobody said they may.
    #[error(
        "{address} can be reached by other machines; listen on 127.0.0.1, or allow remote access"
    )]
    Remote {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Other machines could drive the broker.
    #[error("{address} can be reached by other machines; control is for 127.0.0.1 alone")]
    RemoteControl {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen for HTTP on {address}: {cause}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
}

/// Settings of a console that is about to start. Made by [`Console::builder`].
#[derive(Clone, Debug)]
pub struct ConsoleBuilder {
    observer: Observer,
    listen: SocketAddr,
    remote: Option<Vec<String>>,
    control: Option<Control>,
}

impl ConsoleBuilder {
    /// Listens there instead of on a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Lets it listen beyond loopback, reached by its address or by one of
    /// these names. There is no authentication: whoever reaches it may read
    /// what it shows.
    pub fn allow_remote(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.remote = Some(names.into_iter().collect());
        self
    }

    /// Lets whoever reaches it drive the broker: faults, the clock, a reset.
    /// For tests, and on loopback alone.
    pub fn control(mut self, control: Control) -> Self {
        self.control = Some(control);
        self
    }

    /// Starts to serve, on the runtime this is called from.
    pub async fn start(self) -> Result<Console, StartError> {
        let address = self.listen;
        if self.control.is_some() && !address.ip().is_loopback() {
            return Err(StartError::RemoteControl { address });
        }
        let hosts = match self.remote {
            Some(names) => Hosts::remote(names),
            None if address.ip().is_loopback() => Hosts::loopback(),
            None => return Err(StartError::Remote { address }),
        };
        let cannot_listen = |cause| StartError::Listen { address, cause };
        let listener = TcpListener::bind(address).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let router = match self.control {
            None => router(self.observer, hosts),
            Some(control) => router_with_control(self.observer, control, hosts),
        };
        let serving = axum::serve(listener, router)
            .with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
        let serving = tokio::spawn(async move { serving.await });
        Ok(Console {
            address,
            stop: Some(stop),
            serving,
        })
    }
}

/// A console that serves. Dropping it stops it.
#[derive(Debug)]
pub struct Console {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
}

impl Console {
    /// Settings to start from: a free port of 127.0.0.1.
    pub fn builder(observer: Observer) -> ConsoleBuilder {
        ConsoleBuilder {
            observer,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            remote: None,
            control: None,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests and waits, within a deadline, for those under way.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(STOP_TIMEOUT, &mut self.serving)
            .await
            .ok();
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
