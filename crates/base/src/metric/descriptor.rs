//! What a metric is called.

use std::fmt::Write;

/// A metric's name, as Kafka's MBean has it, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The MBean's domain, such as `kafka.server`.
    pub domain: &'static str,
    /// The MBean's `type`, such as `BrokerTopicMetrics`.
    pub group: &'static str,
    /// The MBean's `name`, such as `BytesInPerSec`.
    pub name: &'static str,
    /// One line for whoever reads the page.
    pub help: &'static str,
}

/// Names and values that tell the metrics of one name apart.
pub type Labels<'a> = [(&'static str, &'a str)];

impl Descriptor {
    /// A metric under `domain:type=group,name=name`.
    pub const fn new(domain: &'static str, group: &'static str, name: &'static str, help: &'static str) -> Self {
        Self {
            domain,
            group,
            name,
            help,
        }
    }

    /// The name in Prometheus' text, by the rules that come with the JMX exporter (`kafka-2_0_0.yml`): the parts in lower
    /// case, joined by underscores, without `PerSec` (or `Total`, which a counter gets anyway).
    pub fn text_name(&self) -> String {
        let ends = ["PerSec", "Total"];
        let name = ends
            .iter()
            .find_map(|end| self.name.strip_suffix(end))
            .unwrap_or(self.name);
        let mut text = String::with_capacity(self.domain.len() + self.group.len() + name.len() + 2);
        for (number, part) in [self.domain, self.group, name].into_iter().enumerate() {
            if number > 0 {
                text.push('_');
            }
            text.extend(part.chars().map(|c| match c {
                'A'..='Z' => c.to_ascii_lowercase(),
                'a'..='z' | '0'..='9' => c,
                _ => '_',
            }));
        }
        text
    }
}

/// `{name="value",..}`, or nothing; the values escaped as the text format wants it.
pub(super) fn label_text(labels: &Labels<'_>) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        text.push(if text.is_empty() { '{' } else { ',' });
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Writing to a string cannot fail.
        let _ = write!(text, "{name}=\"{value}\"");
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}
