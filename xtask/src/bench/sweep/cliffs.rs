//! Where a curve has a cliff: from one point to the next the cost of the same work grows by more than half.

use super::factors::FACTORS;
use super::{SYSTEMS, row};
use crate::bench::figures::{Figures, short};

/// How many times the cost of the point before is a cliff.
const STEP: f64 = 1.5;

/// Each of ours in a line, beside what the same step costs Kafka.
pub fn section(figures: &Figures) -> String {
    let mut lines = Vec::new();
    let mut steps = 0;
    for factor in &FACTORS {
        for pair in factor.points.windows(2) {
            let [from, to] = [&pair[0], &pair[1]].map(|point| row(factor, point, factor.shown));
            let step = |system: &str| figures.median(system, &to) / figures.median(system, &from);
            let [ours, kafkas] = SYSTEMS.map(step);
            steps += usize::from(ours.is_finite());
            if ours > STEP {
                let kafkas = if kafkas.is_finite() {
                    format!("{kafkas:.1}x")
                } else {
                    String::from("-")
                };
                lines.push(format!(
                    "| {} | {} to {} | {} to {} {} | {ours:.1}x | {kafkas} |\n",
                    factor.title,
                    pair[0].name,
                    pair[1].name,
                    short(figures.median(SYSTEMS[0], &from)),
                    short(figures.median(SYSTEMS[0], &to)),
                    factor.shown,
                ));
            }
        }
    }
    let what = format!(
        "## Cliffs\n\nA cliff is a step from one point of a curve to the next at which the same work costs more than {STEP} times as \
         much. Of {steps} steps of Riverrun's {} are cliffs.\n",
        lines.len()
    );
    if lines.is_empty() {
        return what;
    }
    format!(
        "{what}\n| what | step | cost | Riverrun | Kafka, same step |\n|:--|:--|:--|--:|--:|\n{}",
        lines.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_grows_by_half_is_a_cliff() {
        let mut figures = Figures::default();
        let factor = FACTORS
            .iter()
            .find(|factor| factor.name == "partitions")
            .expect("it is there");
        for (point, cost) in factor.points.iter().zip([10.0, 14.0, 30.0, 20.0]) {
            figures.add("riverrun", &row(factor, point, factor.shown), cost);
        }
        let text = section(&figures);
        assert!(text.contains("Of 3 steps of Riverrun's 1 are cliffs"), "{text}");
        assert!(
            text.contains("| Partitions | 100 to 1000 | 14.0 to 30.0 CPU-us per request | 2.1x | - |"),
            "{text}"
        );
    }
}
