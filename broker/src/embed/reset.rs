//! Back to how the broker started, without a restart.

use std::sync::Arc;

use ottla_core::controller::CreateTopic;

use super::error::EmbedError;
use crate::node::Node;
use crate::node::metadata::Committed;

/// Takes back what happened since the start. Returns when it is as durable as
/// any other change of topics.
pub(super) async fn reset(node: Arc<Node>) -> Result<(), EmbedError> {
    node.faults.clear();
    let resetting = Arc::clone(&node);
    // Files are removed and made.
    let reset = tokio::task::spawn_blocking(move || begin_anew(&resetting));
    // It was cancelled, because the broker's threads end.
    let committed = reset.await.unwrap_or(Err(EmbedError::Stopped))?;
    committed.wait().await;
    Ok(())
}

fn begin_anew(node: &Arc<Node>) -> Result<Committed, EmbedError> {
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
    initial
        .fill(node, |_| true)
        .map_err(|(topic, problem)| failed(format!("cannot append to '{topic}': {problem}")))?;
    Ok(committed)
}
