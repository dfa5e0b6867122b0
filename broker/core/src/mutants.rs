//! Known bugs, planted where they would really be, to see that the tests find them.
//!
//! Owns their names, and which one is on. Without the feature `mutants`, which
//! no published build has, [`on`] is a constant and the bugs are not compiled.
//! With it, the environment variable `OTTLA_MUTANT` names the one that is on
//! from the first look to the end of the process. `docs/properties.md` says
//! which test finds which, and `cargo run -p protocol-tests --bin mutants` tries.

/// One known bug. Where systems that people use have had it, the comment says
/// which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The next batch begins one behind the base offset of the last one.
    CountsBatchesForRecords,
    /// A negative hash is negated instead of losing its sign bit.
    NegatesTheHash,
    /// Only a producer's last batch is recognised when it comes again.
    RemembersOneBatch,
    /// A batch that leaves a gap in its producer's sequence is appended.
    AllowsGaps,
    /// A batch of a producer's older epoch is appended.
    AllowsOldEpochs,
    /// After the largest sequence comes a negative one (KAFKA-5490's family).
    NeverWrapsSequences,
    /// Records that were deleted and then lost leave their offsets to others
    /// (offsets beginning at zero again, as in Bufstream).
    GivesOffsetsOutAgain,
    /// A batch larger than the limits is never returned (KAFKA-2063).
    GivesNothingAboveTheLimit,
    /// A search by timestamp answers with its batch's first offset (KoP #334).
    NamesTheBatchOfATimestamp,
    /// The largest timestamp is looked for in the last segment alone
    /// (KAFKA-16310's family).
    LooksForTheLargestInOneSegment,
    /// Retention removes what lies above the high watermark.
    ExpiresUnreadRecords,
    /// Recovery keeps a batch whose checksum is wrong.
    KeepsTornBatches,
    /// Recovery cuts off damage wherever it is, synced or not (FAST '17).
    CutsWhatWasSynced,
    /// A failed sync is tried again, and counts if it then works (fsyncgate).
    TriesAFailedSyncAgain,
    /// A write that failed half way leaves its half.
    LeavesHalfAnAppend,
    /// Fetch reads past the high watermark (KAFKA-727).
    ReadsPastTheHighWatermark,
    /// A restart forgets the producers a snapshot tells of (KAFKA-12520).
    ForgetsProducers,
    /// Batches go to the topic's first partition, whichever was named
    /// (CVE-2026-35554 misrouted batches in a producer).
    ProducesToTheFirstPartition,
    /// After a crash, what was not synced is read again before it is: a power
    /// cut then gives its offsets to others (Redpanda #3003's family).
    ServesWhatWasNeverSynced,
    /// Header keys that repeat are dropped when a batch is compressed anew.
    DropsRepeatedHeaders,
    /// A fetch session goes on whatever its epoch (KAFKA-8052's family).
    TakesAnySessionEpoch,
    /// A fetch session forgets what it has told (KAFKA-9137's family).
    TellsOldMarksForNew,
    /// A read is as long as its limit, wherever a batch ends (KAFKA-9835's family).
    GivesPartsOfBatches,
    /// Timestamps of the far future are taken (KAFKA-14991).
    BelievesInTheFuture,
    /// A commit is accepted whatever its generation is (zombie commits).
    CommitsForZombies,
    /// Compaction reaches records that are not committed (KAFKA-13194).
    CompactsWhatIsNotCommitted,
    /// Each compaction lets a tombstone stay that long once more (KAFKA-8522).
    PutsOffDeletingTombstones,
    /// A cleaning may remove the batch that its end is known by (KAFKA-17076).
    LosesTheEndOfACleaning,
    /// The end of the dirty part is never reached if it was removed before, and
    /// is cleaned for ever (KAFKA-8764).
    CleansAGapForEver,
    /// The last batch of a producer goes with its records.
    CompactsProducersAway,
    /// A cleaned segment takes the place of others before it is synced.
    SwapsInWhatIsNotSynced,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: &[Mutant] = &[
        Mutant::CountsBatchesForRecords,
        Mutant::NegatesTheHash,
        Mutant::RemembersOneBatch,
        Mutant::AllowsGaps,
        Mutant::AllowsOldEpochs,
        Mutant::NeverWrapsSequences,
        Mutant::GivesOffsetsOutAgain,
        Mutant::GivesNothingAboveTheLimit,
        Mutant::NamesTheBatchOfATimestamp,
        Mutant::LooksForTheLargestInOneSegment,
        Mutant::ExpiresUnreadRecords,
        Mutant::KeepsTornBatches,
        Mutant::CutsWhatWasSynced,
        Mutant::TriesAFailedSyncAgain,
        Mutant::LeavesHalfAnAppend,
        Mutant::ReadsPastTheHighWatermark,
        Mutant::ForgetsProducers,
        Mutant::ProducesToTheFirstPartition,
        Mutant::ServesWhatWasNeverSynced,
        Mutant::DropsRepeatedHeaders,
        Mutant::TakesAnySessionEpoch,
        Mutant::TellsOldMarksForNew,
        Mutant::GivesPartsOfBatches,
        Mutant::BelievesInTheFuture,
        Mutant::CommitsForZombies,
        Mutant::CompactsWhatIsNotCommitted,
        Mutant::PutsOffDeletingTombstones,
        Mutant::LosesTheEndOfACleaning,
        Mutant::CleansAGapForEver,
        Mutant::CompactsProducersAway,
        Mutant::SwapsInWhatIsNotSynced,
    ];
}

/// Whether this bug is there: never, in what is published.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn on(_: Mutant) -> bool {
    false
}

/// Whether this is the bug that `OTTLA_MUTANT` names.
///
/// # Panics
/// When the variable names none: a test would seem to survive it.
#[cfg(feature = "mutants")]
pub fn on(mutant: Mutant) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<Mutant>> = std::sync::OnceLock::new();
    let choose = || {
        let name = std::env::var("OTTLA_MUTANT").ok()?;
        let named = |mutant: &&Mutant| format!("{mutant:?}") == name;
        let found = Mutant::ALL.iter().find(named);
        Some(*found.unwrap_or_else(|| panic!("OTTLA_MUTANT={name} names no mutant")))
    };
    *CHOSEN.get_or_init(choose) == Some(mutant)
}
