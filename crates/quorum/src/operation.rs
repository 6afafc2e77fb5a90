//! What is asked of the controller, on its way through the driver and back.

use controller::{ControllerState, OpContext};
use coordinator_runtime::Outcome;
use protocol::ErrorCode;
use protocol::metadata_records::MetadataRecord;
use tokio::sync::oneshot;

/// Why the controller did not decide, or what it decided did not come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// This node is not the active controller, or no longer: NOT_CONTROLLER.
    #[error("this node is not the active controller")]
    NotController,
    /// The records do not fit a batch of the metadata log.
    #[error("the records of this request do not fit a batch of the metadata log")]
    TooLarge,
    /// Not every voter supports the level of `kraft.version`, or said so.
    #[error("kraft.version cannot be set to this level: not every voter is known to support it")]
    KRaftVersion,
    /// The records contradict the state: a bug, of which the state was kept free.
    #[error("the controller decided on records that contradict its state")]
    Contradiction,
}

impl Refused {
    /// The error code that answers the request.
    pub(crate) fn code(self) -> i16 {
        let code = match self {
            Self::NotController => ErrorCode::NotController,
            Self::TooLarge => ErrorCode::PolicyViolation,
            Self::KRaftVersion => ErrorCode::InvalidUpdateVersion,
            Self::Contradiction => ErrorCode::UnknownServerError,
        };
        code.code()
    }
}

/// Sends an answer once it is due, or tells why there will be none.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), Refused>) + Send>;

/// What an operation decided.
pub(crate) struct Decision<T> {
    /// The records and the answer.
    pub(crate) outcome: Outcome<MetadataRecord, T>,
    /// The level that `kraft.version` gets, by control records before these records.
    pub(crate) kraft_version: Option<i16>,
}

impl<T> From<Outcome<MetadataRecord, T>> for Decision<T> {
    fn from(outcome: Outcome<MetadataRecord, T>) -> Self {
        Self {
            outcome,
            kraft_version: None,
        }
    }
}

/// An operation in the driver's queue.
pub(crate) trait Operation: Send {
    /// Decides on the newest state.
    fn decide(self: Box<Self>, state: &ControllerState, context: &mut OpContext<'_>) -> Decision<Answer>;
    /// Answers that nobody decides here.
    fn refuse(self: Box<Self>, refused: Refused);
}

/// A function that decides, and who waits for what it says.
pub(crate) struct Asked<F, T> {
    decide: F,
    reply: oneshot::Sender<Result<T, Refused>>,
}

impl<F, D, T> Asked<F, T>
where
    F: FnOnce(&ControllerState, &mut OpContext<'_>) -> D + Send + 'static,
    D: Into<Decision<T>>,
    T: Send + 'static,
{
    /// The operation, and where its answer will come out.
    pub(crate) fn ask(decide: F) -> (Box<dyn Operation>, oneshot::Receiver<Result<T, Refused>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { decide, reply }), answer)
    }
}

impl<F, D, T> Operation for Asked<F, T>
where
    F: FnOnce(&ControllerState, &mut OpContext<'_>) -> D + Send + 'static,
    D: Into<Decision<T>>,
    T: Send + 'static,
{
    fn decide(self: Box<Self>, state: &ControllerState, context: &mut OpContext<'_>) -> Decision<Answer> {
        let Self { decide, reply } = *self;
        let Decision { outcome, kraft_version } = decide(state, context).into();
        let outcome = outcome.map(|response| {
            let answer: Answer = Box::new(move |settled: Result<(), Refused>| {
                // Whoever asked may have gone; then nobody misses the answer.
                _ = reply.send(settled.map(|()| response));
            });
            answer
        });
        Decision { outcome, kraft_version }
    }

    fn refuse(self: Box<Self>, refused: Refused) {
        _ = self.reply.send(Err(refused));
    }
}
