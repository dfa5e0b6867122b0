//! What a tool asks of a cluster: topics, configuration, groups, offsets.
//! Every call is a method of [`Client`](crate::Client), in one file per subject.

mod cluster;
mod configs;
mod groups;
mod offsets;
mod topics;

pub use cluster::ClusterDescription;
pub use configs::{ConfigEntry, ConfigResource, ConfigSource};
pub use groups::{GroupDescription, GroupKind, ListedGroup, MemberDescription};
pub use topics::NewTopic;
