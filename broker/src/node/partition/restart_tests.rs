//! A partition on disk that stops, is killed and loses files of convenience,
//! beside one in memory that never stops: what it knows of its producers, and
//! what it answers them, is the same.

use std::fs;
use std::path::Path;

use ottla_core::batch::{RecordBatchBuilder, batches};
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};
use ottla_core::partition::{AppendOrigin, AppendRules};
use ottla_core::time::Now;
use proptest::prelude::*;

use super::*;
use crate::storage::LogConfig;
use crate::storage::faulty::{FaultyDisk, Loss};

const NOW: Now = Now {
    monotonic_ms: 0,
    wall_ms: 1_700_000_000_000,
};
const CLIENT: AppendOrigin = AppendOrigin::Client { zstd_allowed: true };

/// What may happen to the partition's files between two lives.
#[derive(Clone, Copy, Debug)]
enum End {
    Stopped,
    Killed,
    /// Killed, and the newest snapshot does not say what it said.
    KilledWithDamage,
    /// Killed, and no file is there but the batches and the checkpoints.
    KilledWithoutFiles,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A batch of the producer, that goes on where it stopped or elsewhere.
    Send {
        producer: i64,
        epoch: i16,
        back: i32,
        count: i32,
    },
    Restart(End),
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        Just(End::Stopped),
        Just(End::Killed),
        Just(End::KilledWithDamage),
        Just(End::KilledWithoutFiles),
    ];
    let back = prop_oneof![5 => Just(0), 2 => 1..12i32, 1 => -3..0i32];
    prop_oneof![
        8 => (0..3i64, 0..2i16, back, 1..4i32).prop_map(|(producer, epoch, back, count)| {
            Step::Send { producer, epoch, back, count }
        }),
        1 => end.prop_map(Step::Restart),
    ]
}

fn settings() -> PartitionSettings {
    PartitionSettings {
        rules: AppendRules::default(),
        log: LogConfig {
            segment_bytes: 1_000,
            index_interval_bytes: 150,
            verify_bytes: 400,
            ..LogConfig::default()
        },
        producer_id_expiration_ms: i64::MAX,
    }
}

fn open(storage: &Arc<Storage>) -> Arc<Partition> {
    let (id, index) = (TopicId([1; 16]), PartitionIndex(0));
    Partition::open(storage, "topic-0", id, index, LeaderEpoch(3), settings())
}

/// One partition in two places.
struct Pair {
    folder: tempfile::TempDir,
    storage: Arc<Storage>,
    on_disk: Arc<Partition>,
    in_memory: Arc<Partition>,
    /// The next sequence of each producer, near where it wraps.
    next: [i32; 3],
}

impl Pair {
    fn new() -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        Pair {
            on_disk: open(&storage),
            in_memory: open(&Storage::in_memory()),
            folder,
            storage,
            next: [i32::MAX - 9; 3],
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Send {
                producer,
                epoch,
                back,
                count,
            } => self.send(producer, epoch, back, count),
            Step::Restart(end) => self.restart(end),
        }
    }

    fn send(&mut self, producer: i64, epoch: i16, back: i32, count: i32) {
        let sequence = Sequence(self.next[producer as usize]).plus(-back);
        let mut builder = RecordBatchBuilder::new().with_producer(
            ProducerId(producer),
            ProducerEpoch(epoch),
            sequence,
        );
        for _ in 0..count {
            builder
                .push(NOW.wall_ms, None, Some(&[7; 40]), &[])
                .unwrap();
        }
        let end = self.in_memory.marks().unwrap().log_end;
        let answer = |partition: &Arc<Partition>| match partition.append(
            NOW,
            builder.clone().build(),
            CLIENT,
        ) {
            Ok(appended) => Ok((appended.base_offset, appended.end_offset)),
            Err(AppendError::Refused(refusal)) => Err(refusal),
            Err(other) => panic!("{other}"),
        };
        let expected = answer(&self.in_memory);
        assert_eq!(answer(&self.on_disk), expected);
        if self.in_memory.marks().unwrap().log_end > end {
            self.next[producer as usize] = sequence.plus(count).0;
        }
    }

    fn restart(&mut self, end: End) {
        let copy = tempfile::tempdir().unwrap();
        if matches!(end, End::Stopped) {
            self.on_disk.shut_down();
            self.storage.close().unwrap();
        }
        copy_folder(self.folder.path(), copy.path());
        match end {
            End::Stopped | End::Killed => {}
            End::KilledWithDamage => damage(&copy.path().join("topic-0")),
            End::KilledWithoutFiles => strip(&copy.path().join("topic-0")),
        }
        self.storage = Storage::open(copy.path()).unwrap();
        self.folder = copy;
        self.on_disk = open(&self.storage);
        let state = |partition: &Arc<Partition>| {
            let inner = partition.inner();
            let state = &inner.open.as_ref().unwrap().state;
            (state.marks(), state.snapshot())
        };
        assert_eq!(state(&self.on_disk), state(&self.in_memory));
    }
}

