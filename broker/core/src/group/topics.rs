//! What a group may know of topics.

use crate::ids::TopicId;

/// One topic as the metadata image shows it at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicInfo<'a> {
    /// Identifies this life of the topic.
    pub id: TopicId,
    /// Its name.
    pub name: &'a str,
    /// How many partitions it has; at least one.
    pub partitions: i32,
}

/// The topics that exist, read from one image of the metadata.
pub trait TopicsView {
    /// Grows with every change of topics: equal versions show equal topics, so
    /// that a group need not look again.
    fn version(&self) -> u64;

    /// The topic of that name.
    fn by_name(&self, name: &str) -> Option<TopicInfo<'_>>;

    /// The topic of that id.
    fn by_id(&self, id: TopicId) -> Option<TopicInfo<'_>>;

    /// Every topic, in no promised order.
    fn all(&self) -> Box<dyn Iterator<Item = TopicInfo<'_>> + '_>;
}
