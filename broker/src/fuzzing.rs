//! What the fuzz targets in `fuzz/` call: the parsers that are private.
//!
//! There only when a fuzzer builds this crate (`--cfg fuzzing`). None of it
//! returns anything: no panic, no abort and no hang is all that is promised.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::config::BrokerConfigs;
use ottla_core::ids::{LeaderEpoch, PartitionIndex, TopicId};
use ottla_core::partition::AppendRules;
use tokio::runtime::Runtime;

use crate::config::NodeConfig;
use crate::node::Node;
use crate::node::partition::{FetchFrom, Partition, PartitionSettings, Planned};
use crate::server::connection::serve;
use crate::storage::LogConfig;
use crate::storage::faulty::FaultyDisk;
use crate::wire::frame::FrameBuffer;

/// The longest frame a fuzzed connection accepts.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// Cuts frames out of a stream that arrives in pieces of `piece_bytes`.
pub fn frames(stream: &[u8], piece_bytes: usize) {
    let mut buffer = FrameBuffer::new(FRAME_BYTES_MAX);
    for piece in stream.chunks(piece_bytes.max(1)) {
        buffer.for_reading().extend_from_slice(piece);
        loop {
            match buffer.next_frame() {
                Ok(Some(frame)) => assert!(frame.len() <= stream.len()),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// The files of one partition and of its storage, one a name.
pub const FILES: [&str; 9] = [
    "t-0/00000000000000000000.log",
    "t-0/00000000000000000000.index",
    "t-0/00000000000000000000.timeindex",
    "t-0/00000000000000000000.snapshot",
    "t-0/leader-epoch-checkpoint",
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    "verified-offset-checkpoint",
    "clean-shutdown",
];

/// Opens a partition over what lies on the disk, and reads all of it: by
/// offset, by timestamp.
pub fn recover(files: &[(usize, &[u8])]) {
    let disk = FaultyDisk::new();
    for (name, bytes) in files {
        disk.write(FILES[name % FILES.len()], bytes);
    }
    // Small files that are none are refused, and nothing is touched.
    let Ok(storage) = disk.storage() else { return };
    let settings = PartitionSettings {
        rules: AppendRules::default(),
        log: LogConfig::default(),
        producer_id_expiration_ms: 1,
    };
    let (topic, index, epoch) = (TopicId::ZERO, PartitionIndex(0), LeaderEpoch(0));
    let partition = Partition::open(&storage, "t-0", topic, index, epoch, settings);
    let Ok(marks) = partition.marks() else { return };
    assert!(marks.log_start <= marks.high_watermark && marks.high_watermark <= marks.log_end);
    for from in [marks.log_start, marks.log_end] {
        let planned = partition.plan_fetch(FetchFrom {
            offset: from,
            current_leader_epoch: LeaderEpoch::NONE,
            last_fetched_epoch: LeaderEpoch::NONE,
            max_bytes: usize::MAX,
            at_least_one: true,
        });
        let planned = planned.expect("an offset of the log");
        if let Planned::Read(plan) = planned.read {
            drop(plan.read());
        }
    }
    partition.shut_down();
    drop(storage.close());
}

/// How long a request may wait for something that does not happen.
const PATIENCE: Duration = Duration::from_millis(1);

/// A broker in memory without a socket.
#[derive(Debug)]
pub struct Requests {
    runtime: Runtime,
    node: Arc<Node>,
}

impl Requests {
    /// Starts it, with a topic `t` of one partition.
    ///
    /// # Panics
    /// When the system gives no thread.
    pub fn start() -> Requests {
        let runtime = Runtime::new().expect("the system gives threads");
        let _entered = runtime.enter();
        let config = NodeConfig::new(BrokerConfigs::default(), None, None).expect("the defaults");
        let node = Node::start(config).expect("memory is always there");
        node.create_at_start(&[("t".to_owned(), 1)])
            .expect("the topic is new");
        Requests { runtime, node }
    }

    /// Serves a connection that sends one frame with this content: header,
    /// guard, decoder, handler. What has to wait is not waited for.
    pub fn serve(&self, content: &[u8]) {
        let length = content.len() as u32;
        let stream = [&length.to_be_bytes()[..], content].concat();
        let stream = tokio::io::join(&stream[..], tokio::io::sink());
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let served = serve(Arc::clone(&self.node), stream, peer, peer);
        // A refusal is an answer too.
        let patient = async { drop(tokio::time::timeout(PATIENCE, served).await) };
        self.runtime.block_on(patient);
    }
}
