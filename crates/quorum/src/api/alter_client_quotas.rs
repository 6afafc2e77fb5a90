//! AlterClientQuotas (key 49): changes the quotas of users, client ids and addresses.
//!
//! Errors are the controller's (`controller::op::alter_client_quotas`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use crate::operation::Refused;
use controller::op::alter_client_quotas::alter_client_quotas;
use network::RequestContext;
use protocol::messages::alter_client_quotas_request::AlterClientQuotasRequest;
use protocol::messages::alter_client_quotas_response::{AlterClientQuotasResponse, EntityData, EntryData};
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(
    entrance: &Arc<Entrance>,
    _context: &RequestContext,
    request: AlterClientQuotasRequest,
) -> AlterClientQuotasResponse {
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let decided = entrance.operate(move |state, _| alter_client_quotas(state, &asked)).await;
    decided.unwrap_or_else(|why| refused(&request, why))
}

/// The same error for every entity.
fn refused(request: &AlterClientQuotasRequest, refused: Refused) -> AlterClientQuotasResponse {
    let entries = request.entries.iter().map(|entry| EntryData {
        error_code: refused.code(),
        error_message: Some(refused.to_string()),
        entity: entry
            .entity
            .iter()
            .map(|part| EntityData { entity_type: part.entity_type.clone(), entity_name: part.entity_name.clone() })
            .collect(),
    });
    AlterClientQuotasResponse { entries: entries.collect(), ..Default::default() }
}
