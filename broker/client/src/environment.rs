//! What the client takes from outside: streams, the wall clock and random
//! numbers. A simulation passes its own; [`Environment::system`] is the real
//! world. Timers are tokio's, which a paused or simulated runtime drives.
//!
//! Nothing else in this crate opens a socket, reads a clock or draws a number.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Anything a connection can speak over: TCP, an in-memory duplex, a
/// simulated socket.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A stream being opened.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteStream>>> + Send>>;

/// Opens a stream to `host:port`.
pub type Connect = Arc<dyn Fn(&str) -> Connecting + Send + Sync>;

/// The client's outside world.
#[derive(Clone)]
pub struct Environment {
    /// Opens a stream to an address.
    pub connect: Connect,
    /// Milliseconds since the Unix epoch: the timestamps of records.
    pub wall_clock_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Uniform 64-bit numbers: jitter, sticky partitions, member ids. They
    /// need not be secret.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Environment {
    /// TCP, the system's clock, and random numbers from the seeds the
    /// operating system gives every hash map.
    pub fn system() -> Self {
        Environment {
            connect: Arc::new(|address| Box::pin(connect_tcp(address.to_owned()))),
            wall_clock_ms: Arc::new(system_wall_clock_ms),
            random: Arc::new(|| RandomState::new().build_hasher().finish()),
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.wall_clock_ms)()
    }

    pub(crate) fn random(&self) -> u64 {
        (self.random)()
    }

    /// A random (version 4) UUID in its text form.
    pub(crate) fn random_uuid(&self) -> String {
        let bits = u128::from(self.random()) << 64 | u128::from(self.random());
        let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        let (time, rest) = hex.split_at(8);
        format!(
            "{time}-{}-{}-{}-{}",
            &rest[..4],
            &rest[4..8],
            &rest[8..12],
            &rest[12..]
        )
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

async fn connect_tcp(address: String) -> io::Result<Box<dyn ByteStream>> {
    let stream = TcpStream::connect(&address).await?;
    // Requests are written whole; waiting to merge them only adds latency.
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

fn system_wall_clock_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_uuid_has_the_version_and_variant_of_rfc_9562() {
        let mut environment = Environment::system();
        environment.random = Arc::new(|| u64::MAX);
        assert_eq!(
            environment.random_uuid(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        environment.random = Arc::new(|| 0);
        assert_eq!(
            environment.random_uuid(),
            "00000000-0000-4000-8000-000000000000"
        );
    }

    #[test]
    fn system_random_numbers_differ() {
        let environment = Environment::system();
        assert_ne!(environment.random_uuid(), environment.random_uuid());
    }
}
