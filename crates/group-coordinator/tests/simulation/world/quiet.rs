//! What must hold once nothing has gone wrong for a while.

use super::{GROUPS, World};
use crate::consumer::Wants;
use crate::member::{Client, Partitions};
use base::Uuid;

impl World {
    /// Everyone who is in has its part, and together they have everything that they want.
    pub(super) fn check_quiet(&mut self) {
        for group in GROUPS {
            let mine: Vec<&Client> = self
                .clients
                .iter()
                .filter(|client| &**client.group() == group && !client.is_out())
                .collect();
            let mut owned = Partitions::new();
            let mut wanted = Partitions::new();
            for client in &mine {
                assert!(client.credentials().is_some(), "a client of {group} is not in");
                assert!(client.lease() > self.timeline.now(), "a client of {group} is not heard");
                for partition in client.owns() {
                    assert!(owned.insert(partition), "{partition:?} of {group} has two owners");
                }
                wanted.extend(self.wanted(client));
            }
            assert_eq!(
                owned,
                wanted,
                "{group} of {} members: what is owned, and what should be",
                mine.len()
            );
            if !mine.is_empty() {
                assert_eq!(self.broker.phase(group), "Stable", "{group}");
            }
        }
    }

    fn wanted(&self, client: &Client) -> Partitions {
        let names = match client {
            Client::Consumer(client) => match &client.wants {
                Wants::Names(names) => Some(names),
                Wants::Regex(_) => None,
            },
            Client::Classic(client) => Some(&client.topics),
        };
        let wants = |id: Uuid| {
            names.is_none_or(|names| {
                self.view
                    .name(id)
                    .is_some_and(|name| names.iter().any(|known| known == name))
            })
        };
        self.view
            .partitions()
            .into_iter()
            .filter(|(topic, _)| wants(*topic))
            .collect()
    }
}
