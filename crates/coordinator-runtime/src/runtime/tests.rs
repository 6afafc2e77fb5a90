use super::{Runtime, Settled};
use crate::shard::Shard;
use base::{Offset, Rng};

/// The simplest shard that can tell a wrong order: it keeps what it was told, and refuses zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tape(Vec<(i64, u64)>);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("zero at {0}")]
struct Zero(Offset);

impl Shard for Tape {
    type Record = u64;
    type Error = Zero;

    fn replay(&mut self, offset: Offset, record: &u64) -> Result<(), Zero> {
        if *record == 0 {
            return Err(Zero(offset));
        }
        self.0.push((offset.0, *record));
        Ok(())
    }
}

fn runtime() -> Runtime<Tape, &'static str> {
    Runtime::new(Tape::default(), Offset::ZERO)
}

#[test]
fn an_answer_waits_for_its_records_and_a_refusal_for_those_before_it() {
    let mut runtime = runtime();
    assert_eq!(runtime.settle("nothing pending"), Settled::Due("nothing pending"));
    runtime.write(&[1, 2]).unwrap();
    assert_eq!(runtime.settle("first"), Settled::Parked);
    assert_eq!(runtime.settle("refusal that saw the first"), Settled::Parked);
    runtime.write(&[3]).unwrap();
    assert_eq!(runtime.settle("second"), Settled::Parked);

    assert_eq!(runtime.committed(), &Tape::default());
    assert_eq!(runtime.commit(Offset(1)), Vec::<&str>::new());
    assert_eq!(runtime.committed(), &Tape::default(), "half a write is not a state");
    assert_eq!(runtime.commit(Offset(2)), ["first", "refusal that saw the first"]);
    assert_eq!(runtime.committed(), &Tape(vec![(0, 1), (1, 2)]));
    assert_eq!(runtime.commit(Offset(3)), ["second"]);
    assert_eq!(runtime.latest(), runtime.committed());
}

#[test]
fn a_write_that_does_not_apply_changes_nothing() {
    let mut runtime = runtime();
    runtime.write(&[7]).unwrap();
    assert_eq!(runtime.write(&[8, 0]), Err(Zero(Offset(2))));
    assert_eq!(runtime.end(), Offset(1));
    assert_eq!(runtime.latest(), &Tape(vec![(0, 7)]));
}

/// Keeps what it was told, but for zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sparse(Vec<(i64, u64)>);

impl Shard for Sparse {
    type Record = u64;
    type Error = Zero;

    fn replay(&mut self, offset: Offset, record: &u64) -> Result<(), Zero> {
        if *record != 0 {
            self.0.push((offset.0, *record));
        }
        Ok(())
    }

    fn is_without_effect(record: &u64) -> bool {
        *record == 0
    }
}

#[test]
fn what_has_no_effect_takes_its_offset_and_nothing_else() {
    let mut runtime = Runtime::new(Sparse::default(), Offset::ZERO);
    runtime.write(&[0, 0]).unwrap();
    assert!(runtime.versions.is_empty());
    assert_eq!((runtime.end(), runtime.settle("first")), (Offset(2), Settled::Parked));
    runtime.write(&[0, 7]).unwrap();
    runtime.write(&[0]).unwrap();
    assert_eq!(runtime.settle("second"), Settled::Parked);
    assert_eq!(runtime.latest(), &Sparse(vec![(3, 7)]));
    assert_eq!(runtime.commit(Offset(2)), ["first"]);
    assert_eq!(runtime.committed(), &Sparse::default());
    assert_eq!(runtime.commit(Offset(5)), ["second"]);
    assert_eq!(runtime.committed(), &Sparse(vec![(3, 7)]));
    runtime.write(&[0]).unwrap();
    assert_eq!(runtime.revert(Offset(5)), Vec::<&str>::new());
    assert_eq!((runtime.end(), runtime.committed_end()), (Offset(5), Offset(5)));
}

