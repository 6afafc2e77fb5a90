//! Each make beside itself: how far apart two figures of the same thing are, so how little a difference may mean.

use anyhow::Result;

use super::produce::SMALL;
use crate::bench::measuring::{Contestant, Measuring};

/// A second broker of each make, loaded by turns with the first.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for first in contestants {
        let (make, name) = match first.name {
            "kafka" => (&measuring.makes[1], "kafka again"),
            _ => (&measuring.makes[0], "riverrun again"),
        };
        let second = measuring.contestant(make, name)?;
        for _ in 0..measuring.rounds {
            for contestant in [first, &second] {
                let run = contestant.run(measuring, &SMALL.load(measuring, "control"))?;
                let cost = run.cpu_seconds_per_gigabyte();
                measuring.figures.add(contestant.name, &row(), cost);
                contestant.delete(measuring, "control")?;
            }
        }
        second.broker.stop()?;
    }
    Ok(())
}

/// The row.
pub fn row() -> String {
    format!("control, {}: CPU-s per GB", SMALL.name)
}
