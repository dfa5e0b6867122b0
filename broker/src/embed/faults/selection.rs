//! What a fault is about: everything in a request, one topic, one partition.

use ottla_core::controller::MetadataImage;
use uuid::Uuid;

/// As the test says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) topic: Option<String>,
    pub(super) partition: Option<i32>,
}

/// As it can be compared with a request, which may name topics by their ids.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    topic: Option<(String, Option<Uuid>)>,
    partition: Option<i32>,
}

impl About {
    pub(super) fn select(&self, image: &MetadataImage) -> Selection {
        let topic = self.topic.as_ref().map(|name| {
            let id = image.topic(name).map(|topic| topic.id);
            (name.clone(), id.map(|id| Uuid::from_bytes(id.0)))
        });
        Selection {
            topic,
            partition: self.partition,
        }
    }
}

impl Selection {
    /// Whether it is about the request as a whole.
    pub(super) fn is_everything(&self) -> bool {
        self.topic.is_none()
    }

    /// Whether it is about one partition alone.
    pub(super) fn is_one_partition(&self) -> bool {
        self.partition.is_some()
    }

    /// Whether it is about the topic of that name or id; the one that a
    /// request leaves out is empty.
    pub(super) fn is_topic(&self, name: &str, id: Uuid) -> bool {
        match &self.topic {
            None => true,
            Some((wanted, _)) if !name.is_empty() => name == wanted,
            Some((_, wanted)) => *wanted == Some(id),
        }
    }

    pub(super) fn is_partition(&self, index: i32) -> bool {
        self.partition.is_none_or(|wanted| wanted == index)
    }
}
