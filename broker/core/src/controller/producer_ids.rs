//! Producer ids are given out in blocks, so that a block is written once and
//! none of its ids is ever given out twice, however often a node restarts.

use super::image::MetadataImage;
use super::record::MetadataRecord;
use crate::ids::NodeId;

/// Kafka's block size.
pub const PRODUCER_ID_BLOCK_SIZE: i64 = 1_000;

/// Sets aside the next block for a broker: from the image's
/// `next_producer_id` up to the record's, which is not part of it.
pub fn decide_producer_id_block(image: &MetadataImage, broker: NodeId) -> MetadataRecord {
    MetadataRecord::ProducerIds {
        broker,
        next_producer_id: image.next_producer_id() + PRODUCER_ID_BLOCK_SIZE,
    }
}
