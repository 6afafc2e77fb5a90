//! What is known of each API: versions, listeners, whether a broker forwards it.

use crate::api_key::{APIS, ApiKey};
use crate::wire::Versions;

/// The facts of one API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// The key in request headers.
    pub key: ApiKey,
    /// Kafka's name, as in `CreateTopics`.
    pub name: &'static str,
    /// The stable versions of Kafka 4.3; none for an API that is newer.
    pub versions: Option<Versions>,
    /// The first version with compact lengths and tagged fields; `i16::MAX` if there is none.
    pub flexible_from: i16,
    /// Whether brokers answer it.
    pub on_broker: bool,
    /// Whether controllers answer it.
    pub on_controller: bool,
    /// Whether a broker relays it to the controller in an Envelope.
    pub forwardable: bool,
    /// Whether it is meant for brokers and controllers.
    pub cluster_action: bool,
}

impl Api {
    /// Every API, by key.
    pub fn all() -> &'static [Self] {
        &APIS
    }

    /// Whether `version` is served.
    pub fn serves(&self, version: i16) -> bool {
        self.versions.is_some_and(|versions| versions.contains(version))
    }

    /// The version of the request's header: 2 where the request is flexible.
    pub fn request_header_version(&self, version: i16) -> i16 {
        if version >= self.flexible_from { 2 } else { 1 }
    }

    /// The version of the response's header: 1 where the response is flexible, except that ApiVersions always answers
    /// with 0, so that a client that does not know the broker yet can read it (KIP-511).
    pub fn response_header_version(&self, version: i16) -> i16 {
        i16::from(version >= self.flexible_from && self.key != ApiKey::ApiVersions)
    }
}

impl ApiKey {
    /// The facts of this API.
    pub fn api(self) -> &'static Api {
        // Those that are asked for most are where their number is.
        if let Some(api) = APIS.get(self as usize)
            && api.key == self
        {
            return api;
        }
        let at = APIS
            .binary_search_by_key(&(self as i16), |api| api.key as i16)
            .expect("every key is in the table");
        &APIS[at]
    }

    /// The key as it is in a request header.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// Kafka's name of the API.
    pub fn name(self) -> &'static str {
        self.api().name
    }
}

impl TryFrom<i16> for ApiKey {
    type Error = crate::DecodeError;

    fn try_from(key: i16) -> Result<Self, Self::Error> {
        let at = APIS.binary_search_by_key(&key, |api| api.key as i16);
        at.map(|at| APIS[at].key)
            .map_err(|_| crate::DecodeError::Key { key: i32::from(key) })
    }
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnyMessage;

    #[test]
    fn the_table_agrees_with_the_schemas() {
        for api in Api::all() {
            assert_eq!(ApiKey::try_from(api.key.code()), Ok(api.key));
            for kind in ["Request", "Response"] {
                let name = format!("{}{kind}", api.name);
                let message = AnyMessage::named(&name).unwrap_or_else(|| panic!("{name} has no schema"));
                assert_eq!(message.key, api.key.code(), "{name}");
                assert_eq!(message.flexible_from, api.flexible_from, "{name}");
                let versions = api.versions.unwrap_or(message.versions);
                assert_eq!(versions.min, message.versions.min, "{name}");
                assert!(versions.max <= message.versions.max, "{name}");
            }
        }
    }

    #[test]
    fn removed_and_unknown_keys_are_refused() {
        for key in [-1, 4, 5, 6, 7, 95, i16::MAX] {
            assert_eq!(
                ApiKey::try_from(key),
                Err(crate::DecodeError::Key { key: i32::from(key) })
            );
        }
    }

    #[test]
    fn api_versions_always_answers_with_the_oldest_header() {
        let api = ApiKey::ApiVersions.api();
        assert_eq!((api.request_header_version(2), api.response_header_version(2)), (1, 0));
        assert_eq!((api.request_header_version(3), api.response_header_version(3)), (2, 0));
        let api = ApiKey::Fetch.api();
        assert_eq!(
            (api.request_header_version(11), api.response_header_version(11)),
            (1, 0)
        );
        assert_eq!(
            (api.request_header_version(12), api.response_header_version(12)),
            (2, 1)
        );
    }
}
