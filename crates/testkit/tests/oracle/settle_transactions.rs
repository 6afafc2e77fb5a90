//! Producers of transactional ids, and waiting until a transaction has come to where it is going.

use protocol::ErrorCode;
use protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;

use super::cases::transactions::Producer;
use super::pair::Pair;

impl Pair {
    /// Waits until both brokers have read all that there is of transactional ids: ids for each of the fifty partitions are
    /// not known, which is more than not to be the coordinator.
    pub fn settle_transactions(&mut self) {
        let request = DescribeTransactionsRequest {
            transactional_ids: (0..100).map(|number| format!("probe-{number:02}")).collect(),
        };
        self.settled("transactional ids are read", |side| {
            side.ask(0, &request).is_some_and(|answer| {
                let mut codes = answer
                    .transaction_states
                    .iter()
                    .map(|state| ErrorCode::from(state.error_code));
                codes.all(|code| code == ErrorCode::TransactionalIdNotFound)
            })
        });
    }

    /// Makes a producer of a transactional id, or takes it over, on both sides.
    pub fn init_producer(&mut self, id: &str) -> [Producer; 2] {
        let request = InitProducerIdRequest {
            transactional_id: Some(id.to_owned()),
            transaction_timeout_ms: 900_000,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        let mut made = Vec::new();
        self.settled(&format!("`{id}` has a producer"), |side| {
            let answer = side.ask(4, &request).filter(|answer| answer.error_code == 0);
            made.extend(answer.as_ref().map(|answer| Producer {
                id: answer.producer_id,
                epoch: answer.producer_epoch,
            }));
            answer.is_some()
        });
        let none = Producer { id: -1, epoch: -1 };
        [0, 1].map(|side| made.get(side).copied().unwrap_or(none))
    }

    /// Ends what a producer has begun, and waits until that is over.
    pub fn abort(&mut self, id: &str, producers: [Producer; 2]) {
        for (side, producer) in self.sides.iter_mut().zip(producers) {
            let request = EndTxnRequest {
                transactional_id: id.to_owned(),
                producer_id: producer.id,
                producer_epoch: producer.epoch,
                committed: false,
            };
            // What was never begun cannot be ended, and says so.
            side.until(|side| {
                let answer = side.ask(3, &request);
                answer.is_some_and(|answer| ErrorCode::from(answer.error_code) != ErrorCode::ConcurrentTransactions)
            });
        }
    }

    /// Waits until both coordinators say that a transaction is in this state.
    pub fn settle_transaction(&mut self, id: &str, state: &str) {
        let request = DescribeTransactionsRequest {
            transactional_ids: vec![id.to_owned()],
        };
        self.settled(&format!("`{id}` is {state}"), |side| {
            let answer = side.ask(0, &request);
            answer.is_some_and(|answer| {
                let mut states = answer.transaction_states.iter();
                states.any(|found| found.transaction_state == state)
            })
        });
    }
}
