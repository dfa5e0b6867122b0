//! Starting and stopping a node: its data directory, its metadata, its logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ottla_core::controller::{CreateTopic, MetadataImage};
use ottla_core::ids::{LeaderEpoch, PartitionIndex, TopicId};
use ottla_core::partition::AppendRules;

use super::changes::Changes;
use super::cleaner::Cleaner;
use super::clock::Clock;
use super::coordinators::Coordinators;
use super::fetch_sessions::FetchSessions;
use super::identity;
use super::metadata::{self, METADATA_FOLDER, Metadata};
use super::partition::{Partition, PartitionSettings};
use super::partitions::Partitions;
use super::producer_ids::ProducerIds;
use super::timers::Timers;
use super::{Node, StartNodeError};
use crate::apis::TABLE;
use crate::config::NodeConfig;
use crate::embed::{Faults, RecentRequests};
use crate::observe::Counters;
use crate::server::budget::RequestBytes;
use crate::storage::{LogConfig, Storage};

/// The metadata topic's id is the same in every cluster.
const METADATA_TOPIC_ID: TopicId = TopicId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// Fewer logs than these are open before another thread could help.
const OPENED_BY_ONE_THREAD: usize = 64;

impl Node {
    /// Reads what the data directory holds and leads every partition in it.
    /// Blocks on the disk.
    pub(crate) fn start(config: NodeConfig) -> Result<Arc<Node>, StartNodeError> {
        let (storage, cluster_id) = open_storage(&config)?;
        let log = open_metadata_log(&storage);
        let image = metadata::load(&log)?;
        let node = Arc::new(Node {
            cluster_id,
            clock: Arc::new(Clock::new(config.embed.paused_clock)),
            timers: Arc::new(Timers::default()),
            metadata: Metadata::new(image, log),
            partitions: Partitions::new(Arc::clone(&storage)),
            coordinators: Coordinators::default(),
            fetch_sessions: FetchSessions::new(config.fetch_session_slots),
            counters: Counters::new(TABLE),
            request_bytes: RequestBytes::new(config.queued_request_bytes_max),
            changes: Changes::default(),
            faults: Faults::default(),
            requests: config.embed.keeps_requests.then(RecentRequests::default),
            producer_ids: ProducerIds::default(),
            cleaner: Cleaner::default(),
            storage,
            config,
        });
        // Weak: the log must not keep a stopped node alive.
        let weak = Arc::downgrade(&node);
        node.metadata.on_committed(move || {
            if let Some(node) = weak.upgrade() {
                node.publish();
            }
        });
        let image = MetadataImage::clone(&node.metadata.image());
        remove_strays(&node.storage, &image);
        node.open_partitions(&image);
        node.expire_regularly();
        node.clean_when_dirty();
        node.load_groups();
        Ok(node)
    }

    /// Opens every log, several at a time: each waits for the disk now and then.
    fn open_partitions(&self, image: &MetadataImage) {
        let topics = image.topics().map(|topic| {
            let settings = self.partition_settings(topic);
            (topic, settings)
        });
        let topics: Vec<_> = topics.collect();
        let all: Vec<_> = topics
            .iter()
            .flat_map(|of| (0..of.0.partitions.len()).map(move |index| (of, index)))
            .collect();
        let next = AtomicUsize::new(0);
        let open_some = || {
            while let Some(&(of, index)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (topic, settings) = of;
                let leader_epoch = topic.partitions[index].leader_epoch;
                let index = PartitionIndex(index as i32);
                self.open_partition(topic, settings, index, leader_epoch);
            }
        };
        let threads = match all.len() {
            0..OPENED_BY_ONE_THREAD => 1,
            _ => std::thread::available_parallelism().map_or(1, usize::from),
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(open_some);
            }
            open_some();
        });
    }

    /// Creates the topics a caller wants to find, those that are not there.
    /// Refuses with the first topic that cannot be made, and why.
    /// Blocks until they are committed.
    pub(crate) fn create_at_start(
        self: &Arc<Node>,
        topics: &[(String, i32)],
    ) -> Result<(), (String, String)> {
        for (name, partitions) in topics {
            if self.metadata.image().topic(name).is_some() {
                continue;
            }
            let wanted = CreateTopic {
                partitions: *partitions,
                ..self.automatic_topic(name)
            };
            let refused = |problem: String| (name.clone(), problem);
            let (mut results, committed) = self
                .create_topics(self.clock.now(), &[wanted])
                .map_err(|error| refused(error.to_string()))?;
            results
                .pop()
                .expect("one topic has one result")
                .map_err(|error| refused(error.to_string()))?;
            committed
                .wait_here()
                .map_err(|error| refused(error.to_string()))?;
        }
        Ok(())
    }

    /// Syncs and closes every log, so that the next start has nothing to
    /// check. Blocks on the disk.
    pub(crate) fn close(&self) {
        self.cleaner.stop();
        self.partitions.close_all();
        self.metadata.close();
        if let Err(error) = self.storage.close() {
            tracing::warn!(%error, "the data directory was not closed cleanly");
        }
    }
}

fn open_storage(config: &NodeConfig) -> Result<(Arc<Storage>, String), StartNodeError> {
    #[cfg(feature = "faulty-disk")]
    if let Some(disk) = &config.disk {
        let storage = disk
            .storage()
            .map_err(|error| StartNodeError(error.to_string()))?;
        // Nothing on a disk of this kind asks for the same cluster again.
        return Ok((storage, identity::new_cluster_id()));
    }
    let Some(data) = &config.data else {
        return Ok((Storage::in_memory(), identity::new_cluster_id()));
    };
    let storage = Storage::open(data).map_err(|error| StartNodeError(error.to_string()))?;
    let cluster_id = identity::read_or_create(data, config.node_id)
        .map_err(|error| StartNodeError(error.to_string()))?;
    Ok((storage, cluster_id))
}

/// Every record of it is synced before anything is built on it.
fn open_metadata_log(storage: &Arc<Storage>) -> Arc<Partition> {
    // Not a topic's settings: what an operator sets for topics must not keep a
    // proposal from being written. How large one gets is the controller's to say.
    let settings = PartitionSettings {
        rules: AppendRules {
            max_message_bytes: i32::MAX as usize,
            ..AppendRules::default()
        },
        log: LogConfig {
            flush_messages: 1,
            retention_ms: -1,
            retention_bytes: -1,
            ..LogConfig::default()
        },
        producer_id_expiration_ms: i64::MAX,
    };
    let index = PartitionIndex(0);
    Partition::open(
        storage,
        METADATA_FOLDER,
        METADATA_TOPIC_ID,
        index,
        LeaderEpoch(0),
        settings,
    )
}

/// A crash between deleting a topic and removing its files leaves folders that
/// no topic owns; a topic made again under that name must not inherit them.
fn remove_strays(storage: &Arc<Storage>, image: &MetadataImage) {
    let folders = match storage.folders() {
        Ok(folders) => folders,
        Err(error) => {
            tracing::warn!(%error, "cannot look for folders of deleted topics");
            return;
        }
    };
    for folder in folders {
        if folder != METADATA_FOLDER && !owns(image, &folder) {
            tracing::info!(%folder, "removing a folder that no topic owns");
            storage.remove_stray(&folder);
        }
    }
}

fn owns(image: &MetadataImage, folder: &str) -> bool {
    let Some((topic, index)) = folder.rsplit_once('-') else {
        return false;
    };
    let index = index.parse::<usize>().ok();
    index.is_some_and(|index| {
        image
            .topic(topic)
            .is_some_and(|topic| index < topic.partitions.len())
    })
}
