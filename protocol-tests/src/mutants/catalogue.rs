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
const CORE_GROUPS: Place = integration("ottla-core", "groups");

/// Every property that is tested this way, in order.
pub const PROPERTIES: &[Property] = &[
    Property {
        row: 2,
        text: "the next base offset is the log's end; offsets are dense and never used again",
        bugs: &[bug(
            Mutant::CountsBatchesForRecords,
            CORE,
            "partition::tests::offsets_are_dense_whatever_is_appended",
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
