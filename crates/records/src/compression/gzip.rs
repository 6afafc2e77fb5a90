//! gzip: one member written, several tolerated when read, as Java's streams do.

use super::{Codec, DecompressError, Level};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};

/// The shortest member there is: a 10-byte header, an empty block and an 8-byte trailer.
const SHORTEST_MEMBER: usize = 18;
const MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

pub(super) fn compress(level: Level, input: &[u8], output: &mut Vec<u8>) {
    let level = u32::try_from(level.for_codec(Codec::Gzip)).map_or(Compression::default(), Compression::new);
    let mut encoder = GzEncoder::new(output, level);
    encoder.write_all(input).expect("writing to a Vec does not fail");
    encoder.finish().expect("writing to a Vec does not fail");
}

pub(super) fn decompress(input: &[u8], max_output: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
    let codec = Codec::Gzip;
    let mut rest = input;
    let mut first = true;
    // What follows a member and is no member is ignored, as Java's GZIPInputStream ignores it.
    while first || (rest.len() >= SHORTEST_MEMBER && rest.starts_with(&MAGIC)) {
        first = false;
        let room = max_output - output.len();
        let member = GzDecoder::new(&mut rest);
        let read = member
            .take(room as u64 + 1)
            .read_to_end(output)
            .map_err(|_| DecompressError::Corrupt {
                codec,
                reason: "not a whole gzip member",
            })?;
        if read > room {
            return Err(DecompressError::TooLarge { codec, max_output });
        }
    }
    Ok(())
}
