//! Dates with times, as Kafka's tools read them: `2024-01-31T12:00:00.000`, with a zone or in UTC.

use anyhow::bail;
use base::Timestamp;

/// Reads a date with a time.
pub fn parse(text: &str) -> anyhow::Result<Timestamp> {
    let mut parts = text.trim_end_matches('T').split('T').skip(1);
    let Some(time) = parts.next() else {
        bail!(
            "java.text.ParseException: Error parsing timestamp. It does not contain a 'T' according to ISO8601 format"
        );
    };
    let text = match time.contains(['+', '-', 'Z']) {
        true => text.to_owned(),
        false => format!("{text}Z"),
    };
    match read(&text) {
        Some(timestamp) => Ok(timestamp),
        None => bail!("java.text.ParseException: Unparseable date: \"{text}\""),
    }
}

fn read(text: &str) -> Option<Timestamp> {
    let mut rest = text;
    let mut number = |end: Option<char>| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        rest = &rest[digits..];
        if let Some(end) = end {
            rest = rest.strip_prefix(end)?;
        }
        Some(number)
    };
    let year = number(Some('-'))?;
    let month = number(Some('-'))?;
    let day = number(Some('T'))?;
    let hour = number(Some(':'))?;
    let minute = number(Some(':'))?;
    let second = number(Some('.'))?;
    let millis = number(None)?;
    let in_range = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && millis < 1000;
    if !in_range {
        return None;
    }
    let seconds = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone(rest)?;
    Some(Timestamp(seconds * 1000 + millis))
}

/// The seconds that a zone is ahead of UTC: `Z`, `+01:30` or `+01`. What follows is not looked at.
fn zone(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'Z' => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let two = |text: &str| {
        let digits = text
            .get(..2)
            .filter(|two| two.bytes().all(|digit| digit.is_ascii_digit()))?;
        digits.parse::<i64>().ok()
    };
    let hours = two(text.get(1..)?).filter(|hours| *hours < 24)?;
    let minutes = text.get(3..).and_then(|rest| rest.strip_prefix(':')).and_then(two);
    Some(sign * (hours * 3600 + minutes.filter(|minutes| *minutes < 60).unwrap_or(0) * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970 to a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let years = before * 365 + before / 4 - before / 100 + before / 400;
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_kafkas_tools_read_them() {
        let cases = [
            ("1970-01-01T00:00:00.000", Some(0)),
            ("2020-02-29T12:30:15.250Z", Some(1_582_979_415_250)),
            ("2020-01-01T00:00:00.000+01:30", Some(1_577_831_400_000)),
            ("2020-01-01T00:00:00.000+01", Some(1_577_833_200_000)),
            ("2020-1-1T0:0:0.5", Some(1_577_836_800_005)),
            ("2100-03-01T00:00:00.000", Some(4_107_542_400_000)),
            ("2021-02-29T00:00:00.000", None),
            ("2020-01-01T00:00:00", None),
            ("2020-01-01T25:00:00.000", None),
            ("2020-01-01 00:00:00.000", None),
            ("T", None),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text).ok().map(|found| found.0), millis, "{text}");
        }
        assert_eq!(
            parse("2020-13-01T00:00:00.000").unwrap_err().to_string(),
            "java.text.ParseException: Unparseable date: \"2020-13-01T00:00:00.000Z\""
        );
    }
}
