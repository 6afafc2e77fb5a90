//! What the records hold.

use crate::command::options::Options;
use anyhow::{Context, bail};
use base::Rng;

/// What the records hold.
pub enum Payload {
    /// Random capital letters.
    Random(Rng, Vec<u8>),
    /// One of these.
    Listed(Rng, Vec<Vec<u8>>),
    /// The record's number.
    Number(Vec<u8>),
}

impl Payload {
    /// Reads `--record-size`, `--payload-file` or `--payload-monotonic`.
    pub fn read(options: &Options) -> anyhow::Result<Self> {
        // The same records in every run, as with Kafka's tool.
        let rng = Rng::from_seed(0);
        if let Some(size) = options.number::<usize>("record-size")? {
            if size == 0 {
                bail!("kafka-producer-perf-test: error: --record-size should be greater than zero");
            }
            return Ok(Self::Random(rng, vec![0; size]));
        }
        let Some(path) = options.value("payload-file")? else {
            return Ok(Self::Number(Vec::new()));
        };
        println!("Reading payloads from: {path}");
        let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
        let delimiter = match options.value("payload-delimiter")? {
            None | Some("\\n") => "\n",
            Some(delimiter) => delimiter,
        };
        let payloads: Vec<Vec<u8>> = text
            .trim_end_matches(delimiter)
            .split(delimiter)
            .map(|one| one.as_bytes().to_vec())
            .collect();
        if text.is_empty() {
            bail!("File does not exist or empty file provided.");
        }
        println!("Number of messages read: {}", payloads.len());
        Ok(Self::Listed(rng, payloads))
    }

    /// The value of record `number`.
    pub fn next(&mut self, number: u64) -> &[u8] {
        match self {
            Self::Random(rng, value) => {
                rng.fill(value);
                for byte in value.iter_mut() {
                    // As good as random letters need to be, and quicker than a number for each.
                    *byte = b'A' + ((u16::from(*byte) * 26) >> 8) as u8;
                }
                value
            }
            Self::Listed(rng, values) => {
                let index = rng.below(values.len() as u64);
                &values[usize::try_from(index).expect("below the length")]
            }
            Self::Number(text) => {
                *text = number.to_string().into_bytes();
                text
            }
        }
    }
}
