//! What the operations on a group share: settings, deadlines, randomness, the time, and the answers they give.

use crate::completion::{Answer, Reply};
use crate::settings::GroupSettings;
use crate::timers::Timers;
use base::Rng;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;

/// What the operations on one group need besides the group.
#[derive(Debug)]
pub struct Desk {
    pub(crate) settings: GroupSettings,
    pub(crate) timers: Timers,
    pub(crate) rng: Rng,
    pub(crate) moment: Moment,
    pub(crate) replies: Vec<Reply>,
}

impl Desk {
    pub(crate) fn reply(&mut self, to: Token, answer: Answer) {
        self.replies.push(Reply { to, answer });
    }
}
