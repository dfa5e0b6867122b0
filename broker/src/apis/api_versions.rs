//! ApiVersions (18), versions 0–4.
//!
//! - 0: error code and ranges. 1: throttle time. 3: flexible body, features
//!   (KIP-584), client software name. 4: features whose minimum is 0 are listed.
//! - A version that is newer than ours is answered with body version 0, error
//!   UNSUPPORTED_VERSION and the range of this API, so that the client can ask
//!   again (KIP-511).

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Malformed, Reply, RequestContext, Row, TABLE, decode, encode_as};
use crate::node::Node;

/// Clients that speak the new group protocol look for this feature (KIP-848).
const GROUP_VERSION: &str = "group.version";

pub(super) fn handle(
    _node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: ApiVersionsRequest = decode(context, body)?;
    if context.api_version >= 3 && !names_a_client(&request) {
        let refused =
            ApiVersionsResponse::default().with_error_code(ResponseError::InvalidRequest.code());
        return Ok(Answer::ready(context, &refused));
    }
    Ok(Answer::ready(context, &supported()))
}

/// The answer to a version of ApiVersions that this broker does not know.
pub(crate) fn unsupported_version() -> Reply {
    let own_range = TABLE.iter().filter(|row| row.key == ApiKey::ApiVersions);
    let response = ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(own_range.map(range).collect());
    encode_as(0, &response)
}

fn supported() -> ApiVersionsResponse {
    let group_version = StrBytes::from_static_str(GROUP_VERSION);
    ApiVersionsResponse::default()
        .with_api_keys(TABLE.iter().map(range).collect())
        .with_supported_features(vec![
            SupportedFeatureKey::default()
                .with_name(group_version.clone())
                .with_min_version(1)
                .with_max_version(1),
        ])
        .with_finalized_features_epoch(0)
        .with_finalized_features(vec![
            FinalizedFeatureKey::default()
                .with_name(group_version)
                .with_min_version_level(1)
                .with_max_version_level(1),
        ])
}

fn range(row: &Row) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(row.key as i16)
        .with_min_version(row.advertised_min_version)
        .with_max_version(row.max_version)
}

/// Kafka refuses names outside `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`
/// (KIP-511), so that they can be used in metric names.
fn names_a_client(request: &ApiVersionsRequest) -> bool {
    is_software_word(&request.client_software_name)
        && is_software_word(&request.client_software_version)
}

fn is_software_word(word: &str) -> bool {
    let bytes = word.as_bytes();
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_software_words_are_those_kafka_accepts() {
        for word in ["librdkafka", "4.3.1", "a", "apache-kafka-java"] {
            assert!(is_software_word(word), "{word}");
        }
        for word in ["", "-a", "a.", "a b", "é"] {
            assert!(!is_software_word(word), "{word}");
        }
    }
}