/// Files come and go meanwhile, as they do when a process is killed.
fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else if entry.file_name() != ".lock" {
            let _gone_meanwhile = fs::copy(entry.path(), &target);
        }
    }
}

fn damage(folder: &Path) {
    let newest = files(folder, "snapshot").pop();
    if let Some(path) = newest {
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
}

fn strip(folder: &Path) {
    for extension in ["snapshot", "index", "timeindex"] {
        for path in files(folder, extension) {
            fs::remove_file(path).unwrap();
        }
    }
}

fn files(folder: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|other| other == extension));
    paths.sort();
    paths
}

proptest! {
    #![proptest_config(crate::testing::cases(48))]

    #[test]
    fn producers_are_answered_after_a_restart_as_if_there_had_been_none(
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut pair = Pair::new();
        for step in steps {
            pair.run(step);
        }
    }
}

#[test]
fn each_segment_has_its_snapshot_and_the_last_one_is_the_end() {
    let mut pair = Pair::new();
    for _ in 0..40 {
        pair.send(1, 0, 0, 3);
    }
    pair.restart(End::Stopped);
    let folder = pair.folder.path().join("topic-0");
    let names = |extension| -> Vec<String> {
        let paths = files(&folder, extension);
        let names = paths.iter().map(|path| path.file_stem().unwrap());
        names
            .map(|name| name.to_str().unwrap().to_owned())
            .collect()
    };
    let mut expected = names("log")[1..].to_vec();
    expected.push(format!("{:020}", 120));
    assert_eq!(names("snapshot"), expected);
    let epochs = fs::read_to_string(folder.join("leader-epoch-checkpoint")).unwrap();
    assert_eq!(epochs, "0\n1\n3 0\n");
}

#[test]
fn a_snapshot_of_batches_that_were_lost_is_never_gone_on_from() {
    let mut pair = Pair::new();
    for _ in 0..4 {
        pair.send(1, 0, 0, 3);
    }
    pair.on_disk.shut_down();
    drop(std::mem::replace(&mut pair.storage, Storage::in_memory()));
    let cut = tempfile::tempdir().unwrap();
    copy_folder(pair.folder.path(), cut.path());
    let folder = cut.path().join("topic-0");
    assert!(folder.join("00000000000000000012.snapshot").exists());
    // A power cut: the last three batches and what was known of them.
    for checkpoint in ["recovery-point-offset", "verified-offset"] {
        fs::remove_file(cut.path().join(format!("{checkpoint}-checkpoint"))).unwrap();
    }
    let log = files(&folder, "log").remove(0);
    let bytes = fs::read(&log).unwrap();
    let (first, _) = batches(&bytes).next().unwrap().unwrap();
    fs::write(&log, &bytes[..first.size_bytes()]).unwrap();

    let storage = Storage::open(cut.path()).unwrap();
    let partition = open(&storage);
    assert_eq!(partition.marks().unwrap().log_end, Offset(3));
    let next = RecordBatchBuilder::new().with_producer(
        ProducerId(1),
        ProducerEpoch(0),
        Sequence(i32::MAX - 9).plus(3),
    );
    for _ in 0..9 {
        let mut next = next.clone();
        next.push(NOW.wall_ms, None, Some(&[9; 40]), &[]).unwrap();
        partition.append(NOW, next.build(), CLIENT).unwrap();
    }
    assert!(
        files(&folder, "snapshot")
            .iter()
            .all(|path| !path.ends_with("00000000000000000012.snapshot"))
    );
}

/// What the partition knows, and what its log alone would tell.
fn known_and_told(partition: &Partition) -> (Vec<u8>, Vec<u8>) {
    let inner = partition.inner();
    let open = inner.open.as_ref().unwrap();
    let marks = open.state.marks();
    let mut told = PartitionState::empty_at(Offset(0));
    let mut from = marks.log_start;
    while from < marks.log_end {
        let plan = open.log.plan_read(from, marks.log_end, 1 << 20, true);
        let bytes = plan.unwrap().read().unwrap().into_bytes();
        assert!(!bytes.is_empty(), "nothing at {from} of {marks:?}");
        for batch in batches(&bytes) {
            let (header, _) = batch.unwrap();
            told.replay(&header);
            from = header.next_offset();
        }
    }
    told.finish_recovery(marks.log_start, marks.log_end);
    told.become_leader(marks.leader_epoch);
    (open.state.snapshot(), told.snapshot())
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::Nothing),
        Just(Loss::Unsynced),
        any::<u64>().prop_map(|seed| Loss::Torn { seed }),
    ]
}

