//! One look at all partitions of a request: what there is now, up to the limits.

use kafka_protocol::ResponseError;
use ottla_core::fetch_session::{News, Told, Turn};
use ottla_core::ids::{LeaderEpoch, Offset};

use super::lookup::Wanted;
use super::{FIRST_WITH_LEADER_ADDRESS, Fetch};
use crate::apis::errors::ApiError;
use crate::node::partition::{FetchError, FetchFrom, Planned, PlannedFetch};
use crate::storage::{Cold, StorageError};
use crate::wire::fetch::PartitionFetched;

/// Up to this version readers do not know KAFKA_STORAGE_ERROR.
const LAST_WITHOUT_STORAGE_ERROR: i16 = 5;

/// How often records are looked for anew because the segment they were in was
/// removed, or replaced, after the read was planned.
const LOOKS_MAX: u32 = 8;

/// Why a partition is not read.
#[derive(Clone, Copy)]
struct Refusal {
    error: ResponseError,
    /// The leader's epoch, if that is known.
    epoch: Option<LeaderEpoch>,
}

/// What one look found.
#[derive(Default)]
pub(super) struct Attempt {
    /// What there is to say, by the place of the partition in the request.
    pub(super) partitions: Vec<(usize, PartitionFetched)>,
    pub(super) bytes: usize,
    /// An error or a diverging log: the reader must hear of it at once.
    pub(super) is_urgent: bool,
    /// The high watermark of each partition that was looked at, by place.
    seen: Vec<(usize, Offset)>,
}

/// What a look that did not find enough leaves behind.
pub(super) struct Seen {
    pub(super) bytes: usize,
    pub(super) high_watermarks: Vec<(usize, Offset)>,
}

impl Attempt {
    /// Reads what there is; `None` if that would block and must not.
    pub(super) fn make(fetch: &Fetch, cold: Cold) -> Option<Attempt> {
        let mut attempt = Attempt {
            seen: Vec::with_capacity(fetch.wanted.len()),
            ..Attempt::default()
        };
        for (place, wanted) in fetch.wanted.iter().enumerate() {
            let fetched = attempt.read(fetch, place, wanted, cold)?;
            let news = news_of(&fetched);
            attempt.is_urgent |= news.is_urgent;
            let is_incremental = matches!(fetch.turn, Turn::Incremental { .. });
            if !is_incremental || wanted.asked.told.lacks(&news) {
                attempt.partitions.push((place, fetched));
            }
        }
        Some(attempt)
    }

    /// What is said when looking went wrong: nobody knows what would be there.
    pub(super) fn failed(fetch: &Fetch) -> Attempt {
        let code = ResponseError::UnknownServerError.code();
        let places = fetch.wanted.iter().enumerate();
        let failed = |(place, wanted): (usize, &Wanted)| {
            (
                place,
                PartitionFetched::failed(wanted.asked.key.index, code),
            )
        };
        Attempt {
            partitions: places.map(failed).collect(),
            is_urgent: true,
            ..Attempt::default()
        }
    }

    /// Lets go of the records.
    pub(super) fn forget(self) -> Seen {
        Seen {
            bytes: self.bytes,
            high_watermarks: self.seen,
        }
    }

    fn read(
        &mut self,
        fetch: &Fetch,
        place: usize,
        wanted: &Wanted,
        cold: Cold,
    ) -> Option<PartitionFetched> {
        let mut looks = 0;
        loop {
            looks += 1;
            let from = self.fetch_from(fetch, wanted);
            let planned = match plan(fetch, wanted, from) {
                Ok(planned) => planned,
                Err(refusal) => return Some(fetch.refuse(wanted, refusal)),
            };
            let high_watermark = planned.marks.high_watermark;
            match carry_out(fetch, wanted, from, planned, cold) {
                Ok(fetched) => {
                    let fetched = fetched?;
                    self.bytes += fetched.record_bytes();
                    self.seen.push((place, high_watermark));
                    return Some(fetched);
                }
                Err(StorageError::SegmentGone) if looks < LOOKS_MAX => {}
                Err(error) => {
                    tracing::warn!(%error, "a fetch could not read its records");
                    let refusal = Refusal::from(ResponseError::KafkaStorageError);
                    return Some(fetch.refuse(wanted, refusal));
                }
            }
        }
    }

