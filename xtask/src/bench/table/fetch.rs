//! Reading what is in the page cache, from the first record to the last.

use anyhow::Result;

use super::produce::{MIDDLE, SMALL};
use crate::bench::measuring::{Contestant, Measuring};
use crate::bench::native::Load;

/// Readers that each read everything, beginning at once, and how often.
const READERS: [(usize, usize); 3] = [(1, 3), (4, 1), (10, 1)];

/// One topic of each shape, read by one reader and by several.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for shape in [SMALL, MIDDLE] {
        let topic = format!("fetch-{}", shape.name.replace(' ', "-"));
        for contestant in contestants {
            contestant.run(measuring, &shape.load(measuring, &topic).with("--seconds 30"))?;
        }
        for (readers, times) in READERS {
            let what = format!("fetch, {}, {readers} readers", shape.name);
            let load = Load::new(&format!("fetch --topic {topic} --readers {readers} --times {times}"));
            for _ in 0..measuring.rounds {
                for contestant in contestants {
                    let run = contestant.run(measuring, &load)?;
                    let rows = [
                        ("records/s", run.records_per_second()),
                        ("MB/s", run.megabytes_per_second()),
                        ("CPU-s per GB", run.cpu_seconds_per_gigabyte()),
                        ("CPU-s per million records", run.cpu_seconds_per_million()),
                    ];
                    measuring.figures.add_all(contestant.name, &what, rows);
                }
            }
        }
        for contestant in contestants {
            contestant.delete(measuring, &topic)?;
        }
    }
    Ok(())
}
