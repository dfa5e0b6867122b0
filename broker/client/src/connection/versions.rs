//! Which version of an API to speak: the highest that the broker and this
//! client's schemas have in common.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::{Message, Request, StrBytes, VersionRange};

use super::{Connection, api_name, guard};
use crate::error::ClientError;
use crate::error_code::ErrorCode;

/// The first version that carries the client's name; every broker since
/// Kafka 2.4 speaks it.
const FIRST_VERSION: i16 = 3;

/// What a broker advertises: API key → versions.
#[derive(Clone, Debug, Default)]
pub struct ApiVersionRanges {
    ranges: BTreeMap<i16, VersionRange>,
}

impl ApiVersionRanges {
    /// What is known before the broker has said anything.
    pub(super) fn of_api_versions_only() -> Self {
        let key = ApiKey::ApiVersions as i16;
        ApiVersionRanges {
            ranges: BTreeMap::from([(key, ApiVersionsRequest::VERSIONS)]),
        }
    }

    fn of(response: &ApiVersionsResponse) -> Self {
        let ranges = response.api_keys.iter().map(|api| {
            let range = VersionRange {
                min: api.min_version,
                max: api.max_version,
            };
            (api.api_key, range)
        });
        ApiVersionRanges {
            ranges: ranges.collect(),
        }
    }

    /// Whether the broker offers the API in any version.
    pub fn contains(&self, api_key: i16) -> bool {
        self.ranges.contains_key(&api_key)
    }

    /// The highest version of `R` that both sides speak. The schema crate knows
    /// some requests in newer versions than their answers: both must fit.
    pub(super) fn highest_common<R: Request>(&self) -> Option<i16> {
        let common = self
            .ranges
            .get(&R::KEY)?
            .intersect(&R::VERSIONS)
            .intersect(&R::Response::VERSIONS);
        (!common.is_empty()).then_some(common.max)
    }
}

/// Asks for the broker's ranges. A broker that does not know our version of
/// the question answers in version 0, with the range it does know (KIP-511).
pub(super) async fn agree(connection: &Connection) -> Result<ApiVersionRanges, ClientError> {
    let response = match ask(connection, FIRST_VERSION).await? {
        Ok(response) => response,
        Err(known) => ask(connection, known)
            .await?
            .map_err(|_| refused(connection, ErrorCode::UNSUPPORTED_VERSION.0))?,
    };
    if response.error_code != 0 {
        return Err(refused(connection, response.error_code));
    }
    Ok(ApiVersionRanges::of(&response))
}

/// `Err(version)` is the version to try next.
async fn ask(
    connection: &Connection,
    version: i16,
) -> Result<Result<ApiVersionsResponse, i16>, ClientError> {
    let request = match version {
        FIRST_VERSION.. => ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("ottla-client"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION"))),
        _ => ApiVersionsRequest::default(),
    };
    let key = ApiKey::ApiVersions as i16;
    let body = connection
        .round_trip(key, version, &request, Duration::ZERO)
        .await?;
    let malformed = |reason| ClientError::Malformed {
        address: connection.address().to_owned(),
        api: api_name(key),
        reason,
    };
    let unsupported = ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes();
    if version > 0 && body.starts_with(&unsupported) {
        let response: ApiVersionsResponse = guard::decode(&body, 0, false).map_err(malformed)?;
        return Ok(Err(ApiVersionRanges::of(&response)
            .highest_common::<ApiVersionsRequest>()
            .unwrap_or(0)
            .min(FIRST_VERSION)));
    }
    guard::decode(&body, version, version >= FIRST_VERSION)
        .map(Ok)
        .map_err(malformed)
}

fn refused(connection: &Connection, code: i16) -> ClientError {
    ClientError::refused(connection.address(), ErrorCode(code))
}