proptest! {
    #![proptest_config(crate::testing::cases(48))]

    #[test]
    fn after_power_cuts_a_partition_knows_what_its_log_tells_and_nothing_else(
        lives in proptest::collection::vec((1..25usize, any::<bool>(), any::<bool>(), loss()), 1..6),
    ) {
        let mut disk = FaultyDisk::new();
        let mut sequence = Sequence(i32::MAX - 40);
        for (batches, is_stopped, is_synced, loss) in lives {
            let storage = disk.storage().unwrap();
            let partition = open(&storage);
            let (known, told) = known_and_told(&partition);
            prop_assert_eq!(known, told);
            let mut builder = RecordBatchBuilder::new();
            builder.push(NOW.wall_ms, None, Some(&[7; 90]), &[]).unwrap();
            for _ in 0..batches {
                let batch = builder.clone().with_producer(ProducerId(1), ProducerEpoch(0), sequence);
                // After a loss it is out of order, as it should be.
                match partition.append(NOW, batch.build(), CLIENT) {
                    Ok(_) => sequence = sequence.plus(1),
                    Err(_) => sequence = Sequence(0),
                }
            }
            if is_synced {
                partition.inner().open.as_ref().unwrap().log.request_sync();
            }
            if is_stopped {
                partition.shut_down();
                storage.close().unwrap();
            }
            disk = disk.after_power_cut_with(loss);
        }
        let partition = open(&disk.storage().unwrap());
        let (known, told) = known_and_told(&partition);
        prop_assert_eq!(known, told);
    }
}

#[test]
fn nothing_is_read_before_it_is_synced_where_every_append_is() {
    let mut settings = settings();
    settings.log.flush_messages = 1;
    let disk = FaultyDisk::new();
    let storage = disk.storage().unwrap();
    let (id, index) = (TopicId([1; 16]), PartitionIndex(0));
    let partition = Partition::open(&storage, "topic-0", id, index, LeaderEpoch(3), settings);
    // The sync goes on for as long as this is kept.
    let (syncing, until_dropped) = std::sync::mpsc::channel::<()>();
    let last_as_long = move || {
        let _ = until_dropped.recv();
    };
    *disk.faults().during_sync.lock().unwrap() = Some(Box::new(last_as_long));
    let mut builder = RecordBatchBuilder::new();
    builder.push(NOW.wall_ms, None, None, &[]).unwrap();
    partition.append(NOW, builder.build(), CLIENT).unwrap();
    let marks = partition.marks().unwrap();
    assert_eq!(
        (marks.high_watermark, marks.log_end),
        (Offset(0), Offset(1))
    );
    let planned = partition.plan_fetch(FetchFrom {
        offset: Offset(0),
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
        max_bytes: usize::MAX,
        at_least_one: true,
    });
    let Planned::Read(plan) = planned.unwrap().read else {
        panic!("nothing diverges");
    };
    assert!(plan.read().unwrap().into_bytes().is_empty());
    drop(syncing);
}

#[test]
fn what_was_not_synced_is_not_served_again_before_it_is() {
    let mut settings = settings();
    settings.log.flush_messages = 1;
    let disk = FaultyDisk::new();
    let open = |disk: &Arc<FaultyDisk>| {
        let (id, index) = (TopicId([1; 16]), PartitionIndex(0));
        let storage = disk.storage().unwrap();
        Partition::open(
            &storage,
            "topic-0",
            id,
            index,
            LeaderEpoch(3),
            settings.clone(),
        )
    };
    let partition = open(&disk);
    disk.faults()
        .sync_fails
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let mut builder = RecordBatchBuilder::new();
    builder.push(NOW.wall_ms, None, None, &[]).unwrap();
    partition.append(NOW, builder.build(), CLIENT).unwrap();
    let killed = disk.after_kill();
    killed
        .faults()
        .sync_fails
        .store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(open(&killed).marks(), Err(Unavailable::Offline));
    let killed = disk.after_kill();
    assert_eq!(open(&killed).marks().unwrap().high_watermark, Offset(1));
    let cut = killed.after_power_cut_with(Loss::Unsynced);
    assert_eq!(open(&cut).marks().unwrap().high_watermark, Offset(1));
}
