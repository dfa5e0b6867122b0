//! Deleting records on request (DeleteRecords): the log's start is raised, and
//! is durable before anybody hears of it. Bytes go later, with retention.

use ottla_core::ids::Offset;

use super::{DeleteRecordsError, Partition};
use crate::storage::StartMark;

impl Partition {
    /// Deletes the records before `before`, or all that can be read if it is
    /// `None`, and returns where the log begins then.
    ///
    /// Waits for the disk, outside of the lock: call it on a thread that may
    /// block.
    pub(crate) fn delete_records(
        &self,
        before: Option<Offset>,
    ) -> Result<Offset, DeleteRecordsError> {
        let (log_start, mark) = self.decide_log_start(before)?;
        if let Some(mark) = mark {
            mark.save()?;
            self.raise_log_start(log_start)?;
        }
        Ok(self.marks()?.log_start)
    }

    /// Where the log is to begin; a mark to save if it does not yet.
    fn decide_log_start(
        &self,
        before: Option<Offset>,
    ) -> Result<(Offset, Option<StartMark>), DeleteRecordsError> {
        let inner = self.inner();
        let open = inner.open.as_ref().map_err(|unavailable| *unavailable)?;
        let log_start = open.state.decide_delete_records(before)?;
        let rises = log_start > open.state.marks().log_start;
        Ok((log_start, rises.then(|| open.log.start_mark(log_start))))
    }

    /// The high watermark never goes back, so what was decided still holds.
    fn raise_log_start(&self, log_start: Offset) -> Result<(), DeleteRecordsError> {
        let mut inner = self.inner();
        let open = inner.open.as_mut().map_err(|unavailable| *unavailable)?;
        open.log.raise_start(log_start);
        open.state.raise_log_start(log_start);
        Ok(())
    }
}
