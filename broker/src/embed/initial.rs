//! What a broker has from the first moment on: topics, and records in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::append::append_now;
use super::record::NewRecord;
use crate::broker::StartError;
use crate::node::Node;

/// As the builder was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Initial {
    /// Names, and how many partitions; −1 is the default.
    pub(crate) topics: Vec<(String, i32)>,
    /// Topics and records in them, in the order they are appended.
    pub(crate) records: Vec<(String, NewRecord)>,
}

impl Initial {
    /// Adds a topic, or says how many partitions one has that records named.
    pub(crate) fn add_topic(&mut self, name: String, partitions: i32) {
        self.topics.retain(|(known, _)| *known != name);
        self.topics.push((name, partitions));
    }

    /// Adds a record. Its topic will be made like any other, if it was not
    /// asked for.
    pub(crate) fn add_record(&mut self, topic: &str, record: NewRecord) {
        if !self.topics.iter().any(|(name, _)| name == topic) {
            self.topics.push((topic.to_owned(), -1));
        }
        self.records.push((topic.to_owned(), record));
    }

    /// Makes the topics that are not there, and fills those it made: what a
    /// data directory holds stays as it is. Blocks on the disk.
    pub(crate) fn create(&self, node: &Arc<Node>) -> Result<(), StartError> {
        let missing = self.missing(node);
        node.create_at_start(&self.topics)
            .map_err(|(name, problem)| StartError::Topic { name, problem })?;
        self.fill(node, |topic| missing.contains(topic))
            .map_err(|(topic, problem)| StartError::Record { topic, problem })
    }

    /// Appends the records of those topics that `is_new` names.
    pub(super) fn fill(
        &self,
        node: &Arc<Node>,
        is_new: impl Fn(&str) -> bool,
    ) -> Result<(), (String, String)> {
        let records = self.records.iter().filter(|(topic, _)| is_new(topic));
        for (topic, record) in records {
            append_now(node, topic, record).map_err(|problem| (topic.clone(), problem))?;
        }
        Ok(())
    }

    fn missing(&self, node: &Node) -> BTreeSet<&str> {
        let image = node.metadata.image();
        let names = self.topics.iter().map(|(name, _)| name.as_str());
        names.filter(|name| image.topic(name).is_none()).collect()
    }
}
