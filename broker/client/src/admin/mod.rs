//! What a tool asks of a cluster: topics, records, configuration, groups,
//! offsets, log directories.
//! Every call is a method of [`Client`](crate::Client), in one file per subject.

mod cluster;
mod configs;
mod groups;
mod log_dirs;
mod offsets;
mod records;
mod topics;

pub use cluster::ClusterDescription;
pub use configs::{ConfigEntry, ConfigResource, ConfigSource};
pub use groups::{GroupDescription, GroupKind, ListedGroup, MemberDescription};
pub use log_dirs::{LogDir, PartitionSize};
pub use topics::NewTopic;
