//! Access control entries.

use base::Uuid;
use imbl::OrdMap;

/// One access control entry. The codes are those of Kafka's ACL requests; the authorizer gives them meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessControlEntry {
    /// The kind of resource: 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type: i8,
    /// The resource's name or prefix.
    pub resource_name: String,
    /// How the name matches: 3 literal, 4 prefixed.
    pub pattern_type: i8,
    /// Whom it concerns, such as `User:alice`.
    pub principal: String,
    /// From which host; `*` for any.
    pub host: String,
    /// The operation's code.
    pub operation: i8,
    /// 2 deny, 3 allow.
    pub permission_type: i8,
}

/// Every access control entry, by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AclsImage {
    by_id: OrdMap<Uuid, AccessControlEntry>,
}

impl AclsImage {
    /// The entry with that id.
    pub fn get(&self, id: Uuid) -> Option<&AccessControlEntry> {
        self.by_id.get(&id)
    }

    /// Every entry with its id.
    pub fn iter(&self) -> impl Iterator<Item = (Uuid, &AccessControlEntry)> {
        self.by_id.iter().map(|(id, entry)| (*id, entry))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn insert(&mut self, id: Uuid, entry: AccessControlEntry) {
        self.by_id.insert(id, entry);
    }

    pub(crate) fn remove(&mut self, id: Uuid) -> Option<AccessControlEntry> {
        self.by_id.remove(&id)
    }
}
