//! The console of the seed: product output, one line per subscription, apart from the logs.
//!
//! Lines go to a writer (stdout, for the binary) and to whoever observes. A writer that fails or
//! is slow never stops a push.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

/// How many lines an observer may be behind before it misses the oldest.
const OBSERVED_LINES_MAX: usize = 4096;

/// Where the console lines go. Clones share it.
#[derive(Clone)]
pub struct Console {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    observers: broadcast::Sender<Arc<str>>,
}

impl Console {
    /// Lines go to the process's stdout.
    #[must_use]
    pub fn stdout() -> Self {
        Self::writer(io::stdout())
    }

    /// Lines go to observers only.
    #[must_use]
    pub fn silent() -> Self {
        Self::writer(io::sink())
    }

    /// Lines go to `writer`.
    #[must_use]
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        let (observers, _) = broadcast::channel(OBSERVED_LINES_MAX);
        Self {
            writer: Arc::new(Mutex::new(Box::new(writer))),
            observers,
        }
    }

    /// Every line from now on, without its line break.
    #[must_use]
    pub fn observe(&self) -> broadcast::Receiver<Arc<str>> {
        self.observers.subscribe()
    }

    /// Prints `line`. The write happens on a thread where blocking is allowed: somebody may have
    /// stopped the terminal.
    pub async fn print(&self, line: String) {
        let line: Arc<str> = line.into();
        let (console, printed) = (self.clone(), Arc::clone(&line));
        let writing = tokio::task::spawn_blocking(move || console.write(&printed));
        match writing.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the console does not take its line"),
            Err(_) => tracing::warn!("the console's writer panicked"),
        }
        // Nobody observing is the normal case.
        let _ = self.observers.send(line);
    }

    /// One write for the whole line, so that lines of several tasks never mix.
    fn write(&self, line: &str) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(format!("{line}\n").as_bytes())?;
        writer.flush()
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_closed_console_stops_nobody_and_observers_still_see_the_line() {
        let console = Console::writer(Broken);
        let mut lines = console.observe();
        console.print("a line".to_owned()).await;
        assert_eq!(&*lines.recv().await.unwrap(), "a line");
    }
}
