//! Appending: what a Produce request, or a coordinator, wants written.
//!
//! ```text
//! prepare (no lock) ─► lock ─ decide ─ stamp ─ write ─ replay ─ unlock ─► wake waiters
//! ```
//!
//! Batches that come at once share the lock and, as long as each of them is
//! simply appended, the write. Otherwise they are taken one after the other, so
//! that what becomes of one is never the fault of another.

use std::iter::once;
use std::sync::Arc;

use ottla_core::batch::header::stamp_position;
use ottla_core::ids::{LeaderEpoch, Offset};
use ottla_core::partition::{
    AppendDecision, AppendOrigin, AppendRefusal, PreparedBatch, prepare_batch,
};
use ottla_core::time::Now;
use smallvec::SmallVec;

use super::{
    AppendError, Inner, Open, Partition, PartitionSettings, Ticket, Unavailable, remembered,
};

/// How often a partition that is written to looks for producers to forget
/// (Kafka's `producer.id.expiration.check.interval.ms`).
const PRODUCER_EXPIRY_INTERVAL_MS: u64 = 600_000;

/// A list of what a burst of requests has of each: nearly always one.
pub(crate) type Few<T> = SmallVec<[T; 1]>;

/// What became of an append.
#[derive(Debug)]
pub(crate) struct Appended {
    /// Where the first record lies; the original's place if it was a retry.
    pub(crate) base_offset: Offset,
    /// Behind the last record.
    pub(crate) end_offset: Offset,
    /// Set by the broker, or the stored timestamp of the original; −1 if the
    /// records kept their own.
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start: Offset,
    /// Resolves when the records may be acknowledged; `None` if they may be now.
    pub(crate) ticket: Option<Ticket>,
}

/// A batch that has passed every check that needs no lock.
type Prepared<'a> = Result<PreparedBatch<'a>, AppendRefusal>;

impl Partition {
    /// The one synchronous step: decide, write, replay. `records` is what a
    /// Produce request carries for one partition; it is stamped where it lies.
    pub(crate) fn append(
        self: &Arc<Self>,
        now: Now,
        mut records: impl AsMut<[u8]>,
        origin: AppendOrigin,
    ) -> Result<Appended, AppendError> {
        let mut appended = self.append_all(now, once(records.as_mut()), origin);
        appended.pop().expect("each batch has an outcome")
    }

    /// The same for what several requests carry that came at once: one outcome
    /// each, in their order.
    pub(crate) fn append_all<'a>(
        self: &Arc<Self>,
        now: Now,
        records: impl Iterator<Item = &'a mut [u8]>,
        origin: AppendOrigin,
    ) -> Few<Result<Appended, AppendError>> {
        let settings = self.settings.load();
        let mut batches: Few<Prepared<'_>> = records
            .map(|records| prepare_batch(&settings.rules, now, origin, records))
            .collect();
        let mut inner = self.inner();
        let Inner { open, waiters } = &mut *inner;
        let open = match open {
            Ok(open) => open,
            Err(unavailable) => return all_refused(batches, *unavailable),
        };
        let before_bytes = open.log.size_bytes();
        let mut placed = open.place_all(now, origin, &mut batches);
        open.expire_producers(now, &settings);
        let bytes = open.log.size_bytes() - before_bytes;
        let wake = open.commit(&settings, waiters, bytes.cast_signed());
        let high_watermark = open.state.marks().high_watermark;
        for appended in placed.iter_mut().flatten() {
            let target = appended.end_offset;
            appended.ticket = (high_watermark < target)
                .then(|| Ticket::new(Arc::clone(self), waiters.add_ticket(target)));
        }
        drop(inner);
        wake.up(Ok(()));
        placed
    }
}

/// A batch that fails its own checks is told so first.
fn all_refused(
    batches: Few<Prepared<'_>>,
    unavailable: Unavailable,
) -> Few<Result<Appended, AppendError>> {
    let refused = |batch: Prepared<'_>| match batch {
        Ok(_) => Err(unavailable.into()),
        Err(refusal) => Err(refusal.into()),
    };
    batches.into_iter().map(refused).collect()
}

