//! How a record is printed: Kafka's `DefaultMessageFormatter`.

use crate::command::connection::ClientProperties;
use crate::command::java;
use crate::command::options::Options;
use base::{Timestamp, TopicPartition, Uuid};
use client::consume::ConsumedRecord;
use records::TimestampType;
use std::borrow::Cow;
use std::io::{self, Write};

/// How records are printed.
#[derive(Clone, Debug)]
pub struct Formatter {
    printing: Printing,
    columns: Vec<Column>,
    key_separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
    key: Option<Deserializer>,
    value: Option<Deserializer>,
    headers: Option<Deserializer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Printing {
    On,
    Off,
}

/// What is printed of a record, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Timestamp,
    Partition,
    Offset,
    Delivery,
    Epoch,
    Headers,
    Key,
    Value,
}

/// The columns in order, with their properties.
const COLUMNS: [(Column, &str); 8] = [
    (Column::Timestamp, "print.timestamp"),
    (Column::Partition, "print.partition"),
    (Column::Offset, "print.offset"),
    (Column::Delivery, "print.delivery"),
    (Column::Epoch, "print.epoch"),
    (Column::Headers, "print.headers"),
    (Column::Key, "print.key"),
    (Column::Value, "print.value"),
];

impl Formatter {
    /// Reads the formatter's flags and properties.
    pub fn new(options: &Options) -> anyhow::Result<Self> {
        let printing = match options
            .value("formatter")?
            .map(|class| class.rsplit('.').next().unwrap_or(class))
        {
            None | Some("DefaultMessageFormatter") => Printing::On,
            Some("NoOpMessageFormatter") => Printing::Off,
            Some(_) => {
                let class = options.value("formatter")?.unwrap_or_default();
                anyhow::bail!(
                    "the formatter {class} is not built in: there are org.apache.kafka.tools.consumer.\
                     DefaultMessageFormatter and NoOpMessageFormatter"
                );
            }
        };
        let mut properties = match options.value("formatter-config")? {
            Some(path) => ClientProperties::from_file(path)?,
            None => ClientProperties::default(),
        };
        for flag in ["key-deserializer", "value-deserializer"] {
            if let Some(class) = options.value(flag)? {
                properties.set(&flag.replace('-', "."), class);
            }
        }
        properties.add_arguments(options.values("property").chain(options.values("formatter-property")));
        Ok(Self::from_properties(printing, &properties))
    }

    fn from_properties(printing: Printing, properties: &ClientProperties) -> Self {
        let chosen = |(column, key): &(Column, &str)| match properties.get(key) {
            Some(value) => value.trim().eq_ignore_ascii_case("true"),
            None => *column == Column::Value,
        };
        let text = |key, otherwise: &str| properties.get(key).unwrap_or(otherwise).as_bytes().to_vec();
        let deserializer = |key| properties.get(key).and_then(Deserializer::named);
        Self {
            printing,
            columns: COLUMNS
                .iter()
                .filter(|column| chosen(column))
                .map(|(column, _)| *column)
                .collect(),
            key_separator: text("key.separator", "\t"),
            line_separator: text("line.separator", "\n"),
            headers_separator: text("headers.separator", ","),
            null_literal: text("null.literal", "null"),
            key: deserializer("key.deserializer"),
            value: deserializer("value.deserializer"),
            headers: deserializer("headers.deserializer"),
        }
    }

    /// Prints a record.
    pub fn write(
        &self,
        partition: &TopicPartition,
        record: &ConsumedRecord<'_>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if self.printing == Printing::Off {
            return Ok(());
        }
        for (at, column) in self.columns.iter().enumerate() {
            self.write_column(*column, partition, record, out)?;
            let last = at + 1 == self.columns.len();
            out.write_all(if last {
                &self.line_separator
            } else {
                &self.key_separator
            })?;
        }
        Ok(())
    }

    fn write_column(
        &self,
        column: Column,
        partition: &TopicPartition,
        record: &ConsumedRecord<'_>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        match column {
            Column::Timestamp => match (record.timestamp, record.timestamp_type) {
                (Timestamp::NONE, _) => out.write_all(b"NO_TIMESTAMP"),
                (timestamp, TimestampType::CreateTime) => write!(out, "CreateTime:{timestamp}"),
                (timestamp, TimestampType::LogAppendTime) => write!(out, "LogAppendTime:{timestamp}"),
            },
            Column::Partition => write!(out, "Partition:{}", partition.partition),
            Column::Offset => write!(out, "Offset:{}", record.offset),
            // Only share groups count deliveries.
            Column::Delivery => out.write_all(b"Delivery:NOT_PRESENT"),
            Column::Epoch => write!(out, "Epoch:{}", record.leader_epoch),
            Column::Headers => self.write_headers(record, out),
            Column::Key => out.write_all(&self.shown(record.key, self.key)),
            Column::Value => out.write_all(&self.shown(record.value, self.value)),
        }
    }

    fn write_headers(&self, record: &ConsumedRecord<'_>, out: &mut impl Write) -> io::Result<()> {
        if record.headers.count() == 0 {
            return out.write_all(b"NO_HEADERS");
        }
        for (at, header) in record.headers.enumerate() {
            if at > 0 {
                out.write_all(&self.headers_separator)?;
            }
            out.write_all(header.key)?;
            out.write_all(b":")?;
            out.write_all(&self.shown(header.value, self.headers))?;
        }
        Ok(())
    }

    fn shown<'a>(&'a self, bytes: Option<&'a [u8]>, deserializer: Option<Deserializer>) -> Cow<'a, [u8]> {
        let bytes = bytes.unwrap_or(&self.null_literal);
        deserializer.map_or(Cow::Borrowed(bytes), |deserializer| deserializer.show(bytes))
    }
}

