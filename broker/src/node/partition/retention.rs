//! Retention of one partition: judged and done without the lock, which is held
//! only to look at what there is and to forget what is gone.

use std::sync::PoisonError;

use ottla_core::time::Now;

use super::{Inner, Partition, Unavailable, remembered};
use crate::storage::{Expiry, StorageError};

impl Partition {
    /// Removes what retention no longer keeps. Touches the disk: call it on a
    /// thread that may block.
    pub(crate) fn expire(&self, now: Now) -> Result<(), StorageError> {
        let _alone = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut expiry) = self.expiry()? else {
            return Ok(());
        };
        expiry.judge(now.wall_ms)?;
        if expiry.reaches_end() && !self.roll_at_end(now, &expiry)? {
            expiry.spare_last();
        }
        if expiry.is_empty() {
            return Ok(());
        }
        let set_aside = expiry.set_aside();
        if self.forget(&expiry).is_ok() {
            expiry.unlink_later();
        }
        set_aside
    }

    fn expiry(&self) -> Result<Option<Expiry>, StorageError> {
        if !self.is_used() {
            return Ok(None);
        }
        let inner = self.inner();
        let Ok(open) = &inner.open else {
            return Ok(None);
        };
        open.log.expiry(open.state.marks().high_watermark).map(Some)
    }

    fn roll_at_end(&self, now: Now, expiry: &Expiry) -> Result<bool, StorageError> {
        let mut inner = self.inner();
        let Ok(open) = &mut inner.open else {
            return Ok(false);
        };
        let rolled = open.log.roll_at_end(now.wall_ms, expiry)?;
        if rolled {
            let remembered = remembered(&open.state);
            open.log.remember_before(expiry.log_end(), remembered);
        }
        Ok(rolled)
    }

    /// A log that was removed meanwhile has taken its files along.
    fn forget(&self, expiry: &Expiry) -> Result<(), Unavailable> {
        let mut inner = self.inner();
        let Inner { open, .. } = &mut *inner;
        let open = open.as_mut().map_err(|unavailable| *unavailable)?;
        open.log.forget_oldest(expiry);
        open.state.raise_log_start(open.log.log_start());
        Ok(())
    }
}
