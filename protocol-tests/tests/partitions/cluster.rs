//! What is asked of a cluster, and what it answers: the words that all
//! back-ends and the model share.

use std::time::Duration;

use bytes::Bytes;
use ottla::Loss;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub topic: String,
    pub partition: i32,
}

/// A request, with every number in it settled.
#[derive(Clone, Debug)]
pub enum Command {
    /// With these settings; two partitions.
    CreateTopic {
        topic: String,
        settings: Vec<(String, String)>,
    },
    DeleteTopic {
        topic: String,
    },
    /// Sets one property of a topic.
    Configure {
        topic: String,
        name: String,
        value: String,
    },
    /// One batch, acks=all.
    Produce {
        place: Place,
        batch: Bytes,
    },
    Fetch {
        place: Place,
        offset: i64,
        partition_bytes_max: i32,
        bytes_max: i32,
    },
    /// A timestamp, or one of Kafka's special values.
    ListOffsets {
        place: Place,
        timestamp: i64,
    },
    /// −1 is the high watermark.
    DeleteRecords {
        place: Place,
        before: i64,
    },
    /// By nobody's member: of a group without members.
    Commit {
        group: String,
        place: Place,
        offset: i64,
    },
    Committed {
        group: String,
        place: Place,
    },
}

/// What was answered. Codes are Kafka's; 0 is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done {
        code: i16,
    },
    Produced {
        code: i16,
        base_offset: i64,
        log_start: i64,
    },
    Fetched {
        code: i16,
        high_watermark: i64,
        log_start: i64,
        records: Bytes,
    },
    Listed {
        code: i16,
        timestamp: i64,
        offset: i64,
    },
    Deleted {
        code: i16,
        low_watermark: i64,
    },
    Committed {
        code: i16,
        offset: i64,
    },
}

impl Outcome {
    pub fn code(&self) -> i16 {
        match self {
            Outcome::Done { code }
            | Outcome::Produced { code, .. }
            | Outcome::Fetched { code, .. }
            | Outcome::Listed { code, .. }
            | Outcome::Deleted { code, .. }
            | Outcome::Committed { code, .. } => *code,
        }
    }
}

/// What may be done to a cluster besides asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time passes: a client cannot see how.
    Advance(Duration),
    /// An orderly stop, and a start on the same data.
    Restart,
    /// The process dies; what the disk had not synced may be gone.
    Crash(Loss),
}

/// A cluster of one node that answers as Kafka does.
pub trait Cluster {
    /// Does what is asked. Trouble with the connection is a panic: no back-end
    /// may hang up on a valid request.
    fn perform(&mut self, command: &Command) -> Outcome;

    /// Whether this can be done to it.
    fn allows(&self, event: Event) -> bool;

    /// Does it; afterwards the cluster answers again.
    fn undergo(&mut self, event: Event);
}