/// Kafka's own deserializers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deserializer {
    Text,
    Short,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Uuid,
}

impl Deserializer {
    /// The deserializer of a Java class's name; told and left out if it is not built in, as Kafka's script does with a
    /// class that it cannot load.
    fn named(class: &str) -> Option<Self> {
        let name = class
            .strip_prefix("org.apache.kafka.common.serialization.")
            .unwrap_or(class);
        Some(match name {
            "StringDeserializer" | "ByteArrayDeserializer" | "BytesDeserializer" => Self::Text,
            "ShortDeserializer" => Self::Short,
            "IntegerDeserializer" => Self::Integer,
            "LongDeserializer" => Self::Long,
            "FloatDeserializer" => Self::Float,
            "DoubleDeserializer" => Self::Double,
            "BooleanDeserializer" => Self::Boolean,
            "UUIDDeserializer" => Self::Uuid,
            _ => {
                eprintln!("ERROR Unable to instantiate a deserializer from {class}");
                return None;
            }
        })
    }

    fn show(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        let shown = match self {
            Self::Text => return Cow::Borrowed(bytes),
            Self::Short => bytes.try_into().ok().map(|bytes| i16::from_be_bytes(bytes).to_string()),
            Self::Integer => bytes.try_into().ok().map(|bytes| i32::from_be_bytes(bytes).to_string()),
            Self::Long => bytes.try_into().ok().map(|bytes| i64::from_be_bytes(bytes).to_string()),
            Self::Float => bytes
                .try_into()
                .ok()
                .map(|bytes| java::double(f64::from(f32::from_be_bytes(bytes)))),
            Self::Double => bytes
                .try_into()
                .ok()
                .map(|bytes| java::double(f64::from_be_bytes(bytes))),
            Self::Boolean => match bytes {
                [0] => Some(String::from("false")),
                [1] => Some(String::from("true")),
                _ => None,
            },
            Self::Uuid => std::str::from_utf8(bytes)
                .ok()
                .filter(|text| text.parse::<Uuid>().is_ok() || text.len() == 36)
                .map(str::to_owned),
        };
        match shown {
            Some(shown) => Cow::Owned(shown.into_bytes()),
            None => Cow::Owned(format!("<{} bytes that are no {self:?}>", bytes.len()).into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{LeaderEpoch, Offset};
    use records::{BatchBuilder, RecordHeader};

    fn shown(properties: &[&str], key: Option<&[u8]>, value: Option<&[u8]>, headers: &[RecordHeader<'_>]) -> String {
        let mut given = ClientProperties::default();
        given.add_arguments(properties.iter().copied());
        let formatter = Formatter::from_properties(Printing::On, &given);
        let mut builder = BatchBuilder::new();
        builder.append(Timestamp(7), key, value, headers);
        let body = builder.build().body().clone();
        let record = records::Records::new(&body, 1).next().unwrap().unwrap();
        let record = ConsumedRecord {
            offset: Offset(42),
            timestamp: Timestamp(7),
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: LeaderEpoch(3),
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        let mut out = Vec::new();
        formatter
            .write(&TopicPartition::new("t", 1), &record, &mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn records_look_as_in_kafkas_script() {
        assert_eq!(shown(&[], Some(b"k"), Some(b"v"), &[]), "v\n");
        assert_eq!(shown(&["print.key=true"], None, None, &[]), "null\tnull\n");
        let all =
            ["timestamp", "partition", "offset", "epoch", "headers", "key"].map(|one| format!("print.{one}=true"));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let headers = [
            RecordHeader {
                key: b"a",
                value: Some(b"1"),
            },
            RecordHeader { key: b"b", value: None },
        ];
        assert_eq!(
            shown(&all, Some(b"k"), Some(b"v"), &headers),
            "CreateTime:7\tPartition:1\tOffset:42\tEpoch:3\ta:1,b:null\tk\tv\n"
        );
        assert_eq!(
            shown(
                &["print.value=false", "print.key=true", "line.separator=|"],
                Some(b"k"),
                None,
                &[]
            ),
            "k|"
        );
        let long = ["value.deserializer=org.apache.kafka.common.serialization.LongDeserializer"];
        assert_eq!(shown(&long, None, Some(&5_i64.to_be_bytes()), &[]), "5\n");
    }
}
