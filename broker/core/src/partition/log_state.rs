//! The marks of a partition's log and the order they keep:
//! log start ≤ last stable ≤ high watermark ≤ log end.

use crate::ids::{LeaderEpoch, Offset};

/// Where a partition's log begins, how far it may be read, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The first offset that can still be read.
    pub log_start: Offset,
    /// The end of what read_committed may read. Without transactions nothing
    /// is unstable, so it is the high watermark.
    pub last_stable: Offset,
    /// The end of what may be read: it will not be taken back.
    pub high_watermark: Offset,
    /// Where the next batch goes.
    pub log_end: Offset,
    /// Of the leader that appends now.
    pub leader_epoch: LeaderEpoch,
}

impl Marks {
    /// The marks of a log that begins, and so far ends, at `log_start`.
    pub fn empty_at(log_start: Offset, leader_epoch: LeaderEpoch) -> Marks {
        Marks {
            log_start,
            last_stable: log_start,
            high_watermark: log_start,
            log_end: log_start,
            leader_epoch,
        }
    }

    /// The log now ends at `log_end`; ends never go back here.
    pub(super) fn extend(&mut self, log_end: Offset) {
        self.log_end = self.log_end.max(log_end);
    }

    /// Raises the high watermark, at most to the log end. Says whether it rose.
    pub(super) fn raise_high_watermark(&mut self, to: Offset) -> bool {
        let raised = to.min(self.log_end);
        let rose = raised > self.high_watermark;
        if rose {
            self.high_watermark = raised;
            self.last_stable = raised;
        }
        rose
    }

    /// Raises the log start, at most to the high watermark. Says whether it rose.
    pub(super) fn raise_log_start(&mut self, to: Offset) -> bool {
        let raised = to.min(self.high_watermark);
        let rose = raised > self.log_start;
        if rose {
            self.log_start = raised;
        }
        rose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_keep_their_order_whatever_is_asked() {
        let mut marks = Marks::empty_at(Offset(5), LeaderEpoch(0));
        assert!(
            !marks.raise_high_watermark(Offset(9)),
            "nothing is there to be read"
        );
        marks.extend(Offset(8));
        assert!(marks.raise_high_watermark(Offset(9)));
        assert_eq!(marks.high_watermark, Offset(8));
        assert!(!marks.raise_high_watermark(Offset(6)), "it never goes back");
        assert!(marks.raise_log_start(Offset(100)));
        assert_eq!(marks.log_start, Offset(8));
        assert_eq!(marks.last_stable, Offset(8));
    }
}
