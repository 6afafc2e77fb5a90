//! `--validate-regex`: whether the coordinator would take a pattern.

use group_coordinator::regex::TopicRegex;

/// Says whether members can subscribe to `pattern`.
pub fn validate_regex(pattern: &str) {
    match TopicRegex::compile(pattern) {
        Ok(_) => println!("The regular expression `{pattern}` is valid."),
        Err(error) => println!("The regular expression `{pattern}` is invalid: {}.", error.reason),
    }
}
