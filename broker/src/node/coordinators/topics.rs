//! What groups may know of topics: the metadata image, as they want to see it.

use ottla_core::controller::{MetadataImage, TopicImage};
use ottla_core::group::{TopicInfo, TopicsView};
use ottla_core::ids::TopicId;

pub(super) struct ImageTopics<'a>(pub(super) &'a MetadataImage);

impl TopicsView for ImageTopics<'_> {
    fn version(&self) -> u64 {
        self.0.topics_version()
    }

    fn by_name(&self, name: &str) -> Option<TopicInfo<'_>> {
        self.0.topic(name).map(|topic| info(topic))
    }

    fn by_id(&self, id: TopicId) -> Option<TopicInfo<'_>> {
        self.0.topic_by_id(id).map(|topic| info(topic))
    }

    fn all(&self) -> Box<dyn Iterator<Item = TopicInfo<'_>> + '_> {
        Box::new(self.0.topics().map(|topic| info(topic)))
    }
}

fn info(topic: &TopicImage) -> TopicInfo<'_> {
    TopicInfo {
        id: topic.id,
        name: &topic.name,
        partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
    }
}
