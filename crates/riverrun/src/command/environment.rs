//! The variables of the environment.

use std::ffi::OsString;

/// Their names and values, without those that are no text: nothing can ask for them.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    texts(std::env::vars_os())
}

fn texts(variables: impl Iterator<Item = (OsString, OsString)>) -> impl Iterator<Item = (String, String)> {
    variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_variable_that_is_no_text_is_passed_over() {
        let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let all = [(&b"A"[..], &b"\xff"[..]), (b"\xff", b"b"), (b"C", b"c")];
        let found: Vec<_> = texts(all.map(|(name, value)| (bytes(name), bytes(value))).into_iter()).collect();
        assert_eq!(found, [("C".to_owned(), "c".to_owned())]);
    }
}
