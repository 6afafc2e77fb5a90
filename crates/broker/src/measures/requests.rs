//! How many requests of each API there were, and how long they took until their answer was ready.

use base::metric::{Counter, Descriptor, Histogram, Registry, Unit};
use network::RequestContext;
use protocol::ApiKey;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const COUNT: Descriptor = Descriptor::new(
    "kafka.network",
    "RequestMetrics",
    "RequestsPerSec",
    "Requests, by API and version.",
);
const TIME: Descriptor = Descriptor::new(
    "kafka.network",
    "RequestMetrics",
    "TotalTimeMs",
    "Milliseconds from a request's arrival until its answer is handed to the socket, waiting included.",
);

/// Versions that are told apart; an API has fewer.
const VERSIONS: usize = 32;

/// Figures of every API that the broker answers; those of an API that was never asked for are not made.
#[derive(Debug)]
pub struct Requests {
    registry: Arc<Registry>,
    apis: BTreeMap<ApiKey, OnceLock<OfApi>>,
}

#[derive(Debug)]
struct OfApi {
    time: Arc<Histogram>,
    versions: [OnceLock<Arc<Counter>>; VERSIONS],
}

impl Requests {
    pub(super) fn new(registry: &Arc<Registry>) -> Self {
        let apis = crate::api::APIS.iter().map(|range| (range.api_key, OnceLock::new()));
        Self {
            registry: Arc::clone(registry),
            apis: apis.collect(),
        }
    }

    /// A request was answered.
    pub fn answered(&self, context: &RequestContext, took: Duration) {
        let Some(cell) = self.apis.get(&context.api_key) else {
            return;
        };
        let name = || context.api_key.name();
        let of_api = cell.get_or_init(|| OfApi {
            time: self.registry.histogram(&TIME, &[("request", name())], Unit::Millis),
            versions: [const { OnceLock::new() }; VERSIONS],
        });
        of_api.time.observe_time(took);
        let version = usize::try_from(context.api_version)
            .ok()
            .and_then(|version| of_api.versions.get(version));
        // A version beyond those is ApiVersions asked for by a client from the future.
        if let Some(cell) = version {
            let labels = || context.api_version.to_string();
            let count = cell.get_or_init(|| {
                self.registry
                    .counter(&COUNT, &[("request", name()), ("version", &labels())])
            });
            count.increment();
        }
    }
}
