//! The four codecs of record batches, each in the framing that Kafka gives it.
//!
//! Compressed bytes come from strangers: every decompression has a cap on its output, and no length that the bytes
//! merely claim is believed before it is checked against what that many bytes could hold.

mod codec;
mod gzip;
mod level;
mod lz4;
mod snappy;
mod xxhash;
mod zstd;

#[cfg(test)]
mod tests;

pub use codec::Codec;
pub use level::{Level, LevelError};

/// The compressed bytes could not be turned back into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// The output would pass the caller's cap.
    #[error("{codec} data decompresses to more than {max_output} bytes")]
    TooLarge {
        /// The codec in use.
        codec: Codec,
        /// The cap that was passed.
        max_output: usize,
    },
    /// The bytes are not what the codec writes, or end too early.
    #[error("{codec} data is corrupt: {reason}")]
    Corrupt {
        /// The codec in use.
        codec: Codec,
        /// What is wrong with them.
        reason: &'static str,
    },
}

/// The codec refused to compress; only zstd can, when it finds no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{codec} could not compress {input} bytes")]
pub struct CompressError {
    /// The codec in use.
    pub codec: Codec,
    /// The bytes it was given.
    pub input: usize,
}

/// Compresses `input` into `output`, whose previous content is dropped and whose memory is reused.
///
/// [`Codec::None`] copies. A level made for another codec counts as the codec's default.
pub fn compress(codec: Codec, level: Level, input: &[u8], output: &mut Vec<u8>) -> Result<(), CompressError> {
    output.clear();
    match codec {
        Codec::None => output.extend_from_slice(input),
        Codec::Gzip => gzip::compress(level, input, output),
        Codec::Snappy => snappy::compress(input, output),
        Codec::Lz4 => lz4::compress(level, input, output),
        Codec::Zstd => zstd::compress(level, input, output)?,
    }
    Ok(())
}

/// Decompresses all of `input` into `output`, whose previous content is dropped and whose memory is reused.
///
/// `output` never holds more than `max_output` bytes afterwards, and memory is taken only as the input earns it: a
/// length field alone buys nothing. On an error the content of `output` is unspecified.
pub fn decompress(codec: Codec, input: &[u8], max_output: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
    output.clear();
    match codec {
        Codec::None if input.len() > max_output => Err(DecompressError::TooLarge { codec, max_output }),
        Codec::None => {
            output.extend_from_slice(input);
            Ok(())
        }
        Codec::Gzip => gzip::decompress(input, max_output, output),
        Codec::Snappy => snappy::decompress(input, max_output, output),
        Codec::Lz4 => lz4::decompress(input, max_output, output),
        Codec::Zstd => zstd::decompress(input, max_output, output),
    }
}
