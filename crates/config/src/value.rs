//! A key's value, and how Kafka shows it.

/// A parsed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not set and without default.
    Null,
    /// A boolean.
    Boolean(bool),
    /// Text, a class name or a secret.
    Text(String),
    /// A 16-, 32- or 64-bit integer, within the range of its key's type.
    Integer(i64),
    /// A floating point number.
    Double(f64),
    /// Texts, without the blanks around the commas.
    List(Vec<String>),
}

impl Value {
    /// The value as DescribeConfigs shows it; `None` for null.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Double(number) => Some(java_double(*number)),
            Self::List(entries) => Some(entries.join(",")),
        }
    }
}

/// A double as Java's `Double.toString` writes it: `0.5`, `3.0`, `1.7976931348623157E308`.
pub fn java_double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::java_double;

    #[test]
    fn doubles_look_as_java_shows_them() {
        let shown = [0.5, 1.0, 0.0, 100.0, 2_147_483_647.0, f64::MAX, 1e7, 0.0001].map(java_double);
        assert_eq!(
            shown.join(" "),
            "0.5 1.0 0.0 100.0 2.147483647E9 1.7976931348623157E308 1.0E7 1.0E-4"
        );
    }
}
