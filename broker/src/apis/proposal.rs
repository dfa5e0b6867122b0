//! Several changes of the metadata in one request: decided together, written
//! together, answered one by one.

use std::sync::Arc;

use ottla_core::controller::{MetadataImage, MetadataRecord};
use ottla_core::time::Now;

use super::errors::ApiError;
use crate::node::Node;
use crate::node::metadata::{Committed, Draft};

/// Decides each of `items` on what those before it lead to. Nothing is written
/// when the client only asks what would happen. Results are in order; if the
/// log refuses, all of them are that refusal.
pub(super) fn propose<Item>(
    node: &Arc<Node>,
    now: Now,
    only_validate: bool,
    items: &[Item],
    mut decide: impl FnMut(&MetadataImage, &Item) -> Result<Vec<MetadataRecord>, ApiError>,
) -> (Vec<Result<(), ApiError>>, Committed) {
    let mut decide_all = |draft: &mut Draft| {
        let mut decide_one = |item| {
            let records = decide(draft.image(), item)?;
            draft.write(records);
            Ok(())
        };
        items.iter().map(&mut decide_one).collect()
    };
    if only_validate {
        let drafted = node
            .metadata
            .draft()
            .map(|mut draft| decide_all(&mut draft));
        let results = drafted.unwrap_or_else(|error| refuse_all(items, error));
        return (results, Committed::default());
    }
    node.propose(now, decide_all)
        .unwrap_or_else(|error| (refuse_all(items, error), Committed::default()))
}

/// The same refusal for each of `items`.
pub(super) fn refuse_all<Item>(
    items: &[Item],
    error: impl Into<ApiError>,
) -> Vec<Result<(), ApiError>> {
    let error = error.into();
    items.iter().map(|_| Err(error.clone())).collect()
}