    fn fetch_from(&self, fetch: &Fetch, wanted: &Wanted) -> FetchFrom {
        let position = &wanted.asked.position;
        let left = fetch.max_bytes.saturating_sub(self.bytes);
        FetchFrom {
            offset: position.offset,
            current_leader_epoch: position.current_leader_epoch,
            last_fetched_epoch: position.last_fetched_epoch,
            max_bytes: (position.max_bytes.max(0) as usize).min(left),
            at_least_one: self.bytes == 0,
        }
    }
}

fn plan(fetch: &Fetch, wanted: &Wanted, from: FetchFrom) -> Result<PlannedFetch, Refusal> {
    let partition = wanted.partition.as_ref().map_err(|error| *error)?;
    let planned = partition.plan_fetch(from)?;
    let epoch = Some(planned.marks.leader_epoch);
    if fetch.poses_as_follower {
        let error = no_follower(wanted);
        return Err(Refusal { error, epoch });
    }
    let has_negative_limit = fetch.has_negative_limit || wanted.asked.position.max_bytes < 0;
    if has_negative_limit && from.offset < planned.marks.high_watermark {
        // Kafka trips over it as well, and only then.
        let error = ResponseError::UnknownServerError;
        return Err(Refusal { error, epoch });
    }
    Ok(planned)
}

/// Does what was planned; `None` if that would wait for a disk and must not.
fn carry_out(
    fetch: &Fetch,
    wanted: &Wanted,
    from: FetchFrom,
    planned: PlannedFetch,
    cold: Cold,
) -> Result<Option<PartitionFetched>, StorageError> {
    let mut fetched = PartitionFetched {
        index: wanted.asked.key.index,
        error_code: 0,
        high_watermark: planned.marks.high_watermark.0,
        last_stable_offset: planned.marks.last_stable.0,
        log_start_offset: planned.marks.log_start.0,
        diverging: None,
        current_leader: None,
        with_aborted: fetch.with_aborted,
        records: Vec::new(),
    };
    match planned.read {
        Planned::Diverging { epoch, end_offset } => {
            fetched.diverging = Some((epoch.0, end_offset.0));
            // Nothing was read, so nothing was aborted there.
            fetched.with_aborted = false;
        }
        Planned::Read(plan) => {
            let Some(records) = plan.send(cold)? else {
                return Ok(None);
            };
            fetched.records = records;
            let is_left_out = fetched.records.is_empty()
                && from.max_bytes > 0
                && from.offset < planned.marks.high_watermark;
            // Kafka throws away the piece of a batch that it read, and what
            // it knew of transactions with it.
            fetched.with_aborted &= !is_left_out;
        }
    }
    Ok(Some(fetched))
}

impl Fetch {
    /// Answers a partition that cannot be read.
    fn refuse(&self, wanted: &Wanted, refusal: Refusal) -> PartitionFetched {
        let error = match refusal.error {
            ResponseError::KafkaStorageError if self.version <= LAST_WITHOUT_STORAGE_ERROR => {
                ResponseError::NotLeaderOrFollower
            }
            error => error,
        };
        let mut failed = PartitionFetched::failed(wanted.asked.key.index, error.code());
        let names_leader = matches!(
            error,
            ResponseError::NotLeaderOrFollower | ResponseError::FencedLeaderEpoch
        );
        if names_leader && self.version >= FIRST_WITH_LEADER_ADDRESS {
            let leader = self.node.config.node_id.0;
            failed.current_leader = refusal.epoch.map(|epoch| (leader, epoch.0));
        }
        failed
    }
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Refusal { error, epoch: None }
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        let epoch = match &error {
            FetchError::Epoch(error) => Some(error.current()),
            _ => None,
        };
        Refusal {
            error: ApiError::from(error).code,
            epoch,
        }
    }
}

/// A follower would have to be one of the partition's replicas (and to be
/// allowed to say so, CVE-2018-1288): here there are none. One that knows the
/// leader epoch may be ahead of the metadata here, so it shall come back.
fn no_follower(wanted: &Wanted) -> ResponseError {
    match wanted.asked.position.current_leader_epoch {
        LeaderEpoch::NONE => ResponseError::NotLeaderOrFollower,
        _ => ResponseError::UnknownLeaderEpoch,
    }
}

/// What a session takes note of.
pub(super) fn news_of(fetched: &PartitionFetched) -> News {
    News {
        marks: Told {
            high_watermark: Offset(fetched.high_watermark),
            log_start: Offset(fetched.log_start_offset),
        },
        has_records: !fetched.records.is_empty(),
        is_urgent: fetched.error_code != 0 || fetched.diverging.is_some(),
    }
}
