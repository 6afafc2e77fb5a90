//! The LZ4 frame format: written as Kafka writes it (independent 64 KiB blocks, no checksums), read in every form.

mod high;

use super::xxhash::xxh32;
use super::{Codec, DecompressError, Level};
use high::HighCompressor;
use lz4_flex::block;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Version 01 and independent blocks; blocks of at most 64 KiB.
const DESCRIPTOR: [u8; 2] = [0x60, 0x40];
const BLOCK: usize = 64 * 1024;
/// A block's length field has this bit when the block is stored as it is.
const STORED: u32 = 1 << 31;
/// How far back a block that depends on its predecessors may reach.
const WINDOW: usize = 64 * 1024;
/// One byte of a block makes at most 255 bytes; a few more for its last literals.
const MOST_EXPANSION: usize = 255;

pub(super) fn compress(level: Level, input: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(&MAGIC);
    output.extend_from_slice(&DESCRIPTOR);
    output.push(header_checksum(&DESCRIPTOR));
    // As in Kafka, the default level is the fast compressor, and every other level the thorough one.
    let thorough = level.for_codec(Codec::Lz4) != Level::default_of(Codec::Lz4).for_codec(Codec::Lz4);
    let mut high = thorough.then(|| HighCompressor::new(level.for_codec(Codec::Lz4)));
    for block in input.chunks(BLOCK) {
        let length_at = output.len();
        let at = length_at + 4;
        output.extend_from_slice(&[0; 4]);
        match &mut high {
            Some(high) => high.compress(block, output),
            None => compress_fast(block, output),
        }
        let mut length = u32::try_from(output.len() - at).expect("a 64 KiB block compresses to less than 2 GiB");
        if output.len() - at >= block.len() {
            output.truncate(at);
            output.extend_from_slice(block);
            length = u32::try_from(block.len()).expect("a block is at most 64 KiB") | STORED;
        }
        output[length_at..at].copy_from_slice(&length.to_le_bytes());
    }
    output.extend_from_slice(&0_u32.to_le_bytes());
}

fn compress_fast(block: &[u8], output: &mut Vec<u8>) {
    let at = output.len();
    output.resize(at + block::get_maximum_output_size(block.len()), 0);
    let written = block::compress_into(block, &mut output[at..]);
    let written = written.expect("the room is the most that 64 KiB can compress to");
    output.truncate(at + written);
}

pub(super) fn decompress(input: &[u8], max_output: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
    let mut rest = input;
    loop {
        rest = decompress_frame(rest, max_output, output)?;
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// What a frame's descriptor says of its blocks.
struct Frame {
    independent: bool,
    block_checksums: bool,
    content_checksum: bool,
    content_size: Option<u64>,
    max_block: usize,
}

fn decompress_frame<'a>(input: &'a [u8], max_output: usize, output: &mut Vec<u8>) -> Result<&'a [u8], DecompressError> {
    let (frame, mut rest) = read_descriptor(input)?;
    let start = output.len();
    loop {
        let length = take_u32(&mut rest)?;
        if length == 0 {
            break;
        }
        let stored = length & STORED != 0;
        let block = take(&mut rest, (length & !STORED) as usize)?;
        if block.len() > frame.max_block {
            return Err(corrupt("a block is larger than the frame allows"));
        }
        if frame.block_checksums && take_u32(&mut rest)? != xxh32(block) {
            return Err(corrupt("a block's checksum is wrong"));
        }
        let at = output.len();
        let room = max_output - at;
        if stored {
            if block.len() > room {
                return Err(too_large(max_output));
            }
            output.extend_from_slice(block);
        } else {
            let history = if frame.independent {
                at
            } else {
                start.max(at.saturating_sub(WINDOW))
            };
            decompress_block(block, frame.max_block, history, room, output).map_err(|full| match full {
                Full::Cap => too_large(max_output),
                Full::Block => corrupt("a block is not LZ4 or longer than the frame allows"),
            })?;
        }
    }
    if frame.content_checksum && take_u32(&mut rest)? != xxh32(&output[start..]) {
        return Err(corrupt("the content's checksum is wrong"));
    }
    match frame.content_size {
        Some(size) if size != (output.len() - start) as u64 => Err(corrupt("the content's size is wrong")),
        Some(_) | None => Ok(rest),
    }
}

/// Why a block did not fit.
enum Full {
    Cap,
    Block,
}

/// Appends the content of `block`, which may refer back to `output[history..]`.
fn decompress_block(
    block: &[u8],
    max_block: usize,
    history: usize,
    room: usize,
    output: &mut Vec<u8>,
) -> Result<(), Full> {
    let at = output.len();
    let most = max_block.min(block.len().saturating_mul(MOST_EXPANSION));
    output.resize(at + most.min(room), 0);
    let (before, target) = output.split_at_mut(at);
    let written = if history == at {
        block::decompress_into(block, target)
    } else {
        block::decompress_into_with_dict(block, target, &before[history..])
    };
    match written {
        Ok(written) => {
            output.truncate(at + written);
            Ok(())
        }
        Err(block::DecompressError::OutputTooSmall { .. }) if room < most => Err(Full::Cap),
        Err(_) => Err(Full::Block),
    }
}

fn read_descriptor(input: &[u8]) -> Result<(Frame, &[u8]), DecompressError> {
    let mut rest = input
        .strip_prefix(&MAGIC)
        .ok_or(corrupt("the magic number is missing"))?;
    let from = rest;
    let head = take(&mut rest, 2)?;
    let (flags, block_descriptor) = (head[0], head[1]);
    if flags >> 6 != 1 {
        return Err(corrupt("the frame's version is unknown"));
    }
    if flags & 0b11 != 0 || block_descriptor & 0b1000_1111 != 0 {
        return Err(corrupt("the frame needs a dictionary or has reserved bits"));
    }
    let max_block = match block_descriptor >> 4 {
        4 => BLOCK,
        5 => 256 * 1024,
        6 => 1024 * 1024,
        7 => 4 * 1024 * 1024,
        _ => return Err(corrupt("the frame's block size is unknown")),
    };
    let content_size = if flags & 0b1000 != 0 {
        let size = take(&mut rest, 8)?.try_into().expect("eight bytes were taken");
        Some(u64::from_le_bytes(size))
    } else {
        None
    };
    let descriptor = &from[..from.len() - rest.len()];
    if take(&mut rest, 1)?[0] != header_checksum(descriptor) {
        return Err(corrupt("the header's checksum is wrong"));
    }
    let frame = Frame {
        independent: flags & 0b10_0000 != 0,
        block_checksums: flags & 0b1_0000 != 0,
        content_checksum: flags & 0b100 != 0,
        content_size,
        max_block,
    };
    Ok((frame, rest))
}

fn header_checksum(descriptor: &[u8]) -> u8 {
    xxh32(descriptor).to_be_bytes()[2]
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], DecompressError> {
    let (taken, after) = rest.split_at_checked(count).ok_or(corrupt("the frame is cut off"))?;
    *rest = after;
    Ok(taken)
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, DecompressError> {
    let bytes = take(rest, 4)?.try_into().expect("four bytes were taken");
    Ok(u32::from_le_bytes(bytes))
}

fn corrupt(reason: &'static str) -> DecompressError {
    DecompressError::Corrupt {
        codec: Codec::Lz4,
        reason,
    }
}

fn too_large(max_output: usize) -> DecompressError {
    DecompressError::TooLarge {
        codec: Codec::Lz4,
        max_output,
    }
}
