//! Small plots in SVG, drawn by hand: a page of bars or of lines is some hundred lines of text, where a plotting library
//! would be the largest dependency of the chores.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 44.0;
const COLOURS: [&str; 7] = [
    "#0a6ebd", "#d1495b", "#edae49", "#66a182", "#8d6a9f", "#555555", "#2e4057",
];

/// A line of a plot: its name, and its points.
pub struct Series {
    /// What it is of.
    pub name: String,
    /// From left to right; a place along the axis and a value.
    pub points: Vec<(usize, f64)>,
}

/// Lines over named places, the values on a logarithmic axis.
pub fn lines(title: &str, places: &[String], series: &[Series]) -> String {
    let values: Vec<f64> = series
        .iter()
        .flat_map(|series| &series.points)
        .map(|point| point.1)
        .collect();
    let Some(axis) = Axis::of(&values) else {
        return String::new();
    };
    let step = (WIDTH - LEFT - RIGHT) / places.len().max(2).saturating_sub(1) as f64;
    let x = |place: usize| LEFT + place as f64 * step;
    let mut svg = begin(title);
    axis.draw(&mut svg);
    for (place, name) in places.iter().enumerate() {
        text(&mut svg, x(place), HEIGHT - BOTTOM + 18.0, "middle", name);
    }
    for (number, series) in series.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let points: Vec<String> = series
            .points
            .iter()
            .map(|(place, value)| format!("{:.1},{:.1}", x(*place), axis.y(*value)))
            .collect();
        put(
            &mut svg,
            format!(
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
                points.join(" ")
            ),
        );
        for point in &points {
            let (x, y) = point.split_once(',').expect("written just now");
            put(
                &mut svg,
                format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>"),
            );
        }
    }
    legend(&mut svg, series.iter().map(|series| series.name.as_str()));
    svg + "</svg>\n"
}

/// Groups of bars side by side, the values on a logarithmic axis; what is no number has no bar.
pub fn bars(title: &str, groups: &[String], series: &[(String, Vec<f64>)]) -> String {
    let values: Vec<f64> = series.iter().flat_map(|(_, values)| values).copied().collect();
    let Some(axis) = Axis::of(&values) else {
        return String::new();
    };
    let group = (WIDTH - LEFT - RIGHT) / groups.len() as f64;
    let bar = group * 0.8 / series.len() as f64;
    let mut svg = begin(title);
    axis.draw(&mut svg);
    for (at, name) in groups.iter().enumerate() {
        text(
            &mut svg,
            LEFT + (at as f64 + 0.5) * group,
            HEIGHT - BOTTOM + 18.0,
            "middle",
            name,
        );
    }
    for (number, (_, values)) in series.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        for (at, value) in values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_finite() && **value > 0.0)
        {
            let x = LEFT + at as f64 * group + group * 0.1 + number as f64 * bar;
            let y = axis.y(*value);
            let height = HEIGHT - BOTTOM - y;
            put(
                &mut svg,
                format!(
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{bar:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
                ),
            );
        }
    }
    legend(&mut svg, series.iter().map(|(name, _)| name.as_str()));
    svg + "</svg>\n"
}

/// Powers of ten that hold all values.
struct Axis {
    lowest: i32,
    highest: i32,
}

impl Axis {
    fn of(values: &[f64]) -> Option<Self> {
        let drawn = || values.iter().copied().filter(|value| value.is_finite() && *value > 0.0);
        let smallest = drawn().min_by(f64::total_cmp)?;
        let largest = drawn().max_by(f64::total_cmp)?;
        let lowest = smallest.log10().floor() as i32;
        let highest = (largest.log10().ceil() as i32).max(lowest + 1);
        Some(Self { lowest, highest })
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.lowest)) / f64::from(self.highest - self.lowest);
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }

    fn draw(&self, svg: &mut String) {
        for power in self.lowest..=self.highest {
            let y = self.y(10_f64.powi(power));
            let right = WIDTH - RIGHT;
            put(
                svg,
                format!("<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>"),
            );
            let label = match power {
                6.. => format!("{} M", 10_i64.pow(power.unsigned_abs() - 6)),
                3..6 => format!("{} k", 10_i64.pow(power.unsigned_abs() - 3)),
                0..3 => 10_i64.pow(power.unsigned_abs()).to_string(),
                _ => format!("{:.*}", power.unsigned_abs() as usize, 10_f64.powi(power)),
            };
            text(svg, LEFT - 8.0, y + 4.0, "end", &label);
        }
    }
}

fn begin(title: &str) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    text(&mut svg, LEFT, 20.0, "start", title);
    svg
}

fn legend<'a>(svg: &mut String, names: impl Iterator<Item = &'a str>) {
    for (number, name) in names.enumerate() {
        let (x, y) = (WIDTH - RIGHT + 14.0, TOP + 18.0 * number as f64);
        let colour = COLOURS[number % COLOURS.len()];
        put(
            svg,
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>"),
        );
        text(svg, x + 16.0, y + 10.0, "start", name);
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    put(
        svg,
        format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>"),
    );
}

fn put(svg: &mut String, element: String) {
    writeln!(svg, "{element}").expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_for_every_number_and_a_line_for_every_series() {
        let groups = ["a".to_owned(), "b".to_owned()];
        let svg = bars(
            "title",
            &groups,
            &[
                ("one".to_owned(), vec![1.0, 100.0]),
                ("two".to_owned(), vec![f64::NAN, 10.0]),
            ],
        );
        // The page, two keys of the legend, three bars.
        assert_eq!(svg.matches("<rect").count(), 6, "{svg}");
        let series = Series {
            name: "one".to_owned(),
            points: vec![(0, 0.5), (1, 2_000_000.0)],
        };
        let svg = lines("a < b", &groups, &[series]);
        assert!(
            svg.contains("a &lt; b") && svg.contains(">1 M<") && svg.contains(">0.1<"),
            "{svg}"
        );
        assert_eq!(
            (svg.matches("<polyline").count(), svg.matches("<circle").count()),
            (1, 2)
        );
    }
}
