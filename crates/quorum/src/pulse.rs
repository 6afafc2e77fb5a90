//! Feels whether another node is alive: a small question, again and again, by a connection that stays open (ADR 15).
//!
//! The question is ApiVersions, which every node of ours and of Kafka's answers, whatever else it is busy with. A process that
//! hangs leaves it unanswered, and so does a network that is cut.

use crate::silence::Silence;
use base::{Clock, Instant};
use client::{Address, Channel, ClientError, Entrance, Settings};
use protocol::messages::api_versions_request::ApiVersionsRequest;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// A question that is not answered for so long is asked anew by another connection.
const LONGEST_QUESTION: Duration = Duration::from_secs(3);
/// The longest answer taken.
const MAX_ANSWER: usize = 1 << 20;

type Question = Pin<Box<dyn Future<Output = Result<Channel, ClientError>> + Send>>;

/// The way to a node, and what it was asked.
pub(crate) struct Pulse {
    address: Address,
    settings: Arc<Settings>,
    channel: Option<Channel>,
    question: Option<(Question, Instant)>,
}

impl fmt::Debug for Pulse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pulse")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What a beat brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// The node answered.
    Answer,
    /// It did not, so far.
    Waiting,
    /// It took a connection, and did not answer.
    Mute,
    /// There is no way to it.
    Unreached,
}

impl Pulse {
    /// No connection yet. `name` is what this node calls itself to the other, which has `patience` for the first answer.
    pub(crate) fn new(address: Address, entrance: Entrance, name: String, patience: Duration) -> Self {
        let settings = Settings {
            entrance,
            bootstrap: Vec::new(),
            client_id: name,
            connect_timeout: LONGEST_QUESTION,
            // Of the first question, by which a connection begins.
            request_timeout: patience,
            api_timeout: LONGEST_QUESTION,
            retry_backoff: patience,
            retry_backoff_max: patience,
            metadata_max_age: LONGEST_QUESTION,
            max_answer: MAX_ANSWER,
            receive_buffer: None,
        };
        Self {
            address,
            settings: Arc::new(settings),
            channel: None,
            question: None,
        }
    }

    /// One beat: asks, unless a question is open, and counts the silence.
    pub(crate) async fn feel(&mut self, silence: &mut Silence, clock: &Arc<dyn Clock>) -> Beat {
        let began = clock.now();
        let (mut question, asked) = match self.question.take() {
            Some(open) => open,
            None => (self.ask(), began),
        };
        let answer = tokio::select! {
            biased;
            answer = &mut question => answer,
            () = sleep(silence.beat()) => {
                self.question = Some((question, asked));
                silence.count(clock.now());
                return Beat::Waiting;
            }
        };
        let now = clock.now();
        let found = match answer {
            Ok(channel) => {
                self.channel = Some(channel);
                silence.heard(now, now.since(asked));
                Beat::Answer
            }
            Err(ClientError::NoAnswer { .. }) => Beat::Mute,
            Err(_) => Beat::Unreached,
        };
        sleep(silence.beat().saturating_sub(now.since(began))).await;
        if found != Beat::Answer {
            silence.count(clock.now());
        }
        found
    }

    fn ask(&mut self) -> Question {
        match self.channel.take().filter(Channel::is_open) {
            Some(channel) => Box::pin(ask_by(channel)),
            None => {
                let (address, settings) = (self.address.clone(), Arc::clone(&self.settings));
                // A connection begins with the question.
                Box::pin(async move { Channel::connect(&address, &settings).await })
            }
        }
    }
}

async fn ask_by(channel: Channel) -> Result<Channel, ClientError> {
    let request = ApiVersionsRequest {
        client_software_name: String::from("riverrun"),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    let version = channel.version::<ApiVersionsRequest>()?;
    channel.send_within(&request, version, LONGEST_QUESTION).await?;
    Ok(channel)
}
