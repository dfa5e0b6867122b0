//! Where each leader epoch began in the log (KIP-101, KIP-279).
//!
//! Followers and consumers that come back after a leader change ask it how
//! far the epoch they know reached.

use crate::ids::{LeaderEpoch, Offset};

/// Epochs and their start offsets, both strictly ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    starts: Vec<(LeaderEpoch, Offset)>,
}

impl LeaderEpochs {
    /// Remembers that `epoch` writes from `start` on; does nothing for an
    /// epoch that is known or older than the latest.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch <= LeaderEpoch::NONE || self.latest().is_some_and(|latest| epoch <= latest) {
            return;
        }
        // An epoch that wrote nothing gives way to the one that starts in its place.
        self.starts.retain(|&(_, earlier)| earlier < start);
        self.starts.push((epoch, start));
    }

    /// The latest epoch that wrote, or was assigned.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.starts.last().map(|&(epoch, _)| epoch)
    }

    /// All of them, in order.
    pub fn starts(&self) -> &[(LeaderEpoch, Offset)] {
        &self.starts
    }

    /// The epoch a record at `offset` was written in.
    pub fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.starts.partition_point(|&(_, start)| start <= offset);
        Some(self.starts[after.checked_sub(1)?].0)
    }

    /// The largest epoch not above `epoch`, and where it ended; `None` when
    /// `epoch` is larger than any known, or no epoch at all.
    pub fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        if epoch == LeaderEpoch::NONE {
            return None;
        }
        if Some(epoch) == self.latest() {
            return Some((epoch, log_end));
        }
        let after = self.starts.partition_point(|&(known, _)| known <= epoch);
        let &(_, end) = self.starts.get(after)?;
        // Before the first one known: an earlier epoch ended where it begins.
        let floor = after
            .checked_sub(1)
            .map_or(epoch, |floor| self.starts[floor].0);
        Some((floor, end))
    }

    /// Forgets what lay below `log_start`; the epoch reaching over it stays.
    pub fn truncate_front(&mut self, log_start: Offset) {
        let covering = self
            .starts
            .partition_point(|&(_, start)| start <= log_start);
        if let Some(keep_from) = covering.checked_sub(1) {
            self.starts.drain(..keep_from);
            self.starts[0].1 = log_start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_epochs() -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        epochs.assign(LeaderEpoch(2), Offset(0));
        epochs.assign(LeaderEpoch(4), Offset(10));
        epochs.assign(LeaderEpoch(5), Offset(25));
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        let epochs = three_epochs();
        let end = |epoch| epochs.end_of(LeaderEpoch(epoch), Offset(40));
        assert_eq!(end(2), Some((LeaderEpoch(2), Offset(10))));
        assert_eq!(
            end(3),
            Some((LeaderEpoch(2), Offset(10))),
            "no leader had epoch 3"
        );
        assert_eq!(end(4), Some((LeaderEpoch(4), Offset(25))));
        assert_eq!(
            end(5),
            Some((LeaderEpoch(5), Offset(40))),
            "the latest reaches the log end"
        );
    }

    #[test]
    fn epochs_outside_the_known_ones_answer_as_kafka_does() {
        let epochs = three_epochs();
        assert_eq!(epochs.end_of(LeaderEpoch(6), Offset(40)), None);
        assert_eq!(epochs.end_of(LeaderEpoch::NONE, Offset(40)), None);
        let before_all = epochs.end_of(LeaderEpoch(1), Offset(40));
        assert_eq!(before_all, Some((LeaderEpoch(1), Offset(0))));
    }

    #[test]
    fn an_older_epoch_is_not_assigned_again() {
        let mut epochs = three_epochs();
        epochs.assign(LeaderEpoch(4), Offset(30));
        epochs.assign(LeaderEpoch(5), Offset(30));
        assert_eq!(epochs, three_epochs());
    }

    #[test]
    fn an_epoch_that_wrote_nothing_gives_way() {
        let mut epochs = three_epochs();
        epochs.assign(LeaderEpoch(9), Offset(25));
        assert_eq!(
            epochs.end_of(LeaderEpoch(5), Offset(40)),
            Some((LeaderEpoch(4), Offset(25)))
        );
        assert_eq!(epochs.latest(), Some(LeaderEpoch(9)));
    }

    #[test]
    fn offsets_below_the_log_start_are_forgotten() {
        let mut epochs = three_epochs();
        epochs.truncate_front(Offset(12));
        assert_eq!(epochs.at(Offset(11)), None);
        assert_eq!(epochs.at(Offset(12)), Some(LeaderEpoch(4)));
        assert_eq!(epochs.at(Offset(25)), Some(LeaderEpoch(5)));
    }
}
