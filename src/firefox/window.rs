//! The Firefox that runs: opened, waited for, and ended. Firefox knows no
//! signal that makes it quit in order: a person who keeps a profile and closes
//! the window has everything in it, one who presses Ctrl-C what a crash leaves.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use url::Url;

use super::profile::Profile;
use super::program::Program;
use crate::cli::FirefoxOptions;

/// How long Firefox may take to go.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// What it says goes to a file beside its profile: it says a lot.
const LOG: &str = "firefox.log";

/// How much of it is told when Firefox fails.
const LOG_LINES_TOLD: usize = 5;

pub(super) struct Window {
    firefox: Child,
    log: PathBuf,
}

impl Window {
    /// Opens `page`. Firefox gets a process group of its own, so that a Ctrl-C
    /// meets this process only, which then ends one part after the other.
    pub(super) fn open(
        program: &Program,
        profile: &Profile,
        page: &Url,
        options: &FirefoxOptions,
    ) -> anyhow::Result<Window> {
        let log = profile.folder().join(LOG);
        let output =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(program.path());
        command
            .arg("--no-remote")
            .arg("--new-instance")
            .arg("--profile")
            .arg(profile.folder())
            .args(options.headless.then_some("--headless"))
            .args(&options.arguments)
            .arg(page.as_str())
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("a second handle of the log")?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true);
        let firefox = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.path().display()))?;
        Ok(Window { firefox, log })
    }

    /// Waits until a person closes it. An error when Firefox fails.
    pub(super) async fn closed(&mut self) -> anyhow::Result<()> {
        let status = self.firefox.wait().await.context("Firefox is lost")?;
        anyhow::ensure!(status.success(), "{}", self.failed(status));
        Ok(())
    }

    /// Ends it, and waits until it is gone.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        self.tell(Signal::SIGTERM);
        if timeout(ENDS_WITHIN, self.firefox.wait()).await.is_err() {
            self.tell(Signal::SIGKILL);
            self.firefox.wait().await.context("Firefox is lost")?;
        }
        Ok(())
    }

    /// To Firefox and all processes it started.
    fn tell(&self, signal: Signal) {
        let group = self.firefox.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group
            && let Err(error) = killpg(Pid::from_raw(group), signal)
        {
            tracing::warn!(%error, "Firefox cannot be ended");
        }
    }

    fn failed(&self, status: ExitStatus) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = said.lines().filter(|line| !line.is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(LOG_LINES_TOLD)..];
        format!(
            "Firefox ended with {status}: {}; --headless needs no screen",
            last.join(" · ")
        )
    }
}
