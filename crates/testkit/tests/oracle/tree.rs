//! Answers as trees of named values, read from their debug text, so that one comparison serves every message.

use std::fmt::Debug;

/// A value of an answer: a leaf has no children.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The field's name; empty for elements of a list and for what a `Some` holds.
    pub label: String,
    /// A leaf's value, or what opens a struct or list.
    pub text: String,
    /// Fields or elements.
    pub children: Vec<Node>,
}

impl Node {
    /// The tree of a message, after `rewrite` changed its debug text.
    pub fn of(message: &impl Debug, rewrite: impl Fn(&str) -> String) -> Node {
        let text = rewrite(&format!("{message:#?}"));
        let mut lines = text.lines();
        let first = lines.next().expect("debug text is not empty");
        read(first, &mut lines)
    }

    /// The tree in one line.
    pub fn whole(&self) -> String {
        if self.children.is_empty() {
            return self.text.clone();
        }
        let part = |child: &Node| {
            if child.label.is_empty() {
                child.whole()
            } else {
                format!("{}={}", child.label, child.whole())
            }
        };
        let parts: Vec<_> = self.children.iter().map(part).collect();
        format!("({})", parts.join(" "))
    }

    fn is_list(&self) -> bool {
        self.text == "["
    }

    /// What tells this element from its siblings, when some of its fields do.
    fn key(&self) -> Option<String> {
        let names = self
            .children
            .iter()
            .filter(|child| KEYS.contains(&child.label.as_str()) && child.children.is_empty());
        let names: Vec<_> = names.map(|child| child.text.as_str()).collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

/// Fields that name the struct they are in.
const KEYS: [&str; 13] = [
    "name",
    "topic",
    "api_key",
    "partition_index",
    "partition",
    "index",
    "resource_type",
    "resource_name",
    "key",
    "log_dir",
    "partition_id",
    "producer_id",
    "transactional_id",
];

fn read<'a>(line: &str, rest: &mut impl Iterator<Item = &'a str>) -> Node {
    let line = line.trim();
    let is_field =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || "_#".contains(c));
    let (label, value) = match line.split_once(": ") {
        Some((label, value)) if is_field(label) => (label.to_owned(), value),
        _ => (String::new(), line),
    };
    let mut node = Node {
        label,
        text: value.trim_end_matches(',').to_owned(),
        children: Vec::new(),
    };
    if !["{", "[", "("].iter().any(|open| value.ends_with(open)) || value.starts_with(['"', 'b']) {
        return node;
    }
    while let Some(line) = rest.next() {
        if ["}", "},", "]", "],", ")", "),"].contains(&line.trim()) {
            break;
        }
        node.children.push(read(line, rest));
    }
    if node.text == "Some(" && node.children.len() == 1 {
        let inner = node.children.remove(0);
        node.text = inner.text;
        node.children = inner.children;
    }
    node
}

/// Where two trees differ: a path and both values.
pub struct Split {
    pub path: String,
    pub left: String,
    pub right: String,
}

/// Compares two trees. Lists named in `unordered` are matched by what names their elements, others by position.
pub fn compare(left: &Node, right: &Node, unordered: &[&str], path: &str, out: &mut Vec<Split>) {
    if left.text != right.text {
        let words = if both_say_something(left, right) {
            " (wording)"
        } else {
            ""
        };
        out.push(Split {
            path: format!("{path}{words}"),
            left: short(left),
            right: short(right),
        });
        return;
    }
    if left.is_list() {
        compare_lists(left, right, unordered, path, out);
        return;
    }
    for child in &left.children {
        let below = if path.is_empty() {
            child.label.clone()
        } else {
            format!("{path}.{}", child.label)
        };
        match right.children.iter().find(|other| other.label == child.label) {
            Some(other) => compare(child, other, unordered, &below, out),
            None => out.push(Split {
                path: below,
                left: short(child),
                right: "(no such field)".to_owned(),
            }),
        }
    }
}

/// Texts for people, which both sides give: what they say is compared, and how they say it told apart from that.
fn both_say_something(left: &Node, right: &Node) -> bool {
    let says = |node: &Node| node.text.starts_with('"') && node.text != "\"\"";
    (left.label.ends_with("error_message") || left.label == "documentation") && says(left) && says(right)
}

fn compare_lists(left: &Node, right: &Node, unordered: &[&str], path: &str, out: &mut Vec<Split>) {
    let by_key = unordered.contains(&left.label.as_str());
    let keys = |list: &Node| -> Vec<String> {
        let key = |(at, node): (usize, &Node)| if by_key { element_key(node) } else { at.to_string() };
        list.children.iter().enumerate().map(key).collect()
    };
    let (left_keys, right_keys) = (keys(left), keys(right));
    for (key, child) in left_keys.iter().zip(&left.children) {
        let below = format!("{path}[{key}]");
        match right_keys.iter().position(|other| other == key) {
            Some(at) => compare(child, &right.children[at], unordered, &below, out),
            None => out.push(Split {
                path: below,
                left: short(child),
                right: "(absent)".to_owned(),
            }),
        }
    }
    for (key, child) in right_keys.iter().zip(&right.children) {
        if !left_keys.contains(key) {
            out.push(Split {
                path: format!("{path}[{key}]"),
                left: "(absent)".to_owned(),
                right: short(child),
            });
        }
    }
}

/// All that a node holds, in one line, without the order of its lists.
fn sorted(node: &Node) -> String {
    if node.children.is_empty() {
        return format!("{}={}", node.label, node.text);
    }
    let mut parts: Vec<_> = node.children.iter().map(sorted).collect();
    if node.is_list() {
        parts.sort();
    }
    format!("{}=({})", node.label, parts.join(" "))
}

/// A leaf names itself; a struct is named by a field, or else by all it holds.
fn element_key(node: &Node) -> String {
    if node.children.is_empty() {
        return node.text.clone();
    }
    node.key().unwrap_or_else(|| {
        let mut parts: Vec<_> = node.children.iter().map(sorted).collect();
        parts.sort();
        parts.join(" ")
    })
}

fn short(node: &Node) -> String {
    node.whole().chars().take(300).collect()
}

#[test]
fn paths_name_what_differs() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "read through its debug text")]
    struct Inner {
        name: &'static str,
        value: Option<i32>,
    }
    #[derive(Debug)]
    #[expect(dead_code, reason = "read through its debug text")]
    struct Outer {
        error: i16,
        list: Vec<Inner>,
    }
    let left = Outer {
        error: 0,
        list: vec![
            Inner {
                name: "a: {",
                value: Some(1),
            },
            Inner { name: "b", value: None },
        ],
    };
    let right = Outer {
        error: 0,
        list: vec![
            Inner {
                name: "b",
                value: Some(3),
            },
            Inner {
                name: "a: {",
                value: Some(2),
            },
        ],
    };
    let tree = |outer: &Outer| Node::of(outer, str::to_owned);
    let mut splits = Vec::new();
    compare(&tree(&left), &tree(&right), &["list"], "", &mut splits);
    let found: Vec<_> = splits
        .iter()
        .map(|split| format!("{}: {} {}", split.path, split.left, split.right))
        .collect();
    assert_eq!(found, ["list[\"a: {\"].value: 1 2", "list[\"b\"].value: None 3"]);
}
