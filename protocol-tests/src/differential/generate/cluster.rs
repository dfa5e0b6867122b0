//! What a client asks before anything else, and versions that nobody serves.

use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, DescribeClusterRequest, FindCoordinatorRequest,
};

use super::{Draft, text};
use crate::differential::script::Operation;

pub fn find_coordinator(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::FindCoordinator)?;
    let client = draft.client();
    let mut request = FindCoordinatorRequest::default();
    if version >= 1 {
        request.key_type = draft.dice.pick(&[0, 0, 0, 0, 2, 9, -1]);
    }
    if version >= 4 {
        let count = draft.dice.pick(&[1, 1, 2, 0]);
        request.coordinator_keys = (0..count).map(|_| draft.group_or_none()).collect();
    } else {
        request.key = draft.group_or_none();
    }
    draft.push(client, version, request);
    Some(())
}

pub fn describe_cluster(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DescribeCluster)?;
    let client = draft.client();
    let mut request = DescribeClusterRequest::default()
        .with_include_cluster_authorized_operations(draft.dice.once_in(3));
    if version >= 1 {
        request.endpoint_type = draft.dice.pick(&[1, 1, 1, 2, 0, 7]);
    }
    if version >= 2 {
        request.include_fenced_brokers = draft.dice.once_in(2);
    }
    draft.push(client, version, request);
    Some(())
}

/// What is advertised differs from release to release; that names are checked
/// and that the answer has the right shape does not.
pub fn api_versions(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::ApiVersions)?;
    let client = draft.client();
    if draft.dice.once_in(3) {
        draft
            .operations
            .push(Operation::unserved(client, ApiKey::ApiVersions, 99));
        return Some(());
    }
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request.client_software_name = text(draft.dice.pick(&["differential", "", "not legal!"]));
        request.client_software_version = text(draft.dice.pick(&["1.0", "", "-1-"]));
    }
    draft.push(client, version, request);
    Some(())
}

/// A version that is not served ends the connection.
pub fn unserved(draft: &mut Draft<'_>) -> Option<()> {
    let client = draft.client();
    let api = draft.dice.pick(&[
        ApiKey::Metadata,
        ApiKey::Produce,
        ApiKey::Fetch,
        ApiKey::CreateTopics,
        ApiKey::OffsetCommit,
    ]);
    draft.operations.push(Operation::unserved(client, api, 99));
    Some(())
}
