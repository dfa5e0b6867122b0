//! Brokers by others, for the same driver. Each runs once through all rounds,
//! because one of them needs a while to get warm, and gets a new topic for each.
//!
//! Apache Kafka runs when `KAFKA_LIBS` names the folder of its jars; kfake when
//! there is a `go` to build it with.

use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::process::Running;
use super::{driver, frames, peers};

/// Names the folder of Apache Kafka's jars.
const KAFKA_LIBS: &str = "KAFKA_LIBS";
const PATIENCE: Duration = Duration::from_secs(60);

/// Another broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// Apache Kafka, one node, files in the page cache.
    Kafka,
    /// franz-go's kfake, one broker, in memory.
    Kfake,
}

static KAFKA: LazyLock<Option<Arc<Running>>> = LazyLock::new(|| start_kafka().map(Arc::new));
static KFAKE_BINARY: LazyLock<Option<PathBuf>> = LazyLock::new(build_kfake);
static KFAKE: LazyLock<Option<Arc<Running>>> = LazyLock::new(|| start_kfake().map(Arc::new));

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rival::Kafka => "Apache Kafka",
            Rival::Kfake => "kfake",
        })
    }
}

impl Rival {
    /// Those that can be measured here.
    pub fn present() -> Vec<Rival> {
        let all = [Rival::Kafka, Rival::Kfake];
        all.into_iter()
            .filter(|rival| rival.running().is_some())
            .collect()
    }

    /// Milliseconds from starting another one of it to the first acknowledged
    /// record.
    pub fn start_to_first_acknowledgement(self) -> f64 {
        let started = Instant::now();
        let running = match self {
            Rival::Kafka => start_kafka(),
            Rival::Kfake => start_kfake(),
        };
        let running = running.expect("one of it runs already");
        make_topic(running.address());
        started.elapsed().as_secs_f64() * 1e3
    }

    /// The broker, with an empty topic.
    pub fn with_a_new_topic(self) -> Arc<Running> {
        let running = self.running().expect("only those present are asked");
        driver::ask(running.address(), &frames::delete_topic());
        make_topic(running.address());
        running
    }

    fn running(self) -> Option<Arc<Running>> {
        match self {
            Rival::Kafka => KAFKA.clone(),
            Rival::Kfake => KFAKE.clone(),
        }
    }
}

/// Stops what was started, when it is dropped: statics never are.
pub struct StopAll;

impl Drop for StopAll {
    fn drop(&mut self) {
        for rival in [LazyLock::get(&KAFKA), LazyLock::get(&KFAKE)] {
            if let Some(Some(running)) = rival {
                running.stop();
            }
        }
    }
}

/// Makes the topic, and returns once its partition takes records.
fn make_topic(address: SocketAddr) {
    let record = frames::produce(1, 1);
    let started = Instant::now();
    loop {
        driver::ask(address, &frames::create_topic());
        if frames::produced(&driver::ask(address, &record)).0 == 0 {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "the topic does not come up");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn start_kafka() -> Option<Running> {
    let Ok(libs) = std::env::var(KAFKA_LIBS) else {
        eprintln!("not measured: Apache Kafka; set {KAFKA_LIBS} to the folder of its jars");
        return None;
    };
    let folder = tempfile::tempdir_in(peers::scratch()).unwrap();
    let (address, controller) = (free_address(), free_address());
    let properties = folder.path().join("server.properties");
    std::fs::write(
        &properties,
        kafka_properties(address, controller, folder.path()),
    )
    .unwrap();
    let java = |main: &str, heap: [&str; 2]| {
        let mut command = Command::new("java");
        command
            .args(heap)
            .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"])
            .arg(format!("{libs}/*"))
            .arg(main)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let formatted = java("kafka.tools.StorageTool", ["-Xms64M", "-Xmx256M"])
        .args(["format", "-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c"])
        .arg(&properties)
        .status()
        .unwrap();
    assert!(formatted.success(), "Kafka's storage was not formatted");
    let child = java("kafka.Kafka", ["-Xms1G", "-Xmx1G"])
        .arg(&properties)
        .spawn()
        .unwrap();
    wait_until_it_listens(address);
    Some(Running::new(child, address, folder))
}

fn kafka_properties(address: SocketAddr, controller: SocketAddr, folder: &Path) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@{controller}\n\
         listeners=PLAINTEXT://{address},CONTROLLER://{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={}\n\
         log.segment.delete.delay.ms=1000\n\
         offsets.topic.replication.factor=1\n",
        folder.join("logs").display()
    )
}

fn start_kfake() -> Option<Running> {
    let binary = KFAKE_BINARY.as_ref()?;
    let folder = tempfile::tempdir_in(peers::scratch()).unwrap();
    Some(peers::spawn(Command::new(binary), folder))
}

/// Builds it from the few lines in `benches/kfake`.
fn build_kfake() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/kfake");
    let binary = peers::scratch().join("kfake");
    let built = Command::new("go")
        .current_dir(source)
        .args(["build", "-o"])
        .arg(&binary)
        .arg(".")
        .status();
    if !built.is_ok_and(|built| built.success()) {
        eprintln!("not measured: kfake; building it takes Go and its module proxy");
        return None;
    }
    Some(binary)
}

fn wait_until_it_listens(address: SocketAddr) {
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < PATIENCE, "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
