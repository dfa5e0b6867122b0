//! The controller: topics, partitions, configuration and producer ids.
//!
//! ```text
//! image + request ──► decide ──► metadata records ──► the metadata log
//! image + record  ──► MetadataImage::replay ──► the next image
//! ```
//!
//! Deciding never changes the image; replay is the only way it changes, on
//! every node and after every restart alike.

mod configs;
mod image;
mod producer_ids;
mod record;
mod topic_name;
mod topics;

pub use configs::{
    AlterConfigError, AlterOperation, ConfigAlteration, ConfigResource, decide_alter_configs,
    decide_replace_configs,
};
pub use image::{MetadataImage, PartitionImage, TopicImage};
pub use producer_ids::{PRODUCER_ID_BLOCK_SIZE, decide_producer_id_block};
pub use record::{MetadataRecord, RecordError};
pub use topic_name::{TopicNameError, validate_topic_name};
pub use topics::{
    CreatePartitionsError, CreateTopic, CreateTopicError, CreatedTopic, TopicDefaults,
    decide_create_partitions, decide_create_topic, decide_delete_topic, is_internal_topic,
    limit_added_partitions, limit_partitions,
};
