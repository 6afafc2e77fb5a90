//! Every place of every group is a register: what is read of it was written before, and not overwritten before the read
//! began by a write that was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A group's partition.
pub type Place = (Arc<str>, Arc<str>, i32);

/// One write; `None` takes the offset away.
#[derive(Clone, Debug)]
struct Write {
    value: Option<i64>,
    began: u64,
    /// When its acknowledgement arrived; never, if nobody knows what became of it.
    ended: Option<u64>,
    /// It was refused, or its transaction aborted: nobody may ever read it.
    void: bool,
}

/// What a writer holds until it knows what became of the write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    place: Place,
    at: usize,
}

#[derive(Default)]
pub struct Registers {
    writes: BTreeMap<Place, Vec<Write>>,
    next: i64,
    pub acknowledged: u64,
    pub read: u64,
}

impl Registers {
    /// A value that nobody has written before.
    pub fn fresh(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    pub fn begin(&mut self, place: Place, value: Option<i64>, now: u64) -> Ticket {
        let writes = self.writes.entry(place.clone()).or_default();
        writes.push(Write {
            value,
            began: now,
            ended: None,
            void: false,
        });
        Ticket {
            at: writes.len() - 1,
            place,
        }
    }

    fn write(&mut self, ticket: &Ticket) -> &mut Write {
        &mut self.writes.get_mut(&ticket.place).unwrap()[ticket.at]
    }

    pub fn acknowledge(&mut self, ticket: &Ticket, now: u64) {
        self.acknowledged += 1;
        self.write(ticket).ended = Some(now);
    }

    pub fn refuse(&mut self, ticket: &Ticket) {
        self.write(ticket).void = true;
    }

    /// Somebody read this; the read began at `began`.
    pub fn check(&mut self, place: &Place, value: Option<i64>, began: u64, now: u64) {
        self.read += 1;
        let none = Vec::new();
        let writes = self.writes.get(place).unwrap_or(&none);
        // A write hides all that ended before it began, once it has ended itself.
        let newest = writes
            .iter()
            .filter(|write| !write.void && write.ended.is_some_and(|ended| ended <= began));
        let hidden = newest.map(|write| write.began).max();
        let visible = |write: &Write| {
            !write.void
                && write.value == value
                && hidden.is_none_or(|began| write.ended.is_none_or(|ended| ended >= began))
        };
        let before_any = value.is_none() && hidden.is_none();
        assert!(
            before_any || writes.iter().any(visible),
            "{place:?} reads {value:?} at {began}..{now}; the last writes: {:#?}",
            &writes[writes.len().saturating_sub(6)..]
        );
    }
}