#[test]
fn what_nobody_waits_for_can_be_undone_alone() {
    let mut runtime = runtime();
    runtime.write(&[1]).unwrap();
    assert_eq!(runtime.settle("first"), Settled::Parked);
    runtime.write(&[2, 3]).unwrap();
    runtime.write(&[4]).unwrap();
    runtime.undo(Offset(1));
    assert_eq!((runtime.end(), runtime.latest()), (Offset(1), &Tape(vec![(0, 1)])));
    runtime.skip_to(Offset(5));
    runtime.write(&[6]).unwrap();
    assert_eq!(runtime.settle("second"), Settled::Parked);
    assert_eq!(runtime.commit(Offset(6)), ["first", "second"]);
    assert_eq!(runtime.committed(), &Tape(vec![(0, 1), (5, 6)]));
}

#[test]
fn revert_drops_what_is_not_committed_and_hands_back_the_answers() {
    let mut runtime = runtime();
    runtime.write(&[1]).unwrap();
    assert_eq!(runtime.settle("kept"), Settled::Parked);
    assert_eq!(runtime.commit(Offset(1)), ["kept"]);
    runtime.write(&[2]).unwrap();
    assert_eq!(runtime.settle("lost"), Settled::Parked);
    assert_eq!(runtime.revert(Offset(1)), ["lost"]);
    assert_eq!(runtime.latest(), &Tape(vec![(0, 1)]));
    runtime.write(&[3]).unwrap();
    assert_eq!(runtime.latest(), &Tape(vec![(0, 1), (1, 3)]));
}

#[test]
fn control_records_take_offsets_but_no_state() {
    let mut runtime = runtime();
    runtime.skip_to(Offset(1));
    runtime.write(&[5]).unwrap();
    assert_eq!(runtime.latest(), &Tape(vec![(1, 5)]));
    assert_eq!(runtime.commit(Offset(2)), Vec::<&str>::new());
    assert_eq!(runtime.committed_end(), Offset(2));
}

/// Random operations against a model that is nothing but a list: whatever is committed is a prefix of what was written,
/// answers leave in order and exactly once, and a replay of the committed list gives the committed state.
#[test]
fn committed_state_is_the_fold_of_the_committed_prefix() {
    for seed in 0..300 {
        let mut rng = Rng::from_seed(seed);
        let mut runtime: Runtime<Tape, u64> = Runtime::new(Tape::default(), Offset::ZERO);
        let (mut log, mut asked, mut told) = (Vec::new(), 0_u64, Vec::new());
        for step in 0..200 {
            match rng.below(10) {
                0..5 => {
                    let records: Vec<u64> = (0..rng.below(4)).map(|_| 1 + rng.below(99)).collect();
                    runtime.write(&records).unwrap();
                    log.extend(&records);
                    asked += 1;
                    if let Settled::Due(answer) = runtime.settle(asked) {
                        told.push(answer);
                    }
                }
                5..9 => {
                    let low = runtime.committed_end().0.unsigned_abs();
                    let up_to = low + rng.below(log.len() as u64 - low + 1);
                    told.extend(runtime.commit(Offset(i64::try_from(up_to).unwrap())));
                }
                _ => {
                    let end = runtime.committed_end();
                    // A log that lost its tail keeps whole writes only; the committed state may lag its end by less
                    // than one write, so go back no further than to the last whole one.
                    if runtime.committed().0.len() as i64 == end.0 {
                        log.truncate(usize::try_from(end.0).unwrap());
                        told.extend(runtime.revert(end));
                    }
                }
            }
            let expected = |count: usize| Tape((0..).zip(log[..count].iter().copied()).collect());
            let context = format!("seed {seed} step {step}");
            assert_eq!(runtime.committed(), &expected(runtime.committed().0.len()), "{context}");
            assert!(
                runtime.committed().0.len() as i64 <= runtime.committed_end().0,
                "{context}"
            );
            assert_eq!(runtime.latest(), &expected(log.len()), "{context}");
            assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "{context}: {told:?}");
        }
        told.extend(runtime.commit(runtime.end()));
        assert_eq!(told, (1..=asked).collect::<Vec<_>>(), "seed {seed}");
    }
}
