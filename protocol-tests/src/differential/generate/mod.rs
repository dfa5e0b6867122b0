//! Generates scripts. A seed and a number decide everything, so that a script
//! can be had again; the names of topics and groups are given, so that each
//! attempt at it has its own.
//!
//! Every script makes topics, then mixes requests about one theme with a few
//! about everything else. What is drawn is mostly sensible and often slightly
//! wrong: that is where brokers differ.

pub mod batches;
mod cluster;
mod configs;
mod consumer_groups;
mod groups;
mod offsets;
mod producing;
mod reading;
mod topics;

use std::collections::HashMap;

use kafka_protocol::messages::{ApiKey, RequestKind, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::dice::Dice;
use super::placeholders;
use super::script::{CLIENTS, Names, Operation, Script};
use super::versions::Versions;

/// How many topics a script speaks of. The first two are made at its start.
pub const TOPICS: usize = 4;

/// How many groups.
const GROUPS: usize = 3;

/// A script's steps, but for those that make its topics.
const STEPS: (usize, usize) = (20, 40);

/// A topic that exists at the start has so many partitions.
const PARTITIONS: i32 = 2;

/// What a script is mostly about.
type Step = fn(&mut Draft<'_>) -> Option<()>;

const PRODUCING: &[(usize, Step)] = &[
    (12, producing::produce),
    (2, producing::init_producer_id),
    (3, reading::fetch),
    (2, reading::list_offsets),
    (1, reading::offset_for_leader_epoch),
    (1, reading::delete_records),
];

const READING: &[(usize, Step)] = &[
    (4, producing::produce),
    (8, reading::fetch),
    (3, reading::list_offsets),
    (2, reading::offset_for_leader_epoch),
    (3, reading::delete_records),
    (1, topics::delete_and_create_again),
];

const SESSIONS: &[(usize, Step)] = &[
    (3, producing::produce),
    (10, reading::fetch_in_session),
    (1, topics::delete_and_create_again),
    (1, topics::create_partitions),
    (1, reading::delete_records),
];

const TOPICS_AND_CONFIGS: &[(usize, Step)] = &[
    (5, topics::create_topics),
    (3, topics::create_partitions),
    (3, topics::delete_topics),
    (4, topics::metadata),
    (2, topics::describe_topic_partitions),
    (4, configs::describe_configs),
    (4, configs::incremental_alter_configs),
    (1, configs::alter_configs),
    (1, producing::produce),
    (1, reading::describe_log_dirs),
    (1, reading::fetch),
];

const CLASSIC_GROUPS: &[(usize, Step)] = &[
    (4, groups::join),
    (3, groups::everybody_joins),
    (3, groups::sync),
    (3, groups::heartbeat),
    (2, groups::leave),
    (3, offsets::commit),
    (1, offsets::fetch),
    (2, groups::describe),
    (1, groups::list),
    (1, groups::delete),
    (1, offsets::delete),
];

const CONSUMER_GROUPS: &[(usize, Step)] = &[
    (10, consumer_groups::heartbeat),
    (3, consumer_groups::describe),
    (2, offsets::commit),
    (1, offsets::fetch),
    (1, groups::list),
    (1, groups::delete),
    (1, offsets::delete),
    (1, groups::describe),
    (1, groups::join),
];

const OFFSETS: &[(usize, Step)] = &[
    (6, offsets::commit),
    (6, offsets::fetch),
    (3, offsets::delete),
    (1, groups::join),
    (1, groups::sync),
    (1, groups::delete),
    (1, groups::list),
    (1, topics::delete_topics),
];

const EVERYTHING: &[(usize, Step)] = &[
    (4, producing::produce),
    (1, producing::init_producer_id),
    (2, reading::fetch),
    (1, reading::fetch_in_session),
    (1, reading::list_offsets),
    (1, reading::offset_for_leader_epoch),
    (1, reading::delete_records),
    (1, reading::describe_log_dirs),
    (1, topics::create_topics),
    (1, topics::delete_topics),
    (1, topics::create_partitions),
    (2, topics::metadata),
    (1, topics::describe_topic_partitions),
    (1, configs::describe_configs),
    (1, configs::incremental_alter_configs),
    (1, groups::join),
    (1, groups::sync),
    (1, groups::heartbeat),
    (1, groups::leave),
    (1, groups::describe),
    (1, groups::list),
    (1, groups::delete),
    (1, consumer_groups::heartbeat),
    (1, consumer_groups::describe),
    (1, offsets::commit),
    (1, offsets::fetch),
    (1, offsets::delete),
    (2, cluster::find_coordinator),
    (2, cluster::describe_cluster),
    (2, cluster::api_versions),
    (1, cluster::unserved),
];

const THEMES: &[&[(usize, Step)]] = &[
    PRODUCING,
    READING,
    SESSIONS,
    TOPICS_AND_CONFIGS,
    CLASSIC_GROUPS,
    CONSUMER_GROUPS,
    OFFSETS,
    EVERYTHING,
];

/// One step in so many leaves the script's theme.
const ASIDE: usize = 8;

/// The script of that number.
pub fn script(seed: u64, number: u64, names: &Names, versions: &Versions) -> Script {
    let mut draft = Draft {
        dice: Dice::new(seed, number),
        names: names.clone(),
        versions,
        operations: Vec::new(),
        sequences: HashMap::new(),
        everybody_joined: false,
        has_deleted_records: false,
    };
    let theme = usize::try_from(number).unwrap_or_default() % THEMES.len();
    topics::create_at_start(&mut draft);
    let steps = STEPS.0 + draft.dice.below(STEPS.1 - STEPS.0);
    while draft.operations.len() < steps {
        let aside = draft.dice.once_in(ASIDE);
        let theme = if aside { EVERYTHING } else { THEMES[theme] };
        let step = draft.dice.weighted(theme);
        // `None`: an API that is not served, and so not used.
        step(&mut draft);
    }
    Script::new(draft.operations)
}

/// A script while it is drawn.
#[derive(Debug)]
pub struct Draft<'a> {
    dice: Dice,
    names: Names,
    versions: &'a Versions,
    operations: Vec<Operation>,
    /// The sequence each producer would send next, by partition.
    sequences: HashMap<(usize, usize, i32), i32>,
    /// Whether the members of the first group have ids.
    everybody_joined: bool,
    /// Whether records were deleted: the largest timestamp of a partition may be
    /// one of theirs in Kafka.
    has_deleted_records: bool,
}

impl Draft<'_> {
    fn version(&mut self, api: ApiKey) -> Option<i16> {
        let (min, max) = self.versions.of_api(api)?;
        Some(self.dice.version(min, max))
    }

    fn client(&mut self) -> usize {
        self.dice.below(CLIENTS)
    }

    fn push(&mut self, client: usize, version: i16, request: impl Into<RequestKind>) {
        self.operations
            .push(Operation::new(client, version, request));
    }

    /// A topic's number: mostly of one that is there from the start.
    fn topic_number(&mut self) -> usize {
        self.dice.pick(&[0, 0, 0, 0, 1, 1, 1, 2, 3])
    }

    /// The name of such a topic, sometimes one that cannot exist.
    fn topic_name(&mut self) -> TopicName {
        let number = self.topic_number();
        let name = match self.dice.below(40) {
            0 => "not/legal".to_owned(),
            1 => String::new(),
            _ => self.names.topic(number),
        };
        text(&name).into()
    }

    /// The id of such a topic, sometimes a stale one, one that never was, or
    /// none.
    fn topic_id(&mut self) -> Uuid {
        let number = self.topic_number();
        match self.dice.below(16) {
            0 => placeholders::topic_id(number, 1),
            1 => Uuid::from_u128(0xbeef),
            2 => Uuid::nil(),
            _ => placeholders::topic_id(number, 0),
        }
    }

    fn partition(&mut self) -> i32 {
        self.dice.pick(&[0, 0, 0, 0, 0, 1, 1, 2, 7, -1])
    }

    fn group(&mut self) -> StrBytes {
        let number = self.dice.pick(&[0, 0, 0, 0, 1, 1, 2]);
        text(&self.names.group(number))
    }

    /// The same for requests that nothing comes of without a name. (Offsets can
    /// be committed to the group without a name; all scripts would share it.)
    fn group_or_none(&mut self) -> StrBytes {
        if self.dice.once_in(20) {
            return StrBytes::default();
        }
        self.group()
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
