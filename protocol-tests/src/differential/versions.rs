//! Which APIs scripts use, in which versions: what Ottla advertises, as far as
//! Kafka does too.

use std::collections::BTreeMap;

use kafka_protocol::messages::ApiKey;
use kafka_protocol::messages::api_versions_response::ApiVersion;

/// Version ranges by API.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    ranges: BTreeMap<i16, (i16, i16)>,
}

impl Versions {
    /// What an answer to ApiVersions names.
    pub fn of(api_keys: &[ApiVersion]) -> Versions {
        let ranges = api_keys
            .iter()
            .map(|api| (api.api_key, (api.min_version, api.max_version)));
        Versions {
            ranges: ranges.collect(),
        }
    }

    /// What both serve.
    pub fn shared_with(&self, other: &Versions) -> Versions {
        let shared = self.ranges.iter().filter_map(|(api, (min, max))| {
            let (other_min, other_max) = other.ranges.get(api)?;
            Some((*api, ((*min).max(*other_min), (*max).min(*other_max))))
        });
        Versions {
            ranges: shared.filter(|(_, (min, max))| min <= max).collect(),
        }
    }

    /// The versions of one API; `None` when it is not served.
    pub fn of_api(&self, api: ApiKey) -> Option<(i16, i16)> {
        let (min, max) = self.ranges.get(&(api as i16)).copied()?;
        // Advertised for old clients' sake, and served by nobody (KAFKA-18659).
        let min = if api == ApiKey::Produce {
            min.max(3)
        } else {
            min
        };
        Some((min, max))
    }

    /// Every API and its versions, by key.
    pub fn apis(&self) -> impl Iterator<Item = (ApiKey, (i16, i16))> + '_ {
        let keys = self.ranges.keys();
        let apis = keys.filter_map(|key| ApiKey::try_from(*key).ok());
        apis.filter_map(|api| Some((api, self.of_api(api)?)))
    }
}
