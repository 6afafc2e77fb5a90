//! Which quota binds a client (KIP-55).

use super::client_quotas::{ClientQuotaEntity, ClientQuotasImage};

/// Whose use of a quota is counted as one: a user's, a client id's, or that of one of a user's client ids. What does not
/// matter is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaOwner {
    /// The name of the principal.
    pub user: String,
    /// As the client calls itself.
    pub client_id: String,
}

/// A quota that a client has to keep to.
#[derive(Clone, Debug, PartialEq)]
pub struct BindingQuota {
    /// With whom it is shared.
    pub owner: QuotaOwner,
    /// How much.
    pub limit: f64,
}

/// How an entity names one of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Named(&'a str),
    Default,
    Absent,
}

impl<'a> Part<'a> {
    /// The closest first. Who has no name is not meant by what is said of names.
    fn by_precedence(name: &'a str) -> impl Iterator<Item = Self> {
        let of_names = [Self::Named(name), Self::Default];
        of_names.into_iter().filter(|_| !name.is_empty()).chain([Self::Absent])
    }

    fn entry(self, kind: &str) -> Option<(String, Option<String>)> {
        match self {
            Self::Named(name) => Some((kind.to_owned(), Some(name.to_owned()))),
            Self::Default => Some((kind.to_owned(), None)),
            Self::Absent => None,
        }
    }

    fn counts(self, name: &str) -> String {
        match self {
            Self::Named(_) | Self::Default => name.to_owned(),
            Self::Absent => String::new(),
        }
    }
}

impl ClientQuotasImage {
    /// The quota of that key that binds a client: what is said of its user and its id goes before what is said of its user alone,
    /// and that before what is said of its id; each time, of its name before of all.
    pub fn binding(&self, key: &str, user: &str, client_id: &str) -> Option<BindingQuota> {
        let of_clients = |of_user| Part::by_precedence(client_id).map(move |of_client| (of_user, of_client));
        let mut levels = Part::by_precedence(user).flat_map(of_clients);
        levels.find_map(|(of_user, of_client)| {
            let entries = [of_user.entry("user"), of_client.entry("client-id")];
            let entity: ClientQuotaEntity = entries.into_iter().flatten().collect();
            let limit = *self.get(&entity)?.get(key)?;
            let owner = QuotaOwner {
                user: of_user.counts(user),
                client_id: of_client.counts(client_id),
            };
            Some(BindingQuota { owner, limit })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types and names, and a limit.
    type Given<'a> = (&'a [(&'a str, Option<&'a str>)], f64);

    const KEY: &str = "producer_byte_rate";

    fn quotas(given: &[Given<'_>]) -> ClientQuotasImage {
        let mut quotas = ClientQuotasImage::default();
        for (entity, limit) in given {
            let part = |(kind, name): &(&str, Option<&str>)| ((*kind).to_owned(), name.map(str::to_owned));
            quotas.set(entity.iter().map(part).collect(), KEY.to_owned(), *limit);
        }
        quotas
    }

    fn found(quotas: &ClientQuotasImage, user: &str, client_id: &str) -> Option<(String, f64)> {
        let binding = quotas.binding(KEY, user, client_id)?;
        Some((
            format!("{}/{}", binding.owner.user, binding.owner.client_id),
            binding.limit,
        ))
    }

    #[test]
    fn the_closest_quota_binds() {
        let given: [Given<'_>; 8] = [
            (&[("client-id", None)], 1.0),
            (&[("client-id", Some("c"))], 2.0),
            (&[("user", None)], 3.0),
            (&[("user", None), ("client-id", None)], 4.0),
            (&[("user", None), ("client-id", Some("c"))], 5.0),
            (&[("user", Some("u"))], 6.0),
            (&[("user", Some("u")), ("client-id", None)], 7.0),
            (&[("user", Some("u")), ("client-id", Some("c"))], 8.0),
        ];
        let owners = ["/c", "/c", "u/", "u/c", "u/c", "u/", "u/c", "u/c"];
        for count in 0..=given.len() {
            let wanted = count
                .checked_sub(1)
                .map(|last| (owners[last].to_owned(), given[last].1));
            assert_eq!(found(&quotas(&given[..count]), "u", "c"), wanted);
        }
    }

    #[test]
    fn quotas_of_other_names_and_other_keys_do_not_bind() {
        let quotas = quotas(&[
            (&[("user", Some("v"))], 1.0),
            (&[("client-id", Some("d"))], 2.0),
            (&[("user", Some("u")), ("client-id", Some("d"))], 3.0),
            (&[("ip", None)], 4.0),
        ]);
        assert_eq!(found(&quotas, "u", "c"), None);
        assert_eq!(found(&quotas, "v", "c"), Some(("v/".to_owned(), 1.0)));
        assert_eq!(found(&quotas, "w", "d"), Some(("/d".to_owned(), 2.0)));
        assert_eq!(quotas.binding("consumer_byte_rate", "v", "d"), None);
    }

    #[test]
    fn who_gives_no_client_id_is_bound_by_the_quotas_of_users_only() {
        let of_ids: [Given<'_>; 2] = [
            (&[("client-id", None)], 1.0),
            (&[("user", None), ("client-id", None)], 2.0),
        ];
        assert_eq!(found(&quotas(&of_ids), "u", ""), None);
        assert_eq!(
            found(&quotas(&[(&[("user", None)], 3.0)]), "u", ""),
            Some(("u/".to_owned(), 3.0))
        );
    }
}
