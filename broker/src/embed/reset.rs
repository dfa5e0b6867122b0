//! Back to how the broker started, without a restart.

use std::sync::Arc;

use ottla_core::controller::CreateTopic;

use super::error::EmbedError;
use crate::node::Node;

/// Takes back what happened since the start. Returns when it is as durable as
/// any other change of topics.
pub(super) async fn reset(node: Arc<Node>) -> Result<(), EmbedError> {
    node.faults.clear();
    // Files are removed and made.
    let reset = tokio::task::spawn_blocking(move || begin_anew(&node));
    // It was cancelled, because the broker's threads end.
    reset.await.unwrap_or(Err(EmbedError::Stopped))
}

fn begin_anew(node: &Arc<Node>) -> Result<(), EmbedError> {
    let initial = &node.config.embed.initial;
    let wanted = initial.topics.iter().map(|(name, partitions)| CreateTopic {
        partitions: *partitions,
        ..node.automatic_topic(name)
    });
    let wanted: Vec<_> = wanted.collect();
    let failed = |problem: String| EmbedError::Reset(problem);
    let (created, committed) = node
        .begin_anew(node.clock.now(), &wanted)
        .map_err(|error| failed(error.to_string()))?;
    if let Some(refused) = created.into_iter().find_map(Result::err) {
        return Err(failed(refused.to_string()));
    }
    // Nobody sees the topics before.
    committed
        .wait_here()
        .map_err(|error| failed(error.to_string()))?;
    initial
        .fill(node, |_| true)
        .map_err(|(topic, problem)| failed(format!("cannot append to '{topic}': {problem}")))
}
