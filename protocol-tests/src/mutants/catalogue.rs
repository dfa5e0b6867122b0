//! Which check finds which known bug, property by property.

use ottla_core::mutants::Mutant;

/// A property of partitions, by its number in the list of properties.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its number.
    pub row: u8,
    /// What holds.
    pub text: &'static str,
    /// The bugs that break it.
    pub bugs: &'static [Bug],
}

/// A mutant and the one test that has to fail because of it.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What is planted.
    pub mutant: Mutant,
    /// Where the test is.
    pub place: Place,
    /// The test's name, as its test binary lists it.
    pub test: &'static str,
}

/// A test binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The package.
    pub package: &'static str,
    /// The integration test; `None` for the unit tests of the library.
    pub target: Option<&'static str>,
}

const CORE: Place = unit_tests("ottla-core");
const BROKER: Place = unit_tests("ottla");
const PARTITIONS: Place = integration("protocol-tests", "partitions");
const CORE_GROUPS: Place = integration("ottla-core", "groups");

/// Every property that is tested this way, in order.
pub const PROPERTIES: &[Property] = &[
    Property {
        row: 1,
        text: "a producer's records lie in its partition in the order they were sent",
        bugs: &[bug(
            Mutant::ProducesToTheFirstPartition,
            PARTITIONS,
            "rows::order::row_01_each_producers_records_lie_in_the_order_and_the_place_they_were_sent_to",
        )],
    },
    Property {
        row: 2,
        text: "the next base offset is the log's end; offsets are dense and never used again",
        bugs: &[
            bug(
                Mutant::CountsBatchesForRecords,
                CORE,
                "partition::tests::offsets_are_dense_whatever_is_appended",
            ),
            bug(
                Mutant::GivesOffsetsOutAgain,
                BROKER,
                "storage::crash_tests::offsets_of_records_that_were_deleted_and_then_lost_are_not_given_out_again",
            ),
        ],
    },
    Property {
        row: 3,
        text: "an offset of a partition is one value, for every reader at every time",
        bugs: &[bug(
            Mutant::ServesWhatWasNeverSynced,
            BROKER,
            "node::partition::restart_tests::what_was_not_synced_is_not_served_again_before_it_is",
        )],
    },
    Property {
        row: 4,
        text: "a key's partition is toPositive(murmur2(key)) % N",
        bugs: &[bug(
            Mutant::NegatesTheHash,
            CORE,
            "murmur2::tests::a_negative_hash_loses_its_sign_bit_and_is_not_negated",
        )],
    },
    Property {
        row: 5,
        text: "what was sent is read back byte for byte, but for its place",
        bugs: &[bug(
            Mutant::DropsRepeatedHeaders,
            CORE,
            "partition::prepare::tests::another_codec_changes_nothing_a_consumer_sees",
        )],
    },
    Property {
        row: 6,
        text: "nothing is read at or behind the high watermark, which never goes back",
        bugs: &[bug(
            Mutant::ReadsPastTheHighWatermark,
            BROKER,
            "node::partition::restart_tests::nothing_is_read_before_it_is_synced_where_every_append_is",
        )],
    },
    Property {
        row: 11,
        text: "a producer's batch is appended at most once and in order; older incarnations are fenced",
        bugs: &[
            bug(
                Mutant::RemembersOneBatch,
                CORE,
                "partition::producers::tests::a_retry_of_any_of_the_last_five_batches_is_answered_with_its_first_place",
            ),
            bug(
                Mutant::AllowsGaps,
                CORE,
                "partition::producers::tests::a_gap_is_out_of_order_and_changes_nothing",
            ),
            bug(
                Mutant::AllowsOldEpochs,
                CORE,
                "partition::producers::tests::every_story_is_judged_as_the_plain_model_judges_it",
            ),
            bug(
                Mutant::NeverWrapsSequences,
                CORE,
                "partition::producers::tests::a_sequence_wraps_from_the_largest_to_zero",
            ),
            bug(
                Mutant::ForgetsProducers,
                BROKER,
                "node::partition::restart_tests::after_power_cuts_a_partition_knows_what_its_log_tells_and_nothing_else",
            ),
        ],
    },
    Property {
        row: 19,
        text: "a commit with a stale generation, epoch or member changes nothing",
        bugs: &[bug(
            Mutant::CommitsForZombies,
            CORE_GROUPS,
            "offsets::only_members_of_the_current_generation_commit",
        )],
    },
    Property {
        row: 23,
        text: "compaction keeps the last value per key, offsets, order, tombstones for their retention, the last batch; never past what is committed",
        bugs: &[
            bug(
                Mutant::CompactsWhatIsNotCommitted,
                CORE,
                "partition::compaction::tests::ranges::the_bound_is_where_the_segment_begins_that_is_not_wholly_stable",
            ),
            bug(
                Mutant::PutsOffDeletingTombstones,
                CORE,
                "partition::compaction::tests::properties::compaction_leaves_what_a_plain_map_says",
            ),
            bug(
                Mutant::LosesTheEndOfACleaning,
                CORE,
                "partition::compaction::tests::stories::the_last_batch_of_a_cleaning_stays_so_that_the_end_is_known",
            ),
            bug(
                Mutant::CleansAGapForEver,
                CORE,
                "partition::compaction::tests::stories::a_gap_at_the_end_of_the_dirty_part_is_passed",
            ),
            bug(
                Mutant::CompactsProducersAway,
                CORE,
                "partition::compaction::tests::properties::compaction_leaves_what_a_plain_map_says",
            ),
            bug(
                Mutant::SwapsInWhatIsNotSynced,
                BROKER,
                "storage::cleaner::tests::crash::a_power_cut_at_any_step_of_a_cleaning_loses_nothing",
            ),
        ],
    },
    Property {
        row: 24,
        text: "retention only raises the log's start, and never above the high watermark",
        bugs: &[bug(
            Mutant::ExpiresUnreadRecords,
            BROKER,
            "storage::stories::retention_never_removes_what_is_above_the_high_watermark",
        )],
    },
    Property {
        row: 25,
        text: "ListOffsets finds the first record at or after a timestamp, and the first with the largest",
        bugs: &[
            bug(
                Mutant::NamesTheBatchOfATimestamp,
                BROKER,
                "node::partition::search_tests::a_search_finds_what_a_plain_list_holds",
            ),
            bug(
                Mutant::LooksForTheLargestInOneSegment,
                BROKER,
                "node::partition::search_tests::a_search_finds_what_a_plain_list_holds",
            ),
        ],
    },
    Property {
        row: 26,
        text: "a fetch returns at least one whole batch even above its limits",
        bugs: &[bug(
            Mutant::GivesNothingAboveTheLimit,
            BROKER,
            "storage::stories::one_batch_is_returned_even_above_the_limit_and_no_second_one",
        )],
    },
    Property {
        row: 27,
        text: "an incremental fetch session tells exactly what full fetches would",
        bugs: &[
            bug(
                Mutant::TakesAnySessionEpoch,
                CORE,
                "fetch_session::tests::stories::a_request_out_of_turn_is_refused_and_changes_nothing",
            ),
            bug(
                Mutant::TellsOldMarksForNew,
                CORE,
                "fetch_session::tests::properties::a_session_tells_exactly_what_full_requests_would",
            ),
        ],
    },
    Property {
        row: 28,
        text: "reads that race with appends, rolls and deletion see whole batches",
        bugs: &[bug(
            Mutant::GivesPartsOfBatches,
            PARTITIONS,
            "rows::concurrent::row_28_reads_beside_appends_rolls_and_deletions_see_whole_batches",
        )],
    },
    Property {
        row: 29,
        text: "recovery keeps the longest valid prefix and everything synced",
        bugs: &[bug(
            Mutant::KeepsTornBatches,
            BROKER,
            "storage::crash_tests::any_flipped_bit_ends_the_log_before_its_batch",
        )],
    },
    Property {
        row: 30,
        text: "what was synced is never cut off silently: the partition goes offline",
        bugs: &[bug(
            Mutant::CutsWhatWasSynced,
            BROKER,
            "storage::crash_tests::damage_below_what_was_synced_is_an_error_and_nothing_is_touched",
        )],
    },
    Property {
        row: 31,
        text: "the first failed sync stops serving the disk",
        bugs: &[bug(
            Mutant::TriesAFailedSyncAgain,
            BROKER,
            "storage::fault_tests::after_a_failed_sync_nothing_is_written_again_even_if_syncs_would_work",
        )],
    },
    Property {
        row: 32,
        text: "a full disk refuses writes, leaves no part of a batch, and heals",
        bugs: &[bug(
            Mutant::LeavesHalfAnAppend,
            BROKER,
            "storage::fault_tests::a_full_disk_refuses_appends_leaves_no_part_of_them_and_heals",
        )],
    },
    Property {
        row: 33,
        text: "no clock and no timestamp changes an order, pins a log or purges it",
        bugs: &[bug(
            Mutant::BelievesInTheFuture,
            CORE,
            "partition::prepare::tests::each_record_outside_of_the_limits_is_named_whatever_the_header_claims",
        )],
    },
];

/// Every bug with its property, in order.
pub fn bugs() -> impl Iterator<Item = (&'static Property, &'static Bug)> {
    let bugs_of =
        |property: &'static Property| property.bugs.iter().map(move |bug| (property, bug));
    PROPERTIES.iter().flat_map(bugs_of)
}

const fn bug(mutant: Mutant, place: Place, test: &'static str) -> Bug {
    Bug {
        mutant,
        place,
        test,
    }
}

const fn unit_tests(package: &'static str) -> Place {
    Place {
        package,
        target: None,
    }
}

const fn integration(package: &'static str, target: &'static str) -> Place {
    Place {
        package,
        target: Some(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_has_a_check_and_every_property_a_mutant() {
        for mutant in Mutant::ALL {
            let checks = bugs().filter(|(_, bug)| bug.mutant == *mutant).count();
            assert!(checks > 0, "no check is said to find {mutant:?}");
        }
        for property in PROPERTIES {
            assert!(!property.bugs.is_empty(), "row {} has none", property.row);
        }
        assert!(PROPERTIES.is_sorted_by_key(|property| property.row));
    }
}
