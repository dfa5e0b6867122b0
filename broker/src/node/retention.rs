//! Looks at every `log.retention.check.interval.ms` for what retention no
//! longer keeps. One timer; the removing is done on a thread that may block.

use std::sync::{Arc, Weak};

use super::Node;

impl Node {
    /// Schedules the first look; each schedules the next.
    pub(super) fn expire_regularly(self: &Arc<Node>) {
        let interval_ms = self
            .config
            .properties
            .number("log.retention.check.interval.ms");
        let at_ms = self
            .clock
            .now()
            .after_ms(u64::try_from(interval_ms).unwrap_or(1));
        // Weak: a timer must not keep a stopped node and its files alive.
        let node = Arc::downgrade(self);
        self.timers.schedule(at_ms, move || expire(&node));
    }
}

fn expire(node: &Weak<Node>) {
    let Some(node) = node.upgrade() else { return };
    tokio::task::spawn_blocking(move || {
        node.partitions.expire(node.clock.now());
        node.expire_regularly();
    });
}
