//! Snappy in the xerial framing: a 16-byte header, then blocks of at most 32 KiB, each behind its length.
//!
//! When read, a raw snappy block without the framing is accepted too, as is a second header between blocks, which
//! concatenated streams have.

use super::{Codec, DecompressError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: u32 = 1;
const LOWEST_COMPATIBLE_VERSION: u32 = 1;
const HEADER_LEN: usize = 16;
const BLOCK: usize = 32 * 1024;
/// No snappy element makes more than 64 bytes out of three; a block that claims more than this lies.
const MOST_EXPANSION: usize = 24;

pub(super) fn compress(input: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(&MAGIC);
    output.extend_from_slice(&VERSION.to_be_bytes());
    output.extend_from_slice(&LOWEST_COMPATIBLE_VERSION.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in input.chunks(BLOCK) {
        let length_at = output.len();
        let at = length_at + 4;
        output.resize(at + snap::raw::max_compress_len(block.len()), 0);
        let written = encoder
            .compress(block, &mut output[at..])
            .expect("the room is the most that 32 KiB can compress to");
        let length = u32::try_from(written).expect("a 32 KiB block compresses to less than 4 GiB");
        output[length_at..at].copy_from_slice(&length.to_be_bytes());
        output.truncate(at + written);
    }
}

pub(super) fn decompress(input: &[u8], max_output: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
    if !input.starts_with(&MAGIC) {
        return decompress_block(input, max_output, output);
    }
    let mut rest = input;
    while !rest.is_empty() {
        if rest.starts_with(&MAGIC) {
            rest = skip_header(rest)?;
            continue;
        }
        let (length, after) = rest
            .split_first_chunk::<4>()
            .ok_or(corrupt("a block's length is cut off"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, after) = after.split_at_checked(length).ok_or(corrupt("a block is cut off"))?;
        decompress_block(block, max_output, output)?;
        rest = after;
    }
    Ok(())
}

fn skip_header(bytes: &[u8]) -> Result<&[u8], DecompressError> {
    let (header, rest) = bytes
        .split_first_chunk::<HEADER_LEN>()
        .ok_or(corrupt("the header is cut off"))?;
    let version = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    if version < LOWEST_COMPATIBLE_VERSION {
        return Err(corrupt("the framing's version is unknown"));
    }
    Ok(rest)
}

fn decompress_block(block: &[u8], max_output: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
    let claimed = snap::raw::decompress_len(block).map_err(|_| corrupt("a block has no length"))?;
    if claimed > block.len().saturating_mul(MOST_EXPANSION) {
        return Err(corrupt("a block claims more than its bytes can hold"));
    }
    let at = output.len();
    if claimed > max_output - at {
        return Err(DecompressError::TooLarge {
            codec: Codec::Snappy,
            max_output,
        });
    }
    output.resize(at + claimed, 0);
    snap::raw::Decoder::new()
        .decompress(block, &mut output[at..])
        .map_err(|_| corrupt("a block is not snappy"))?;
    Ok(())
}

fn corrupt(reason: &'static str) -> DecompressError {
    DecompressError::Corrupt {
        codec: Codec::Snappy,
        reason,
    }
}
