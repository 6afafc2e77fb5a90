//! ApiVersions, and what becomes of versions and bodies that nobody has.

use protocol::messages::api_versions_request::ApiVersionsRequest;
use protocol::{Api, ApiKey};

use super::text;
use crate::pair::Pair;

pub fn run(pair: &mut Pair) {
    let named = |name: &str, version: &str| ApiVersionsRequest {
        client_software_name: text(name),
        client_software_version: text(version),
        ..Default::default()
    };
    pair.every_version("plain", |_| named("oracle", "1.0"));
    pair.every_version("empty software name", |_| named("", ""));
    pair.every_version("software name with a slash", |_| named("a/b", "1.0"));
    pair.every_version("software version with a space", |_| named("a", "1 0"));
    pair.every_version("name with dots and dashes", |_| named("a.b-c", "1.0-rc1"));
    for version in [5, 99, i16::MAX] {
        pair.raw(ApiKey::ApiVersions, version, "a version from the future", &[0, 0]);
    }
    for api in Api::all()
        .iter()
        .filter(|api| api.on_broker && api.key != ApiKey::ApiVersions)
    {
        if let Some(versions) = api.versions {
            pair.raw(api.key, versions.max + 1, "one version too new", &[0; 16]);
            pair.raw(api.key, versions.min - 1, "one version too old", &[0; 16]);
            pair.raw(api.key, versions.max, "an empty body", &[]);
        }
    }
    for api in Api::all().iter().filter(|api| api.on_controller && !api.on_broker) {
        pair.raw(api.key, 0, "a controller's API", &[0; 16]);
    }
    pair.raw(
        ApiKey::Metadata,
        0,
        "a count of two thousand million",
        &i32::MAX.to_be_bytes(),
    );
    pair.raw(ApiKey::Metadata, 1, "a count of minus two", &(-2_i32).to_be_bytes());
    pair.raw(
        ApiKey::Metadata,
        12,
        "a compact count of four thousand million",
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
    );
    pair.raw(ApiKey::Metadata, 12, "a varint without end", &[0xff; 16]);
    pair.raw(ApiKey::Metadata, 1, "bytes after the body", &[0, 0, 0, 0, 1, 2, 3]);
    pair.raw(
        ApiKey::FindCoordinator,
        0,
        "a string of negative length",
        &(-2_i16).to_be_bytes(),
    );
    pair.raw(ApiKey::FindCoordinator, 0, "a null string", &(-1_i16).to_be_bytes());
}
