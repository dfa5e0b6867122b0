//! Instances of one service: started, killed, started again.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// How many instances each service has.
pub(crate) const INSTANCES: usize = 3;

/// Where services listen. Not 127.0.0.1: from there connections go out, and one of them might take
/// the port of an instance that is dead at the moment.
const SERVICES: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The instances of a service.
pub(crate) struct Fleet {
    pub(crate) addresses: Vec<SocketAddr>,
    children: Vec<Option<Child>>,
    binary: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
}

impl Fleet {
    /// Starts all instances, each on a port of its own.
    pub(crate) fn start(
        binary: PathBuf,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let addresses = free_addresses()?;
        let mut fleet = Self {
            children: addresses.iter().map(|_| None).collect(),
            addresses,
            binary,
            arguments,
            environment,
            log,
        };
        for instance in 0..INSTANCES {
            fleet.start_one(instance)?;
        }
        Ok(fleet)
    }

    pub(crate) fn start_one(&mut self, instance: usize) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.binary)
            .args(["--listen", &self.addresses[instance].to_string()])
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        self.children[instance] = Some(child);
        Ok(())
    }

    /// `kill -9`; false when it is dead already.
    pub(crate) fn kill(&mut self, instance: usize) -> anyhow::Result<bool> {
        let Some(mut child) = self.children[instance].take() else {
            return Ok(false);
        };
        let ended = child.try_wait()?;
        anyhow::ensure!(ended.is_none(), "an instance ended by itself: {ended:?}");
        child.kill()?;
        child.wait()?;
        Ok(true)
    }

    /// Which instances are dead.
    pub(crate) fn dead(&self) -> Vec<usize> {
        let instances = self.children.iter().enumerate();
        let dead = instances.filter(|(_, child)| child.is_none());
        dead.map(|(instance, _)| instance).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Ports that nobody listens on right now; all are held until all are found.
fn free_addresses() -> anyhow::Result<Vec<SocketAddr>> {
    let sockets: Vec<TcpListener> = (0..INSTANCES)
        .map(|_| TcpListener::bind((SERVICES, 0)))
        .collect::<Result<_, _>>()?;
    Ok(sockets
        .iter()
        .map(TcpListener::local_addr)
        .collect::<Result<_, _>>()?)
}
