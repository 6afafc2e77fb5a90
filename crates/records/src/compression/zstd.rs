//! zstd, one context of each direction per thread: a new one per batch costs 1.7 times as much to compress and 2.3
//! times as much to decompress 16 KiB.

use super::{Codec, CompressError, DecompressError, Level};
use ::zstd::zstd_safe::{self, CCtx, DCtx};
use std::cell::RefCell;

thread_local! {
    static COMPRESSOR: RefCell<Option<CCtx<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// No block makes more than this.
const BLOCK: usize = 128 * 1024;
const MAGIC: u32 = 0xfd2f_b528;
/// A skippable frame's magic number, in all but its low four bits.
const SKIPPABLE: u32 = 0x184d_2a50;
/// zstd's error "destination buffer is too small", as its functions return it.
const TOO_SMALL: usize = 70_usize.wrapping_neg();

pub(super) fn compress(level: Level, input: &[u8], output: &mut Vec<u8>) -> Result<(), CompressError> {
    let refused = || CompressError {
        codec: Codec::Zstd,
        input: input.len(),
    };
    output.reserve(zstd_safe::compress_bound(input.len()));
    COMPRESSOR.with_borrow_mut(|pooled| {
        let context = match pooled {
            Some(context) => context,
            None => pooled.insert(CCtx::try_create().ok_or_else(refused)?),
        };
        let level = level.for_codec(Codec::Zstd);
        context.compress(output, input, level).map_err(|_| refused())?;
        Ok(())
    })
}

pub(super) fn decompress(input: &[u8], max_output: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
    let too_large = || DecompressError::TooLarge {
        codec: Codec::Zstd,
        max_output,
    };
    // One pass into one buffer needs no window, whatever size of window the frame claims. The room is only reserved:
    // its pages are touched as records fill them.
    let bound = output_bound(input).ok_or(corrupt("not a whole frame"))?;
    output
        .try_reserve_exact(bound.min(max_output))
        .map_err(|_| too_large())?;
    DECOMPRESSOR.with_borrow_mut(|pooled| {
        let context = match pooled {
            Some(context) => context,
            None => pooled.insert(DCtx::try_create().ok_or(corrupt("no memory for a context"))?),
        };
        match context.decompress(output, input) {
            Ok(written) if written > max_output => Err(too_large()),
            Ok(_) => Ok(()),
            Err(TOO_SMALL) if bound > max_output => Err(too_large()),
            Err(_) => Err(corrupt("a frame does not decompress")),
        }
    })
}

/// The most that `input` can decompress to, found by walking its blocks' headers; `None` if it is not whole frames.
fn output_bound(input: &[u8]) -> Option<usize> {
    let mut rest = input;
    let mut bound = 0_usize;
    while !rest.is_empty() {
        let magic = u32::from_le_bytes(*rest.first_chunk()?);
        rest = rest.get(4..)?;
        if magic & !0xf == SKIPPABLE {
            let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
            rest = rest.get(4..)?.get(length..)?;
        } else if magic == MAGIC {
            let descriptor = *rest.first()?;
            rest = rest.get(frame_header_len(descriptor)..)?;
            bound = bound.saturating_add(skip_blocks(&mut rest)?);
            let checksum = if descriptor & 0b100 != 0 { 4 } else { 0 };
            rest = rest.get(checksum..)?;
        } else {
            return None;
        }
    }
    Some(bound)
}

/// The bytes from a frame's descriptor to its first block.
fn frame_header_len(descriptor: u8) -> usize {
    let single_segment = descriptor & 0b10_0000 != 0;
    let window = usize::from(!single_segment);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 0b11)];
    let content_size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        power => 1 << power,
    };
    1 + window + dictionary + content_size
}

/// Moves past a frame's blocks and returns the most they can hold.
fn skip_blocks(rest: &mut &[u8]) -> Option<usize> {
    let mut bound = 0_usize;
    loop {
        let [low, middle, high] = *rest.first_chunk()?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let size = (header >> 3) as usize;
        let (stored, made) = match (header >> 1) & 0b11 {
            0 => (size, size),
            1 => (1, size),
            2 => (size, BLOCK),
            _ => return None,
        };
        *rest = rest.get(3 + stored..)?;
        bound = bound.saturating_add(made);
        if header & 1 != 0 {
            return Some(bound);
        }
    }
}

fn corrupt(reason: &'static str) -> DecompressError {
    DecompressError::Corrupt {
        codec: Codec::Zstd,
        reason,
    }
}
