//! `ottla serve` as a process of its own, which can be killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};

use ottla::Loss;
use tempfile::TempDir;

use crate::cluster::{Cluster, Command, Event, Outcome};
use crate::wire::Wire;

/// A broker in another process, on a folder that outlives it.
pub struct Served {
    folder: TempDir,
    child: Child,
    address: SocketAddr,
    wire: Wire,
}

impl Served {
    pub fn start() -> Served {
        let folder = tempfile::tempdir().unwrap();
        let (child, address) = serve(folder.path());
        Served {
            folder,
            child,
            address,
            wire: Wire::connect(address),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// On the same folder, after it ended.
    pub fn start_again(&mut self) {
        (self.child, self.address) = serve(self.folder.path());
        self.wire = Wire::connect(self.address);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Cluster for Served {
    fn perform(&mut self, command: &Command) -> Outcome {
        self.wire.perform(command)
    }

    fn allows(&self, event: Event) -> bool {
        matches!(event, Event::Crash(Loss::Nothing))
    }

    fn undergo(&mut self, event: Event) {
        assert!(self.allows(event), "{event:?} cannot be done to a process");
        self.kill();
        self.start_again();
    }
}

/// Starts it and waits until it says that it is ready.
fn serve(data: &Path) -> (Child, SocketAddr) {
    let mut child = Process::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(["--set", "auto.create.topics.enable=false"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let address = output
        .lines()
        .map(|line| line.unwrap())
        .find_map(|line| {
            line.split_whitespace()
                .find_map(|word| word.trim_end_matches(';').parse().ok())
        })
        .expect("it says where it listens");
    (child, address)
}

/// `ottla` of this build, beside the folder of this test; built if nothing has
/// built it yet.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let binary = folder.join("ottla");
    if !binary.exists() {
        let mut cargo = Process::new(env!("CARGO"));
        cargo.args(["build", "--offline", "-p", "ottla-cli"]);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "ottla does not build");
    }
    binary
}
