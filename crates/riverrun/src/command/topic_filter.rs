//! Names of topics by regular expression, as Kafka's tools read them.

use regex_lite::Regex;

/// Kafka's own topics.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Whether a topic is one of Kafka's own.
pub fn is_internal(topic: &str) -> bool {
    INTERNAL.contains(&topic)
}

/// Topics by a list of regular expressions, separated by commas or bars, of which one must match the whole name.
#[derive(Clone, Debug)]
pub struct TopicFilter(Regex);

impl TopicFilter {
    /// Reads a list as Kafka does: blanks dropped, quotes around it, too.
    pub fn new(list: &str) -> anyhow::Result<Self> {
        let quote = |letter| letter == '"' || letter == '\'';
        let pattern = list.trim().replace(',', "|").replace(' ', "");
        let pattern = pattern.trim_start_matches(quote).trim_end_matches(quote);
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        whole
            .map(Self)
            .map_err(|_| anyhow::anyhow!("{list} is an invalid regex."))
    }

    /// Whether a topic is meant.
    pub fn allows(&self, topic: &str) -> bool {
        self.0.is_match(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::TopicFilter;

    #[test]
    fn a_list_matches_whole_names() {
        let filter = TopicFilter::new("\"a, b.*\"").unwrap();
        let allowed = ["a", "b", "bc", "ab", "c"].map(|topic| filter.allows(topic));
        assert_eq!(allowed, [true, true, true, false, false]);
        assert_eq!(TopicFilter::new("(").unwrap_err().to_string(), "( is an invalid regex.");
    }
}
