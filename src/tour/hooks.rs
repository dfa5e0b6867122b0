//! Commands that run at fixed points of the story, so that whoever tests an
//! outage decides what fails, and exactly when.

use std::process::{Command, Stdio};

use anyhow::Context as _;

/// What to run around the comments; nothing, usually.
#[derive(Clone, Debug, Default)]
pub(super) struct Hooks {
    pub(super) before_comments: Option<String>,
    pub(super) after_comments: Option<String>,
}

/// Runs a command of the shell to its end, if there is one.
pub(super) async fn run(command: Option<String>) -> anyhow::Result<()> {
    let Some(command) = command else {
        return Ok(());
    };
    let running = tokio::task::spawn_blocking(move || {
        let status = Command::new("sh")
            .args(["-c", &command])
            .stdin(Stdio::null())
            .status()
            .context("cannot run sh")?;
        anyhow::ensure!(status.success(), "'{command}' ended with {status}");
        Ok(())
    });
    running.await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_fails_fails_its_step() {
        run(None).await.unwrap();
        run(Some("true".to_owned())).await.unwrap();
        let error = run(Some("exit 3".to_owned())).await.unwrap_err();
        assert_eq!(error.to_string(), "'exit 3' ended with exit status: 3");
    }
}