impl Open {
    /// Where each of the batches lies now; without tickets.
    fn place_all(
        &mut self,
        now: Now,
        origin: AppendOrigin,
        batches: &mut [Prepared<'_>],
    ) -> Few<Result<Appended, AppendError>> {
        if let [_, _, ..] = batches
            && self.place_together(now, origin, batches)
        {
            let placed = batches.iter().flatten();
            return placed.map(|batch| Ok(self.placed(batch))).collect();
        }
        let place = |batch: &mut Prepared<'_>| match batch {
            Ok(batch) => self.place(now, origin, batch),
            Err(refusal) => Err(refusal.clone().into()),
        };
        batches.iter_mut().map(place).collect()
    }

    fn place(
        &mut self,
        now: Now,
        origin: AppendOrigin,
        batch: &mut PreparedBatch<'_>,
    ) -> Result<Appended, AppendError> {
        match self.state.decide_append(origin, &batch.header)? {
            AppendDecision::Append {
                base_offset,
                leader_epoch,
            } => {
                stamp(batch, base_offset, leader_epoch);
                let (header, bytes) = (&batch.header, batch.bytes.as_ref());
                if self.log.append(now.wall_ms, header, bytes)? {
                    self.log
                        .remember_before(base_offset, remembered(&self.state));
                }
                self.state.replay(&batch.header);
                self.mark_if_due();
                Ok(self.placed(batch))
            }
            AppendDecision::Duplicate {
                base_offset,
                last_offset,
                timestamp_ms,
            } => Ok(Appended {
                base_offset,
                end_offset: last_offset.plus(1),
                log_append_time_ms: timestamp_ms,
                log_start: self.state.marks().log_start,
                ticket: None,
            }),
        }
    }

    /// Appends all of them with one write. False, and nothing was appended, where
    /// one is refused or a retry, or the log does not take them at once.
    fn place_together(
        &mut self,
        now: Now,
        origin: AppendOrigin,
        batches: &mut [Prepared<'_>],
    ) -> bool {
        if batches.iter().any(Result::is_err) {
            return false;
        }
        let headers = batches.iter().flatten().map(|batch| &batch.header);
        let Some((mut base_offset, leader_epoch)) = self.state.decide_together(origin, headers)
        else {
            return false;
        };
        for batch in batches.iter_mut().flatten() {
            stamp(batch, base_offset, leader_epoch);
            base_offset = batch.header.next_offset();
        }
        let stamped = batches.iter().flatten();
        let stamped = stamped.map(|batch| (&batch.header, batch.bytes.as_ref()));
        // What cannot be written at once is tried one by one: some may be.
        let written = self.log.append_together(now.wall_ms, stamped);
        if !written.unwrap_or(false) {
            return false;
        }
        for batch in batches.iter().flatten() {
            self.state.replay(&batch.header);
        }
        self.mark_if_due();
        true
    }

    fn placed(&self, batch: &PreparedBatch<'_>) -> Appended {
        Appended {
            base_offset: batch.header.base_offset,
            end_offset: batch.header.next_offset(),
            log_append_time_ms: batch.append_time_ms,
            log_start: self.state.marks().log_start,
            ticket: None,
        }
    }

    fn mark_if_due(&mut self) {
        if self.log.is_mark_due() {
            self.log.mark_verified(remembered(&self.state));
        }
    }

    fn expire_producers(&mut self, now: Now, settings: &PartitionSettings) {
        if now.monotonic_ms >= self.next_expiry_monotonic_ms {
            self.next_expiry_monotonic_ms = now.after_ms(PRODUCER_EXPIRY_INTERVAL_MS);
            self.state
                .expire_producers(now.wall_ms, settings.producer_id_expiration_ms);
        }
    }
}

fn stamp(batch: &mut PreparedBatch<'_>, base_offset: Offset, leader_epoch: LeaderEpoch) {
    stamp_position(batch.bytes.as_mut(), base_offset, leader_epoch);
    let header = &mut batch.header;
    (header.base_offset, header.leader_epoch) = (base_offset, leader_epoch);
}
