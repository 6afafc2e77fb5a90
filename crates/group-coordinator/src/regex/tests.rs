//! Patterns and names. That every pattern means what it means to Kafka is tested beside its RE2/J: `testkit/tests/regex.rs`.

use super::resolve::{BUDGET, resolve};
use super::{LIMITS, TopicRegex};
use expect_test::{Expect, expect};
use std::collections::BTreeSet;
use std::sync::Arc;

fn matches(pattern: &str, name: &str) -> bool {
    let regex = TopicRegex::compile(pattern).unwrap();
    regex.matcher().matches(name, &mut 1_000_000).unwrap()
}

fn refused(pattern: &str, expected: &Expect) {
    expected.assert_eq(&TopicRegex::compile(pattern).unwrap_err().to_string());
}

#[test]
fn the_whole_name_has_to_match() {
    for (pattern, yes, no) in [
        ("foo", "foo", "foobar"),
        ("foo.*", "foobar", "a-foo"),
        ("a|bc", "bc", "abc"),
        ("(?i)ORDERS-[[:digit:]]+", "orders-17", "orders-"),
        (r"\Qa.b\E", "a.b", "axb"),
        ("[a&&b]", "&", "ab"),
        ("[^_].*", "x", "__consumer_offsets"),
        (r"(a{2,3}){2}", "aaaaa", "aaa"),
        (r".*\bpay\b.*", "eu-pay-1", "eu-payment"),
        ("", "", "a"),
        (r"(?i)\x{212a}.*", "kilo", "x"),
    ] {
        assert!(matches(pattern, yes), "{pattern} does not match {yes}");
        assert!(!matches(pattern, no), "{pattern} matches {no}");
    }
}

#[test]
fn what_is_wrong_is_said_in_kafkas_words() {
    refused(
        "(foo.*",
        &expect!["SubscribedTopicRegex `(foo.*` is not a valid regular expression: missing closing )."],
    );
    refused(
        "a**",
        &expect!["SubscribedTopicRegex `a**` is not a valid regular expression: invalid nested repetition operator."],
    );
}

#[test]
fn hostile_patterns_are_refused_before_they_cost_anything() {
    let too_large = [
        "((((x{1000}){1000}){1000}){1000})".to_owned(),
        "(((((){1000}){1000}){1000}){1000})".to_owned(),
        "x".repeat(LIMITS.length + 1),
    ];
    for pattern in too_large {
        let error = TopicRegex::compile(&pattern).unwrap_err();
        assert_eq!(error.reason, "expression too large");
    }
    let deep = format!("{}x{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(
        TopicRegex::compile(&deep).unwrap_err().reason,
        "expression nests too deeply"
    );
}

#[test]
fn a_pattern_that_is_too_costly_means_no_topic() {
    let topics: Vec<Arc<str>> = (0..5_000)
        .map(|number| format!("{}{number}", "a".repeat(240)).into())
        .collect();
    let patterns: BTreeSet<Arc<str>> = ["(.{0,100}){300}".into(), "a+7".into()].into();
    let resolved = resolve("g", &patterns, &topics, |_| true, 100_000);
    assert_eq!(resolved["(.{0,100}){300}"].len(), 0);
}

#[test]
fn topics_that_may_not_be_described_are_left_out() {
    let topics: Vec<Arc<str>> = ["pay", "payroll", "__consumer_offsets"].map(Arc::from).to_vec();
    let patterns: BTreeSet<Arc<str>> = ["pay.*".into(), "(".into(), "__.*".into()].into();
    let resolved = resolve("g", &patterns, &topics, |topic| topic != "payroll", BUDGET);
    assert_eq!(resolved["pay.*"], BTreeSet::from(["pay".into()]));
    assert_eq!(resolved["__.*"], BTreeSet::from(["__consumer_offsets".into()]));
    assert_eq!(resolved["("], BTreeSet::new());
}
