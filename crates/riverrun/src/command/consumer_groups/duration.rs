//! Durations in ISO 8601, as Java's `Duration` reads them.

use anyhow::anyhow;

/// The units after `P` and after `T`, in their order, in seconds.
const DAYS: [(char, i64); 1] = [('D', 86_400)];
const TIMES: [(char, i64); 3] = [('H', 3600), ('M', 60), ('S', 1)];

/// Reads `P1DT2H3M4.5S` as milliseconds, rounded towards the past.
pub fn parse_millis(text: &str) -> anyhow::Result<i64> {
    parse(&text.to_uppercase()).ok_or_else(|| anyhow!("Text cannot be parsed to a Duration"))
}

fn parse(text: &str) -> Option<i64> {
    let (negative, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let text = text.strip_prefix('P')?;
    let (days, times) = match text.split_once('T') {
        Some((days, times)) => (days, Some(times)),
        None => (text, None),
    };
    if times == Some("") || (days.is_empty() && times.is_none()) {
        return None;
    }
    let nanos = sum(days, &DAYS)?.checked_add(sum(times.unwrap_or_default(), &TIMES)?)?;
    let nanos = if negative { -nanos } else { nanos };
    // The moment before now is rounded down, so the duration is rounded up.
    i64::try_from(-(-nanos).div_euclid(1_000_000)).ok()
}

/// The sum of numbers with units, each at most once, in order; in nanoseconds.
fn sum(mut text: &str, units: &[(char, i64)]) -> Option<i128> {
    let mut sum: i128 = 0;
    for (unit, seconds) in units {
        let Some((number, rest)) = text.split_once(*unit) else {
            continue;
        };
        sum += nanos(number, *unit)? * i128::from(*seconds);
        text = rest;
    }
    text.is_empty().then_some(sum)
}

fn nanos(number: &str, unit: char) -> Option<i128> {
    let (whole, fraction) = match number.split_once(['.', ',']) {
        Some((whole, fraction)) if unit == 'S' => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if digits.is_empty() || !is_number(digits) || !is_number(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds: i64 = digits.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(fraction);
    Some(if whole.starts_with('-') { -nanos } else { nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_java_reads_them() {
        let cases = [
            ("PT1H", Some(3_600_000)),
            ("p1dt1h", Some(90_000_000)),
            ("P2D", Some(172_800_000)),
            ("-PT1.5S", Some(-1500)),
            ("PT-1.5S", Some(-1500)),
            ("PT1M30S", Some(90_000)),
            ("PT0.0005S", Some(1)),
            ("PT0S", Some(0)),
            ("P", None),
            ("PT", None),
            ("P1M", None),
            ("PT1S1M", None),
            ("PT1.5H", None),
            ("P1DT", None),
            ("1H", None),
            ("", None),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_millis(text).ok(), millis, "{text}");
        }
    }
}
