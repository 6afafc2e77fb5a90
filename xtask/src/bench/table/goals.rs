//! The goals, each with what was measured, and whether it is met.

use std::fmt::Write as _;

use super::control;
use crate::bench::figures::{Better, Figures, better, short};
use crate::bench::measuring::BARE;

/// What a figure is held against.
enum Bar {
    /// So many times better than Kafka.
    TimesKafka(f64),
    /// No more than that.
    AtMost(f64),
    /// At least that.
    AtLeast(f64),
    /// No more than so many times another row of ours.
    TimesOwn(f64, &'static str),
    /// At least this part of another row of ours.
    PartOfOwn(f64, &'static str),
}

use Bar::{AtLeast, AtMost, PartOfOwn, TimesKafka, TimesOwn};

const ONE: &str = "produce, one record of 100 B a request: CPU-us per request";
const FLAT_4: &str = "produce, 100 B in 16 KiB to 4 partitions: CPU-us per request";

/// Number, row, bar.
const GOALS: [(&str, &str, Bar); 30] = [
    ("1", ONE, TimesKafka(10.0)),
    ("2", "produce, 100 B in 16 KiB: CPU-s per GB", TimesKafka(5.0)),
    ("3", "produce, 1 KiB in 64 KiB: CPU-s per GB", TimesKafka(3.0)),
    ("3", "produce, 1 KiB in 1 MiB: CPU-s per GB", TimesKafka(2.5)),
    ("4", "fetch, 100 B in 16 KiB, 1 readers: CPU-s per GB", TimesKafka(1.5)),
    ("4", "fetch, 1 KiB in 64 KiB, 1 readers: CPU-s per GB", TimesKafka(1.5)),
    ("4", "fetch, 100 B in 16 KiB, 10 readers: CPU-s per GB", TimesKafka(4.0)),
    ("5", "end to end at 5000/s: p50 ms", TimesKafka(2.0)),
    ("5", "end to end at 5000/s: p99 ms", TimesKafka(10.0)),
    ("5", "end to end at 5000/s: p99.9 ms", TimesKafka(4.0)),
    ("6", "durable end to end at 1000/s: p50 ms", TimesKafka(50.0)),
    ("6", "durable end to end at 1000/s: p99 ms", TimesKafka(10.0)),
    ("7", "durable, 100 partitions: MB/s", TimesKafka(20.0)),
    (
        "7",
        "durable, 100 partitions: MB/s",
        PartOfOwn(0.85, "not durable, 100 partitions: MB/s"),
    ),
    ("8", "start to the first acknowledged record, ms", AtMost(100.0)),
    ("8", "CPU-s until then", AtMost(0.05)),
    // 15 and 100 MB.
    ("9", "idle memory, MiB", AtMost(14.3)),
    ("9", "most memory under all loads, MiB", AtMost(95.4)),
    ("9", "memory of an idle partition, KiB", AtMost(2.0)),
    ("9", "memory of an idle connection, KiB", AtMost(4.0)),
    ("10", "idle CPU, % of a core", TimesKafka(50.0)),
    ("10", "CPU at 500 records a second, % of a core", TimesKafka(10.0)),
    (
        "11",
        "produce, one record of 100 B a request, 5 under way: system calls per request",
        AtMost(3.0),
    ),
    (
        "11",
        "produce, one record of 100 B a request, 1 under way: system calls per request",
        AtMost(5.0),
    ),
    (
        "12",
        "produce, 100 B in 16 KiB to 1000 partitions: CPU-us per request",
        TimesOwn(1.1, FLAT_4),
    ),
    (
        "12",
        "produce, 100 B in 16 KiB to 10000 partitions: CPU-us per request",
        TimesOwn(1.1, FLAT_4),
    ),
    (
        "12",
        "three replicas, 100 B in 16 KiB: records per core-second",
        TimesKafka(3.0),
    ),
    ("headline", "on one core, 100 B in 16 KiB: records/s", AtLeast(5e6)),
    ("headline", "on one core, 1 KiB in 64 KiB: MB/s", AtLeast(1000.0)),
    ("headline", "durable, 100 B in 64 KiB: records/s", AtLeast(2e6)),
];

/// Each goal in a line; those whose part was not measured are named at the end.
pub fn table(figures: &Figures) -> String {
    let mut lines = Vec::new();
    let (mut reached, mut missing) = (0, Vec::new());
    for (number, row, bar) in &GOALS {
        let (ours, kafkas) = (figures.median("riverrun", row), figures.median("kafka", row));
        let Some(judged) = bar.judge(figures, row, ours, kafkas) else {
            missing.push(format!("{number} ({row})"));
            continue;
        };
        reached += usize::from(judged.met);
        let verdict = if judged.met { "met" } else { "**not met**" };
        let ratio = better(row).ratio(ours, kafkas);
        let ratio = if ratio.is_finite() {
            format!("{ratio:.1}x")
        } else {
            String::from("-")
        };
        lines.push(format!(
            "| {number} | {row} | {} | {} | {ratio} | {} | {} | {verdict} | {} |\n",
            short(ours),
            short(kafkas),
            judged.goal,
            judged.reached,
            bar.floor(figures, row),
        ));
    }
    let mut text = format!(
        "{reached} of {} are met.\n\n| | what | Riverrun | Kafka | ratio | goal | reached | | bare loop |\n|:--|:--|--:|--:|--:|:--|--:|:--|--:|\n{}",
        lines.len(),
        lines.concat()
    );
    if !missing.is_empty() {
        writeln!(text, "\nNot measured in this run: {}.", missing.join("; ")).expect("a string takes any text");
    }
    text + &controls(figures)
}

/// A goal beside what was measured.
struct Judged {
    goal: String,
    reached: String,
    met: bool,
}

impl Bar {
    /// The goal in words, what was reached, and whether that is it; nothing if a figure is missing.
    fn judge(&self, figures: &Figures, row: &str, ours: f64, kafkas: f64) -> Option<Judged> {
        let known = |value: f64| (!value.is_nan()).then_some(value);
        let ours = known(ours)?;
        let own = |row: &str| known(figures.median("riverrun", row));
        let (goal, reached, met) = match *self {
            TimesKafka(times) => {
                let ratio = better(row).ratio(ours, known(kafkas)?);
                (format!(">= {times}x"), format!("{ratio:.1}x"), ratio >= times)
            }
            AtMost(most) => (format!("<= {most}"), short(ours), ours <= most),
            AtLeast(least) => (format!(">= {}", short(least)), short(ours), ours >= least),
            TimesOwn(most, other) => {
                let ratio = ours / own(other)?;
                let goal = format!("<= {most}x of 4 partitions");
                (goal, format!("{ratio:.2}x"), ratio <= most)
            }
            PartOfOwn(least, other) => {
                let part = ours / own(other)?;
                let goal = format!(">= {:.0} % of not durable", least * 100.0);
                (goal, format!("{:.0} %", part * 100.0), part >= least)
            }
        };
        Some(Judged { goal, reached, met })
    }

    /// What the bare loop has, and what it would reach if it were a broker; nothing if it was not measured.
    fn floor(&self, figures: &Figures, row: &str) -> String {
        let bare = figures.median(BARE, row);
        if bare.is_nan() {
            return String::new();
        }
        let reached = match *self {
            TimesKafka(_) => better(row).ratio(bare, figures.median("kafka", row)),
            TimesOwn(_, other) => bare / figures.median(BARE, other),
            AtMost(_) | AtLeast(_) | PartOfOwn(..) => f64::NAN,
        };
        match reached.is_finite() {
            true => format!("{} ({reached:.2}x)", short(bare)),
            false => short(bare),
        }
    }
}

/// How far two brokers of one make are apart.
fn controls(figures: &Figures) -> String {
    let apart = |one: &str, other: &str| {
        let ratio = Better::Smaller.ratio(
            figures.median(one, &control::row()),
            figures.median(other, &control::row()),
        );
        ratio.is_finite().then(|| format!("{one} beside {other}: {ratio:.2}x"))
    };
    let pairs = [apart("riverrun", "riverrun again"), apart("kafka", "kafka again")];
    let pairs: Vec<String> = pairs.into_iter().flatten().collect();
    if pairs.is_empty() {
        return String::new();
    }
    format!(
        "\nThe control, each make beside a second broker of its own, `{}`: {}. A difference of that size means nothing.\n",
        control::row(),
        pairs.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_or_not_by_their_figures() {
        let mut figures = Figures::default();
        figures.add("riverrun", ONE, 5.0);
        figures.add("kafka", ONE, 49.0);
        figures.add("riverrun", "idle memory, MiB", 14.0);
        figures.add(BARE, ONE, 2.0);
        let text = table(&figures);
        let line = "| 5.00 | 49.0 | 9.8x | >= 10x | 9.8x | **not met** | 2.00 (24.50x) |";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("| 14.0 | - | - | <= 14.3 | 14.0 | met |  |"), "{text}");
        assert!(text.starts_with("1 of 2 are met."), "{text}");
        assert!(text.contains("Not measured in this run: 2 ("), "{text}");
    }
}
