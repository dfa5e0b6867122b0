//! Reading the local bus: in a group, or a whole topic for replies.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::LocalBus;
use super::log::PartitionLog;
use crate::Moment;
use crate::bus::consume::{
    Arrival, Arrived, Committed, Consumer, ConsumerSettings, Handler, Running, settle,
};
use crate::bus::request::ReplyReader;
use crate::bus::{Bus, Position};

/// Runs one task per partition. Of a group's members the first to claim a partition reads it;
/// the others stand by until it stops.
pub(in crate::bus) fn consume(
    bus: &LocalBus,
    settings: &ConsumerSettings,
    handler: &Handler,
) -> Consumer {
    let (consumer, running) = Consumer::new();
    let Running {
        stop,
        assigned,
        stopped,
    } = running;
    let tasks = TaskTracker::new();
    for topic in &settings.topics {
        bus.ensure_topics(&[topic]);
        for log in &bus.topic_or_create(topic).partitions {
            // Registered before the first publish can be missed: room is made only for groups
            // that are known.
            let claim = log.claim(&settings.group);
            let member = Member {
                bus: Bus::Local(bus.clone()),
                group: settings.group.clone(),
                log: Arc::clone(log),
                handler: Arc::clone(handler),
                commits: settings.commits.clone(),
                stop: stop.clone(),
            };
            tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = member.stop.cancelled() => {}
                    _claimed = claim.lock() => member.run().await,
                }
            });
        }
    }
    tasks.close();
    assigned.send_replace(true);
    tokio::spawn(async move {
        tasks.wait().await;
        // Kept until here: `Consumer::assigned` answers for as long as the consumer runs.
        drop(assigned);
        drop(stopped);
    });
    consumer
}

/// One member's reading of one partition.
struct Member {
    bus: Bus,
    group: String,
    log: Arc<PartitionLog>,
    handler: Handler,
    commits: Option<mpsc::Sender<Committed>>,
    stop: CancellationToken,
}

impl Member {
    async fn run(&self) {
        loop {
            let next = self.log.position(&self.group);
            let waiting_since = Instant::now();
            let record = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                record = self.log.read(next) => record,
            };
            let arrival = Arrival {
                at: Moment::now(),
                waited: Some(waiting_since.elapsed()),
            };
            let position = record.position.clone();
            let arrived = Arrived { record, arrival };
            if !settle(&self.bus, &self.handler, arrived, &self.stop).await {
                return;
            }
            self.commit(position);
        }
    }

    fn commit(&self, handled: Position) {
        let next = handled.offset + 1;
        self.log.commit(&self.group, next);
        if let Some(commits) = &self.commits {
            // Whoever is behind learns of it by the next one.
            let _ = commits.try_send(Committed {
                topic: handled.topic,
                partition: handled.partition,
                next,
                at: Moment::now(),
            });
        }
    }
}

/// Reads all partitions of the reply topic from their present end.
pub(in crate::bus) fn read_replies(bus: &LocalBus, reader: &ReplyReader) {
    bus.ensure_topics(&[&reader.topic]);
    for log in &bus.topic_or_create(&reader.topic).partitions {
        let (log, replies, stop) = (
            Arc::clone(log),
            Arc::clone(&reader.replies),
            reader.stop.clone(),
        );
        let mut next = log.end();
        tokio::spawn(async move {
            loop {
                let reply = tokio::select! {
                    () = stop.cancelled() => return,
                    reply = log.read(next) => reply,
                };
                next = reply.position.offset + 1;
                replies.deliver((*reply).clone());
            }
        });
    }
    reader.ready.send_replace(true);
}
