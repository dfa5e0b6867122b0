//! What the driver talks to: the raw sink, the echo, the broker. Each runs as
//! a process: this program again, in another role.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::process::{self, Running};
use super::rivals::Rival;
use super::{driver, files, frames};

/// Where the broker keeps its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    Memory,
    Disk,
}

/// The other end of the driver's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Reads a frame, checks its CRC, appends it to a file, acknowledges.
    Sink,
    /// Sends back a short answer to each frame.
    Echo,
    /// Answers every frame with a stretch of a file, by sendfile.
    SendFile,
    /// The same by pread and write.
    CopyFile,
    /// Ottla, embedded.
    Broker(Storage),
    /// A broker by others.
    Rival(Rival),
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Storage::Memory => "memory",
            Storage::Disk => "disk",
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Sink => f.write_str("raw sink"),
            Peer::Echo => f.write_str("tcp echo"),
            Peer::SendFile => f.write_str("sendfile"),
            Peer::CopyFile => f.write_str("pread and write"),
            Peer::Broker(storage) => write!(f, "ottla, {storage}"),
            Peer::Rival(rival) => write!(f, "{rival}"),
        }
    }
}

/// How many threads the embedded broker serves with, if not as many as usual.
const WORKER_THREADS: &str = "OTTLA_WORKER_THREADS";

/// As long as the answer to a Produce of one partition.
const ACKNOWLEDGEMENT_BYTES: usize = 56;
/// The header of a batch before the bytes its CRC covers.
const CRC_AT: usize = 17;
const CRC_COVERS_FROM: usize = 21;
/// A segment's size, after which the sink begins a new file as a log would.
const SEGMENT_BYTES: u64 = 1 << 30;

impl Peer {
    /// Starts it and, for a broker, makes the topic.
    pub fn start(self) -> Peering {
        self.start_on(None)
    }

    /// The same, on one processor alone. A rival that runs already stays where
    /// it is.
    pub fn start_on(self, processor: Option<usize>) -> Peering {
        let role = match self {
            Peer::Sink => "sink",
            Peer::Echo => "echo",
            Peer::SendFile => "sendfile",
            Peer::CopyFile => "copyfile",
            Peer::Broker(Storage::Memory) => "memory",
            Peer::Broker(Storage::Disk) => "disk",
            Peer::Rival(rival) => return Peering::Shared(rival.with_a_new_topic()),
        };
        let folder = tempfile::tempdir_in(scratch()).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(format!("--role={role}")).arg(folder.path());
        command.args(processor.map(|processor| processor.to_string()));
        let running = spawn(command, folder);
        if let Peer::Broker(_) = self {
            driver::ask(running.address(), &frames::create_topic());
        }
        Peering::Own(running)
    }

    /// Whether what it was sent can be asked for.
    pub fn is_broker(self) -> bool {
        matches!(self, Peer::Broker(_) | Peer::Rival(_))
    }
}

/// A peer of one round, or one that lives through all of them.
pub enum Peering {
    Own(Running),
    Shared(Arc<Running>),
}

impl Deref for Peering {
    type Target = Running;

    fn deref(&self) -> &Running {
        match self {
            Peering::Own(running) => running,
            Peering::Shared(running) => running,
        }
    }
}

/// `ottla serve` as users run it.
pub fn serve(ottla: &Path, storage: Storage) -> Running {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let ready = folder.path().join("ready.json");
    let mut command = Command::new(ottla);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--ready-file"])
        .arg(&ready);
    if storage == Storage::Disk {
        command.arg("--data").arg(folder.path().join("data"));
    }
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running::new(child, wait_for_address(&ready), folder)
}

