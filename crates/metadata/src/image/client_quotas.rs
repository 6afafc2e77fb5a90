//! Quotas of users, client ids and addresses.

use imbl::OrdMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whom a quota applies to: entity type (`user`, `client-id`, `ip`) to name, `None` being the default of that type.
pub type ClientQuotaEntity = BTreeMap<String, Option<String>>;

/// The quotas of one entity, by key, such as `producer_byte_rate`.
pub type ClientQuotaImage = BTreeMap<String, f64>;

/// Every entity with quotas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientQuotasImage {
    by_entity: OrdMap<ClientQuotaEntity, Arc<ClientQuotaImage>>,
}

impl ClientQuotasImage {
    /// The quotas of exactly this entity.
    pub fn get(&self, entity: &ClientQuotaEntity) -> Option<&Arc<ClientQuotaImage>> {
        self.by_entity.get(entity)
    }

    /// Whether nothing has changed from one to the other; a change that came to nothing may count as one.
    pub fn is_same(&self, other: &Self) -> bool {
        self.by_entity.ptr_eq(&other.by_entity)
    }

    /// Whether anybody has a quota of that key.
    pub fn has(&self, key: &str) -> bool {
        self.by_entity.values().any(|quotas| quotas.contains_key(key))
    }

    /// Every entity with its quotas.
    pub fn iter(&self) -> impl Iterator<Item = (&ClientQuotaEntity, &Arc<ClientQuotaImage>)> {
        self.by_entity.iter()
    }

    pub(crate) fn set(&mut self, entity: ClientQuotaEntity, key: String, value: f64) {
        Arc::make_mut(self.by_entity.entry(entity).or_default()).insert(key, value);
    }

    pub(crate) fn unset(&mut self, entity: &ClientQuotaEntity, key: &str) {
        if let Some(quotas) = self.by_entity.get_mut(entity) {
            let quotas = Arc::make_mut(quotas);
            quotas.remove(key);
            if quotas.is_empty() {
                self.by_entity.remove(entity);
            }
        }
    }
}
