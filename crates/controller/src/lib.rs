//! The cluster's decisions: topics, placement, elections, brokers, configuration.
//!
//! [`ControllerState`] is the shard's state, folded from the metadata log. The functions in [`op`] read it and answer
//! records and a response; the host runs them through `coordinator_runtime` on the newest state, appends the records and
//! holds the response until they are committed. A clone of the state is a version of it, so what is not committed is
//! simply a newer clone.
//!
//! What lives only as long as a leadership is beside the state: [`Sessions`] (who was heard of when), [`Periodic`] (the
//! controller's own tasks) and [`MutationQuotas`] (who changed how much of late). A new leader calls [`activate`] once it has
//! applied the log, makes all three, and then serves.

pub mod activation;
pub mod api_error;
pub mod config_change;
pub mod context;
pub mod fencing;
pub mod mutation_quota;
pub mod op;
pub mod partition;
pub mod periodic;
pub mod placement;
pub mod sessions;
pub mod settings;
pub mod state;

pub use activation::activate;
pub use api_error::ApiError;
pub use context::{OpContext, Origin};
pub use mutation_quota::MutationQuotas;
pub use op::Outcome;
pub use periodic::Periodic;
pub use sessions::Sessions;
pub use settings::ControllerSettings;
pub use state::ControllerState;