/// Where the broker listens that writes this ready file.
pub fn wait_for_address(ready: &Path) -> SocketAddr {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(text) = std::fs::read_to_string(ready) {
            let ready: serde_json::Value = serde_json::from_str(&text).unwrap();
            return ready["bootstrap"].as_str().unwrap().parse().unwrap();
        }
        assert!(
            Instant::now() < deadline,
            "ottla serve was not ready within 10 s"
        );
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Milliseconds from starting the process to the acknowledgement of a record.
pub fn start_to_first_acknowledgement(ottla: &Path, storage: Storage) -> f64 {
    let produce = frames::produce(100, 100);
    let started = Instant::now();
    let running = serve(ottla, storage);
    driver::ask(running.address(), &frames::create_topic());
    let answer = driver::ask(running.address(), &produce);
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    assert_eq!(frames::acknowledged_offset(&answer), 0);
    milliseconds
}

/// The other roles this program plays, in a process of its own.
pub fn play(role: &str, arguments: &[String]) {
    let folder = Path::new(&arguments[0]);
    if let Some(processor) = arguments.get(1) {
        process::stay_on(processor.parse().unwrap());
    }
    match role {
        "sink" => listen(|stream, next| sink(stream, folder, next)),
        "echo" => listen(|stream, _| echo(stream)),
        "sendfile" => files::serve(folder, files::send_file),
        "copyfile" => files::serve(folder, files::copy_file),
        "memory" => broker(ottla::Broker::builder()),
        "disk" => broker(ottla::Broker::builder().data_dir(folder)),
        other => panic!("there is no role '{other}'"),
    }
}

fn broker(builder: ottla::BrokerBuilder) {
    let threads = std::env::var(WORKER_THREADS).ok();
    let builder = match threads {
        Some(threads) => builder.worker_threads(threads.parse().unwrap()),
        None => builder,
    };
    let broker = builder.start_blocking().unwrap();
    println!("{}", broker.address());
    loop {
        std::thread::park();
    }
}

/// Announces a port and gives each connection a thread and a number.
pub fn listen(serve: impl Fn(TcpStream, &AtomicU64) + Send + Sync) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let (serve, files) = (Arc::new(serve), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for stream in listener.incoming() {
            let (serve, files) = (Arc::clone(&serve), &files);
            scope.spawn(move || serve(stream.unwrap(), files));
        }
    });
}

fn sink(mut stream: TcpStream, folder: &Path, files: &AtomicU64) {
    stream.set_nodelay(true).unwrap();
    let new_file = || {
        let number = files.fetch_add(1, Ordering::Relaxed);
        File::create(folder.join(format!("{number}.log"))).unwrap()
    };
    let (mut file, mut position) = (new_file(), 0);
    let mut frame = Vec::new();
    let batch_at = frames::produce(1, 1).bytes().len() - 4 - frames::produce(1, 1).records_bytes();
    while read_frame(&mut stream, &mut frame) {
        let batch = &frame[batch_start(&frame, batch_at)..];
        let crc = u32::from_be_bytes(batch[CRC_AT..CRC_AT + 4].try_into().unwrap());
        let length = u32::from_be_bytes(batch[8..12].try_into().unwrap()) as usize + 12;
        assert_eq!(
            crc32c::crc32c(&batch[CRC_COVERS_FROM..length]),
            crc,
            "the frame is damaged"
        );
        file.write_all_at(&batch[..length], position).unwrap();
        position += length as u64;
        if position >= SEGMENT_BYTES {
            (file, position) = (new_file(), 0);
        }
        acknowledge(&mut stream);
    }
}

/// The batch begins a few bytes later in a longer frame, whose lengths take
/// more bytes: look for the magic byte around the place in the shortest one.
fn batch_start(frame: &[u8], shortest: usize) -> usize {
    (shortest.saturating_sub(8)..shortest + 8)
        .find(|start| frame.get(start + 16) == Some(&2) && frame[*start..start + 8] == [0; 8])
        .expect("every frame holds one batch")
}

fn echo(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut frame = Vec::new();
    while read_frame(&mut stream, &mut frame) {
        acknowledge(&mut stream);
    }
}

fn acknowledge(stream: &mut TcpStream) {
    let mut answer = [0; 4 + ACKNOWLEDGEMENT_BYTES];
    answer[..4].copy_from_slice(&(ACKNOWLEDGEMENT_BYTES as u32).to_be_bytes());
    stream.write_all(&answer).unwrap();
}

pub fn read_frame(stream: &mut TcpStream, frame: &mut Vec<u8>) -> bool {
    let mut length = [0; 4];
    if stream.read_exact(&mut length).is_err() {
        return false;
    }
    frame.resize(u32::from_be_bytes(length) as usize, 0);
    stream.read_exact(frame).is_ok()
}

pub fn spawn(mut command: Command, folder: tempfile::TempDir) -> Running {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address: SocketAddr = line.trim().parse().unwrap();
    Running::new(child, address, folder)
}

/// Next to the build, so that it is on the disk a checkout is on.
pub fn scratch() -> std::path::PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().to_path_buf()
}
