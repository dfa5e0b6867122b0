//! What each topic property means, in a sentence, for DescribeConfigs.

/// What the topic property of this name means; `None` for other names.
#[rustfmt::skip] // a row a property, so that the table can be read as one
pub fn topic_documentation(name: &str) -> Option<&'static str> {
    let sentence = match name {
        "cleanup.policy" => "What happens to old segments: delete removes them by age and size, compact keeps the last value of each key. Both may be named, or neither.",
        "compression.gzip.level" => "How hard gzip tries where compression.type is gzip: 1 is the fastest, 9 the smallest, -1 its own default.",
        "compression.lz4.level" => "How hard lz4 tries where compression.type is lz4. There is one level.",
        "compression.type" => "The codec that batches are stored in; producer leaves them as they were sent.",
        "compression.zstd.level" => "How hard zstd tries where compression.type is zstd. There is one level.",
        "delete.retention.ms" => "How long a tombstone of a compacted topic can still be read.",
        "file.delete.delay.ms" => "How long the files of a segment stay after it was deleted.",
        "flush.messages" => "Sync a partition's log after so many records; with 1 a record is acknowledged only once it is synced.",
        "flush.ms" => "Sync a partition's log when a record has waited so long for it.",
        "follower.replication.throttled.replicas" => "The replicas whose fetching is slowed down, as partition:broker pairs, or * for all.",
        "index.interval.bytes" => "How many bytes of batches lie between two entries of an offset index.",
        "leader.replication.throttled.replicas" => "The replicas to which sending is slowed down, as partition:broker pairs, or * for all.",
        "local.retention.bytes" => "How many bytes stay on this disk when older segments are in remote storage; -2 stands for retention.bytes.",
        "local.retention.ms" => "How long segments stay on this disk when they are in remote storage; -2 stands for retention.ms.",
        "max.compaction.lag.ms" => "How long a record can stay uncompacted at most, whatever the dirty ratio.",
        "max.message.bytes" => "The largest record batch a producer may send, header included.",
        "message.timestamp.after.max.ms" => "How far a record's timestamp may lie ahead of the broker's clock, where producers set it.",
        "message.timestamp.before.max.ms" => "How far a record's timestamp may lie behind the broker's clock, where producers set it.",
        "message.timestamp.type" => "Whose clock a record's timestamp comes from: the producer's (CreateTime) or the broker's (LogAppendTime).",
        "min.cleanable.dirty.ratio" => "How much of a compacted log must be uncompacted before it is compacted again.",
        "min.compaction.lag.ms" => "How long a record stays uncompacted at least.",
        "min.insync.replicas" => "How many replicas must have a record before a producer with acks=all is answered.",
        "preallocate" => "Whether a segment's file takes its whole size when it is made.",
        "remote.log.copy.disable" => "Whether no more segments are copied to remote storage.",
        "remote.log.delete.on.disable" => "Whether what lies in remote storage is deleted when that is switched off for the topic.",
        "remote.storage.enable" => "Whether older segments move to remote storage; there is none, so this cannot be switched on.",
        "retention.bytes" => "How many bytes a partition keeps before its oldest segments are deleted; -1 is no limit.",
        "retention.ms" => "How long a record is kept before its segment may be deleted; -1 is for ever.",
        "segment.bytes" => "The size at which a segment is closed and the next one begun.",
        "segment.index.bytes" => "The size of a segment's index at which the segment is closed.",
        "segment.jitter.ms" => "How much earlier than segment.ms a segment may be closed, so that not all are at once.",
        "segment.ms" => "The age at which a segment is closed even if it is not full.",
        "unclean.leader.election.enable" => "Whether a replica that has fallen behind may lead, at the price of records.",
        _ => return None,
    };
    Some(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TOPIC_CONFIGS;

    #[test]
    fn every_topic_property_says_what_it_means() {
        for definition in TOPIC_CONFIGS {
            assert!(
                topic_documentation(definition.name).is_some(),
                "{}",
                definition.name
            );
        }
    }
}
