//! The frame around a request and the header before an answer.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use protocol::ApiKey;

/// The length prefix and the header of a request: header version 2 if the request is flexible, else 1.
pub(super) fn head(api: ApiKey, version: i16, correlation: i32, client_id: &str, flexible: bool, body: u64) -> Bytes {
    let id = &client_id.as_bytes()[..client_id.len().min(i16::MAX as usize)];
    let header = 2 + 2 + 4 + 2 + id.len() + usize::from(flexible);
    let mut head = BytesMut::with_capacity(4 + header);
    // A length beyond 31 bits is refused by every broker; a saturated one is, too.
    head.put_i32(i32::try_from(header as u64 + body).unwrap_or(i32::MAX));
    head.put_i16(api.code());
    head.put_i16(version);
    head.put_i32(correlation);
    head.put_i16(i16::try_from(id.len()).expect("cut to fit"));
    head.put_slice(id);
    if flexible {
        head.put_u8(0);
    }
    head.freeze()
}

/// Cuts the header off an answer: the correlation id, and the tagged fields of a flexible one. An answer to ApiVersions
/// never has tagged fields there, so that it can be read before anything is known about the broker (KIP-511).
pub(super) fn strip_header(mut answer: Bytes, api: ApiKey, flexible: bool) -> Option<Bytes> {
    if answer.len() < 4 {
        return None;
    }
    answer.advance(4);
    if flexible && api != ApiKey::ApiVersions {
        for _ in 0..uvarint(&mut answer)? {
            uvarint(&mut answer)?;
            let size = uvarint(&mut answer)? as usize;
            if size > answer.len() {
                return None;
            }
            answer.advance(size);
        }
    }
    Some(answer)
}

fn uvarint(bytes: &mut Bytes) -> Option<u32> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        if bytes.is_empty() {
            return None;
        }
        let byte = bytes.get_u8();
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_framed() {
        let head = head(ApiKey::Metadata, 13, 7, "me", true, 3);
        assert_eq!(&head[..], [0, 0, 0, 16, 0, 3, 0, 13, 0, 0, 0, 7, 0, 2, b'm', b'e', 0]);
    }

    #[test]
    fn the_header_of_an_answer_is_cut_off() {
        let strip = |bytes: &'static [u8], api, flexible| strip_header(Bytes::from_static(bytes), api, flexible);
        assert_eq!(
            strip(&[0, 0, 0, 1, 9], ApiKey::Metadata, false).as_deref(),
            Some(&[9][..])
        );
        assert_eq!(
            strip(&[0, 0, 0, 1, 0, 9], ApiKey::Metadata, true).as_deref(),
            Some(&[9][..])
        );
        assert_eq!(
            strip(&[0, 0, 0, 1, 1, 5, 2, 7, 7, 9], ApiKey::Metadata, true).as_deref(),
            Some(&[9][..])
        );
        assert_eq!(
            strip(&[0, 0, 0, 1, 9], ApiKey::ApiVersions, true).as_deref(),
            Some(&[9][..])
        );
        assert_eq!(strip(&[0, 0], ApiKey::Metadata, false), None);
        assert_eq!(strip(&[0, 0, 0, 1, 1, 5, 99], ApiKey::Metadata, true), None);
        assert_eq!(
            strip(&[0, 0, 0, 1, 255, 255, 255, 255, 255, 255], ApiKey::Metadata, true),
            None
        );
    }
}
