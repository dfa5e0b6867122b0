//! When somebody wants the command to end: Ctrl-C or SIGTERM.

use std::io;

use tokio::sync::watch;

/// Becomes true with the first signal; the second one ends the process.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// What a shell reports for a process that SIGINT ended.
const EXIT_CODE_INTERRUPTED: i32 = 130;

impl Stop {
    /// Starts to listen for signals, instead of dying of them.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn listen() -> io::Result<Stop> {
        let mut signals = Signals::new()?;
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            asked.send_replace(true);
            signals.next().await;
            std::process::exit(EXIT_CODE_INTERRUPTED);
        });
        Ok(Stop(stop))
    }

    /// Completes once it is asked for.
    pub async fn asked(&mut self) {
        // The sender lives as long as the process.
        let _ = self.0.wait_for(|asked| *asked).await;
    }

    /// Whether it has been asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
