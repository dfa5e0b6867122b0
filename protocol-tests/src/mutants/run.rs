//! Builds the test binaries with the bugs in them, and runs checks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::catalogue::{Bug, Place};

/// A check that needs longer to find a bug does not count as finding it.
pub const FOUND_WITHIN: Duration = Duration::from_secs(60);

/// The crates that the bugs or their checks are in: built without debug
/// assertions, so that it is the check that finds the bug and not one of those.
const WITHOUT_ASSERTIONS: [&str; 4] = ["ottla-core", "ottla", "ottla-client", "protocol-tests"];

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It failed after this time.
    Failed(Duration),
    /// It passed.
    Passed,
    /// It neither failed nor passed in [`FOUND_WITHIN`].
    Hung,
}

/// Test binaries that have the bugs in them, and where each wants to run.
pub struct Binaries {
    by_place: HashMap<Place, (PathBuf, PathBuf)>,
}

impl Binaries {
    /// Builds those that are needed, in the workspace at `root`.
    ///
    /// # Errors
    /// When one does not build.
    pub fn build(root: &Path, places: impl IntoIterator<Item = Place>) -> anyhow::Result<Self> {
        let mut by_place = HashMap::new();
        for place in places {
            if let Entry::Vacant(entry) = by_place.entry(place) {
                entry.insert(build(root, place)?);
            }
        }
        Ok(Binaries { by_place })
    }

    /// Runs one check, with its bug or without.
    ///
    /// # Errors
    /// When there is no such test, or it cannot be started.
    pub fn check(&self, bug: &Bug, is_planted: bool) -> anyhow::Result<Outcome> {
        let (binary, folder) = self.by_place.get(&bug.place).context("it was built")?;
        let mut command = Command::new(binary);
        command
            .current_dir(folder)
            .args(["--exact", bug.test])
            // A seed that finds a planted bug is no regression.
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")
            // Found is enough; small is for bugs nobody knows.
            .env("PROPTEST_MAX_SHRINK_ITERS", "10")
            .env_remove("OTTLA_MUTANT")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if is_planted {
            command.env("OTTLA_MUTANT", format!("{:?}", bug.mutant));
        }
        let began = Instant::now();
        let mut child = command.spawn().context("the test binary does not start")?;
        let Some(success) = ended_within(&mut child, FOUND_WITHIN)? else {
            return Ok(Outcome::Hung);
        };
        if !success {
            return Ok(Outcome::Failed(began.elapsed()));
        }
        let mut said = String::new();
        let stdout = child.stdout.as_mut().context("it is piped")?;
        stdout.read_to_string(&mut said)?;
        if !said.contains("1 passed") {
            bail!("there is no test {} in {:?}", bug.test, bug.place);
        }
        Ok(Outcome::Passed)
    }
}

/// Whether it ended well; `None` if it had to be killed.
fn ended_within(child: &mut Child, limit: Duration) -> anyhow::Result<Option<bool>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if began.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The binary of a place, and the folder of its package.
fn build(root: &Path, place: Place) -> anyhow::Result<(PathBuf, PathBuf)> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(root)
        .args(["test", "--no-run", "--message-format=json"]);
    command.args(["--package", place.package]);
    command
        .arg("--features")
        .arg(format!("{}/mutants", place.package));
    match place.target {
        Some(target) => command.args(["--test", target]),
        None => command.arg("--lib"),
    };
    for package in WITHOUT_ASSERTIONS {
        let setting = format!("profile.dev.package.{package}.debug-assertions=false");
        command.arg("--config").arg(setting);
    }
    let built = command.stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        bail!("{place:?} does not build with its mutants");
    }
    let messages = String::from_utf8(built.stdout)?;
    let binary = messages.lines().rev().find_map(executable);
    let (binary, manifest) =
        binary.with_context(|| format!("cargo named no binary of {place:?}"))?;
    let folder = manifest.parent().context("a manifest lies in a folder")?;
    Ok((binary, folder.to_owned()))
}

/// The test binary and its manifest, if this message of cargo's names one.
fn executable(message: &str) -> Option<(PathBuf, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_test = message["profile"]["test"].as_bool()?;
    let binary = message["executable"].as_str()?;
    let manifest = message["manifest_path"].as_str()?;
    is_test.then(|| (binary.into(), manifest.into()))
}
