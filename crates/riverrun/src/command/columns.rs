//! Text in columns, as Java's `printf` sets it: widths count UTF-16 units.

/// How wide a text is.
pub fn width(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text, with blanks after it up to `columns`.
pub fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    let mut padded = text.to_owned();
    padded.extend(std::iter::repeat_n(' ', missing));
    padded
}

/// The width of the widest of `texts`, and at least `least`.
pub fn widest<'a>(least: usize, texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(width).fold(least, usize::max)
}
