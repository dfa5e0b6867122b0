//! A push service for this machine: what a browser's maker runs on the internet, here on loopback.
//!
//! ```text
//!   push service (ours) ── POST /wpush/v2/{token} ──► HTTP side ─┐
//!                          RFC 8030, 8291, 8292                  ├─► office ─► store
//!   browser, receiver ◄── notification ── WebSocket side ────────┘
//!                          register, ack
//! ```
//!
//! With it a browser gets real encrypted pushes without any network, and tests get a strict other
//! side that can be told to fail. It cannot read a push: it has no keys. It never listens anywhere
//! but on loopback, and runs only when somebody starts it.

mod authorization;
mod error;
mod faults;
mod headers;
mod http;
mod office;
mod protocol;
mod socket;
mod store;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::faults::{Fault, FaultPlan, Faults};
pub use self::protocol::{ClientMessage, ServerMessage, Update};
pub(crate) use self::protocol::{DELIVERED, NOT_DECRYPTED, write};

use self::office::Office;
use self::store::OfficeStore;
use crate::data_dir::{DataDir, DataDirError};

/// The largest body that is taken, in bytes; RFC 8030 asks for at least as much.
pub const BODY_BYTES_MAX: usize = 4096;

/// What a local push service is started with.
#[derive(Debug, Clone)]
pub struct PushServiceConfig {
    /// Where it listens: a loopback address; port 0 chooses one.
    pub listen: SocketAddr,
    /// Where it keeps browsers and undelivered messages; in memory when `None`.
    pub data_dir: Option<PathBuf>,
    /// Faults that are on from the start.
    pub faults: Vec<FaultPlan>,
}

impl Default for PushServiceConfig {
    /// In memory, on a free port, without faults.
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen,
            data_dir: None,
            faults: Vec::new(),
        }
    }
}

/// Why a local push service did not start: one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum PushServiceError {
    /// Whoever can reach it can make it fail and make browsers wait.
    #[error("the local push service listens on loopback only, and {0} is not; use 127.0.0.1")]
    NotLoopback(SocketAddr),
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {address}: {cause}; choose another port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        cause: io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database cannot be opened.
    #[error("cannot open the local push service's database: {0}")]
    Database(String),
}

/// A local push service at work. Dropping it stops it without waiting.
pub struct LocalPushService {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its fault switches, the same as `/control/faults`.
    pub faults: Faults,
    stop: CancellationToken,
    tasks: TaskTracker,
    _data_dir: Option<DataDir>,
}

/// Starts a local push service; it listens when this returns.
///
/// # Errors
/// When the address is not loopback or is taken, or its data cannot be used.
pub async fn start(config: PushServiceConfig) -> Result<LocalPushService, PushServiceError> {
    if !config.listen.ip().is_loopback() {
        return Err(PushServiceError::NotLoopback(config.listen));
    }
    let open = |path| DataDir::open(path, "push-service.lock");
    let data_dir = config.data_dir.as_deref().map(open).transpose()?;
    let path = data_dir
        .as_ref()
        .map(|folder| folder.file("push-service.db"));
    let store = OfficeStore::open(path.as_deref())
        .await
        .map_err(|error| PushServiceError::Database(error.to_string()))?;
    let not_listening = |cause| PushServiceError::Listen {
        address: config.listen,
        cause,
    };
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(not_listening)?;
    let address = listener.local_addr().map_err(not_listening)?;

    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let faults = Faults::new(config.faults);
    let (office, desk) = Office::new(store);
    tasks.spawn(office.run(stop.clone()));
    let service = http::Service {
        origin: format!("http://{address}"),
        desk,
        faults: faults.clone(),
        stop: stop.clone(),
        sockets: TaskTracker::new(),
    };
    tasks.spawn(http::serve(listener, service, stop.clone()));
    tasks.close();
    Ok(LocalPushService {
        address,
        faults,
        stop,
        tasks,
        _data_dir: data_dir,
    })
}

impl LocalPushService {
    /// Its origin, as the sender must allow it: `http://127.0.0.1:7070`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a browser's `dom.push.serverURL` is set to: `ws://127.0.0.1:7070/`.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Closes every connection and waits until all is written.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for LocalPushService {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
