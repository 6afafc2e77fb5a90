//! Everything that was measured, one figure at a time: whose, which, how much.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Figures in the order in which they came.
#[derive(Default)]
pub struct Figures {
    all: Vec<Figure>,
}

struct Figure {
    system: String,
    row: String,
    value: f64,
}

/// Which way of a figure is the good one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// As costs.
    Smaller,
    /// As speeds.
    Larger,
}

impl Better {
    /// How many times better the first is.
    pub fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::Smaller => theirs / ours,
            Self::Larger => ours / theirs,
        }
    }
}

impl Figures {
    /// Adds one, and tells it to whoever watches.
    pub fn add(&mut self, system: &str, row: &str, value: f64) {
        println!("{system:<16} {row}: {}", short(value));
        self.all.push(Figure {
            system: system.to_owned(),
            row: row.to_owned(),
            value,
        });
    }

    /// Adds several of one load.
    pub fn add_all<const N: usize>(&mut self, system: &str, what: &str, rows: [(&str, f64); N]) {
        for (row, value) in rows {
            self.add(system, &format!("{what}: {row}"), value);
        }
    }

    /// The middle of a system's figures of a row; no number if there is none.
    pub fn median(&self, system: &str, row: &str) -> f64 {
        median(self.values(system, row))
    }

    fn values(&self, system: &str, row: &str) -> Vec<f64> {
        let own = self
            .all
            .iter()
            .filter(|figure| figure.system == system && figure.row == row);
        own.map(|figure| figure.value).collect()
    }

    /// All rows, in the order in which they first came.
    pub fn rows(&self) -> Vec<&str> {
        let mut rows: Vec<&str> = Vec::new();
        for figure in &self.all {
            if !rows.contains(&figure.row.as_str()) {
                rows.push(&figure.row);
            }
        }
        rows
    }

    /// The median, and the smallest and the largest if they differ.
    pub fn cell(&self, system: &str, row: &str) -> String {
        let values = self.values(system, row);
        let Some(smallest) = values.iter().copied().min_by(f64::total_cmp) else {
            return String::from("-");
        };
        let largest = values.iter().copied().fold(smallest, f64::max);
        let middle = short(median(values));
        if short(smallest) == short(largest) {
            return middle;
        }
        format!("{middle} [{}..{}]", short(smallest), short(largest))
    }

    /// The rows that a system has figures of.
    pub fn rows_of(&self, system: &str) -> Vec<&str> {
        let mut rows = self.rows();
        rows.retain(|row| !self.values(system, row).is_empty());
        rows
    }

    /// A table of those rows that any of the systems has a figure of.
    pub fn table(&self, rows: &[&str], systems: &[&str], ratio: Option<(&str, &str)>) -> String {
        let mut text = format!("| | {} |", systems.join(" | "));
        let mut line = format!("|:--|{}", "--:|".repeat(systems.len()));
        if ratio.is_some() {
            text += " ratio |";
            line += "--:|";
        }
        text = format!("{text}\n{line}\n");
        for row in rows {
            let values = systems.iter().map(|system| self.median(system, row));
            if values.clone().all(f64::is_nan) {
                continue;
            }
            let cells: Vec<String> = systems.iter().map(|system| self.cell(system, row)).collect();
            write!(text, "| {row} | {} |", cells.join(" | ")).expect("a string takes any text");
            if let Some((ours, theirs)) = ratio {
                let ratio = better(row).ratio(self.median(ours, row), self.median(theirs, row));
                let ratio = if ratio.is_finite() && is_comparable(row) {
                    format!("{ratio:.1}x")
                } else {
                    String::from("-")
                };
                write!(text, " {ratio} |").expect("a string takes any text");
            }
            text.push('\n');
        }
        text
    }

    /// How far apart the rounds were.
    pub fn spread(&self) -> String {
        let mut groups: Vec<(&str, &str, Vec<f64>)> = Vec::new();
        for figure in &self.all {
            let known = groups
                .iter_mut()
                .find(|(system, row, _)| *system == figure.system && *row == figure.row);
            match known {
                Some((.., values)) => values.push(figure.value),
                None => groups.push((&figure.system, &figure.row, vec![figure.value])),
            }
        }
        spread(groups.into_iter().map(|(.., values)| values))
    }

    /// Every single one.
    pub fn json(&self) -> Value {
        let figure = |figure: &Figure| json!([figure.system, figure.row, figure.value]);
        self.all.iter().map(figure).collect()
    }
}

/// Whether more or less of it is of anybody's doing.
pub fn is_comparable(row: &str) -> bool {
    !row.contains("lateness") && !row.ends_with("MB kept")
}

/// Rows are named by what they count: those that count things a second are better when larger.
pub fn better(row: &str) -> Better {
    if row.ends_with("/s") || row.ends_with("core-second") {
        Better::Larger
    } else {
        Better::Smaller
    }
}

/// Three digits that matter.
pub fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value.is_nan() => String::from("-"),
        _ if size >= 10_000_000.0 => format!("{:.1} M", value / 1e6),
        _ if size >= 1_000_000.0 => format!("{:.2} M", value / 1e6),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle of some figures; none of them is no number.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => figures[count / 2],
        count => (figures[count / 2 - 1] + figures[count / 2]) / 2.0,
    }
}

/// How far apart the rounds of a figure were, in a sentence; one group of values for each figure.
pub fn spread(groups: impl Iterator<Item = Vec<f64>>) -> String {
    let apart = |values: Vec<f64>| {
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(0.0, f64::max);
        (values.len() > 1 && smallest > 0.0).then_some(largest / smallest)
    };
    let mut all: Vec<f64> = groups.filter_map(apart).collect();
    all.sort_by(f64::total_cmp);
    let Some(worst) = all.last().copied() else {
        return String::from("One round: nothing here says how far apart two would be.");
    };
    format!(
        "Of the rounds of one figure the largest was {:.2} times the smallest in the middle of all figures, {worst:.1} times at the worst.",
        median(all)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn the_spread_is_of_rounds() {
        let groups = vec![vec![1.0, 1.1], vec![2.0, 3.0, 2.5], vec![4.0], vec![0.0, 1.0]];
        let said = spread(groups.into_iter());
        assert!(said.contains("1.30 times") && said.contains("1.5 times"), "{said}");
        assert!(spread(vec![vec![1.0]].into_iter()).starts_with("One round"));
    }

    #[test]
    fn a_table_has_medians_spreads_and_ratios() {
        let mut figures = Figures::default();
        for value in [4.0, 2.0, 3.0] {
            figures.add("ours", "cost, us", value);
        }
        figures.add("theirs", "cost, us", 30.0);
        figures.add("theirs", "records/s", 5.0);
        figures.add("ours", "records/s", 2_500_000.0);
        figures.add("third", "alone", 1.0);
        let text = figures.table(&figures.rows(), &["ours", "theirs"], Some(("ours", "theirs")));
        let expected = "| | ours | theirs | ratio |\n|:--|--:|--:|--:|\n\
                        | cost, us | 3.00 [2.00..4.00] | 30.0 | 10.0x |\n\
                        | records/s | 2.50 M | 5.00 | 500000.0x |\n";
        assert_eq!(text, expected);
        assert_eq!(figures.json()[0], json!(["ours", "cost, us", 4.0]));
    }
}
