//! From a Fetch request to the partitions it is about: those it names, and
//! those its session remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::protocol::StrBytes;
use ottla_core::controller::MetadataImage;
use ottla_core::fetch_session::{
    PartitionKey, Position, SessionError, SessionPartition, SessionRequest, TopicKey, Turn,
};
use ottla_core::ids::{LeaderEpoch, Offset, TopicId};
use uuid::Uuid;

use super::{FIRST_WITH_SESSIONS, FIRST_WITH_TOPIC_IDS};
use crate::apis::RequestContext;
use crate::node::Node;

/// What kind of answer the request gets, and about which partitions.
pub(super) fn begin(
    node: &Node,
    context: &RequestContext,
    image: &MetadataImage,
    request: &FetchRequest,
) -> Result<(Turn, Vec<SessionPartition>), SessionError> {
    let uses_topic_ids = context.api_version >= FIRST_WITH_TOPIC_IDS;
    let wanted = wanted(image, uses_topic_ids, request);
    if context.api_version < FIRST_WITH_SESSIONS {
        return Ok((Turn::Sessionless, wanted));
    }
    let session = SessionRequest {
        session_id: request.session_id,
        epoch: request.session_epoch,
        uses_topic_ids,
    };
    let forgotten = forgotten(uses_topic_ids, request);
    let name_of = |id| image.topic_by_id(id).map(|topic| Arc::clone(&topic.name));
    node.fetch_sessions
        .begin(context.now, session, wanted, &forgotten, &name_of)
}

/// The partitions a request names, in its order. One that is named twice is
/// taken once, where it came first and as it came last.
fn wanted(
    image: &MetadataImage,
    uses_topic_ids: bool,
    request: &FetchRequest,
) -> Vec<SessionPartition> {
    let named = request.topics.iter().map(|topic| topic.partitions.len());
    let mut wanted = Vec::with_capacity(named.sum());
    for topic in &request.topics {
        let (key, name) = match uses_topic_ids {
            true => by_id(image, topic.topic_id),
            false => by_name(image, &topic.topic.0),
        };
        for partition in &topic.partitions {
            let key = PartitionKey {
                topic: key.clone(),
                index: partition.partition,
            };
            wanted.push(SessionPartition::new(
                key,
                name.clone(),
                position(partition),
            ));
        }
    }
    once_each(wanted)
}

fn by_id(image: &MetadataImage, id: Uuid) -> (TopicKey, Option<Arc<str>>) {
    let id = TopicId(id.into_bytes());
    let name = image.topic_by_id(id).map(|topic| Arc::clone(&topic.name));
    (TopicKey::Id(id), name)
}

fn by_name(image: &MetadataImage, name: &StrBytes) -> (TopicKey, Option<Arc<str>>) {
    let name = match image.topic(name) {
        Some(topic) => Arc::clone(&topic.name),
        None => Arc::from(name.as_str()),
    };
    (TopicKey::Name(Arc::clone(&name)), Some(name))
}

fn once_each(mut wanted: Vec<SessionPartition>) -> Vec<SessionPartition> {
    if wanted.len() < 2 {
        return wanted;
    }
    let mut last = BTreeMap::new();
    for partition in &wanted {
        last.insert(partition.key.clone(), partition.position);
    }
    if last.len() < wanted.len() {
        wanted.retain_mut(|partition| match last.remove(&partition.key) {
            Some(position) => {
                partition.position = position;
                true
            }
            None => false,
        });
    }
    wanted
}

fn forgotten(uses_topic_ids: bool, request: &FetchRequest) -> Vec<PartitionKey> {
    let topics = request.forgotten_topics_data.iter();
    let keys = topics.flat_map(|topic| {
        let key = match uses_topic_ids {
            true => TopicKey::Id(TopicId(topic.topic_id.into_bytes())),
            false => TopicKey::Name(Arc::from(topic.topic.as_str())),
        };
        topic.partitions.iter().map(move |&index| PartitionKey {
            topic: key.clone(),
            index,
        })
    });
    keys.collect()
}

fn position(wanted: &FetchPartition) -> Position {
    Position {
        offset: Offset(wanted.fetch_offset),
        max_bytes: wanted.partition_max_bytes,
        current_leader_epoch: LeaderEpoch(wanted.current_leader_epoch),
        last_fetched_epoch: LeaderEpoch(wanted.last_fetched_epoch),
    }
}
