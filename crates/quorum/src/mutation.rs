//! Requests that make or delete partitions, and the quota of whoever asks (KIP-599).

use crate::handle::Entrance;
use crate::operation::Refused;
use controller::mutation_quota::{Asker, Excess};
use controller::{ControllerState, OpContext, Outcome};
use network::RequestContext;
use std::sync::Arc;
use std::time::Duration;

/// Has the controller decide as [`Entrance::operate`] does, charging the client; answers also how many milliseconds the client is to
/// wait. From version `strict_from` on clients understand that they are refused.
pub(crate) async fn operate<T, F>(
    entrance: &Entrance,
    context: &RequestContext,
    strict_from: i16,
    decide: F,
) -> Result<(T, i32), Refused>
where
    F: FnOnce(&ControllerState, &mut OpContext<'_>) -> Outcome<T> + Send + 'static,
    T: Send + 'static,
{
    let asker = Asker {
        user: context.connection.principal.name.clone(),
        client_id: context.client_id.to_string(),
        excess: if context.api_version >= strict_from {
            Excess::Refused
        } else {
            Excess::Allowed
        },
    };
    let figures = Arc::clone(&entrance.quorum.mutation_figures);
    let decided = entrance.operate(move |state, cx| {
        cx.mutations.open(&state.image().client_quotas, asker, cx.now);
        let outcome = decide(state, cx);
        let standing = cx.mutations.standing();
        let wait = cx.mutations.close();
        if let Some(standing) = standing {
            figures.note(standing, wait, cx.now);
        }
        outcome.map(|response| (response, wait))
    });
    let (response, wait) = decided.await?;
    // One that came over a broker is held back there.
    context
        .connection
        .throttle
        .hold(Duration::from_millis(u64::try_from(wait).unwrap_or(0)));
    Ok((response, wait))
}
