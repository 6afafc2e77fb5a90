//! What goes wrong in a run, chosen by the seed.

use base::Rng;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The broker is killed and started again.
    KillBroker,
    /// A program is killed, and started again under the same name.
    Kill(usize),
    /// A program is stopped in the middle of whatever it does; another one takes its name, and then it goes on.
    Freeze(usize),
}

/// As many faults as wanted for so many programs: each kind comes early, whatever the seed.
pub fn faults(rng: &mut Rng, count: usize, programs: usize) -> Vec<Fault> {
    let mut program = || usize::try_from(rng.below(programs as u64)).expect("a small number");
    let mut all = Vec::new();
    for number in 0..count {
        all.push(match number % 5 {
            0 | 2 | 4 => Fault::KillBroker,
            1 => Fault::Kill(program()),
            _ => Fault::Freeze(program()),
        });
    }
    all
}
