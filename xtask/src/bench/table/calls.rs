//! System calls of a produce request, counted by strace in a run of their own.

use anyhow::Result;

use super::produce::{ONE, SMALL};
use crate::bench::measuring::{Contestant, Measuring};
use crate::bench::strace::Counting;

/// Requests under way on the one connection.
const DEPTHS: [usize; 2] = [5, 1];

/// Both shapes at both depths.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for shape in [ONE, SMALL] {
        for depth in DEPTHS {
            for contestant in contestants {
                // The topic and the way to it are there before anything is counted.
                let first = shape.load(measuring, "calls").with("--records 1000");
                contestant.run(measuring, &first)?;
                let load = shape
                    .load(measuring, "calls")
                    .with(&format!("--connections 1 --depth {depth} --seconds 2"));
                let counting = Counting::begin(contestant.broker.id(), &measuring.home.join("calls"))?;
                let run = contestant.run(measuring, &load)?;
                let calls = counting.end()? as f64 / run.figure("requests");
                let row = format!("produce, {}, {depth} under way: system calls per request", shape.name);
                measuring.figures.add(contestant.name, &row, calls);
                contestant.delete(measuring, "calls")?;
            }
        }
    }
    Ok(())
}
