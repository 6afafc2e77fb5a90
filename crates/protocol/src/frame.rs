//! Frames: a request behind its header, a response behind its header and the four bytes of its length.

use crate::messages::request_header::RequestHeader;
use crate::messages::response_header::ResponseHeader;
use crate::wire::{DecodeError, EncodeError, Message, Reader, Request, Segments, Writer};
use crate::{Api, ApiKey};
use bytes::Bytes;

/// A request frame, taken apart as far as its header.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestFrame<'a> {
    /// Which request it is.
    pub key: ApiKey,
    /// In which version; not yet checked against what is served.
    pub version: i16,
    /// The client's number for the request, to be echoed.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<&'a str>,
    /// The request itself, sharing the frame's memory.
    pub body: Bytes,
}

/// Takes a frame (without its length) apart. An unknown key or a malformed header is an error after which only closing
/// the connection is left, as in Kafka. The version is not checked, so that ApiVersions can be answered in any.
pub fn decode_request(frame: &Bytes) -> Result<RequestFrame<'_>, DecodeError> {
    let mut reader = Reader::new(frame);
    let key = ApiKey::try_from(reader.i16()?)?;
    let version = reader.i16()?;
    let correlation_id = reader.i32()?;
    // Before the header's version counts: this string has a length of two bytes in all of them.
    let client_id = reader.nullable_str()?;
    reader.set_flexible(key.api().request_header_version(version) >= RequestHeader::FLEXIBLE_FROM);
    reader.skip_tags()?;
    Ok(RequestFrame {
        key,
        version,
        correlation_id,
        client_id,
        body: reader.rest(),
    })
}

/// A request frame with its length, ready for the socket.
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Segments, EncodeError> {
    let mut writer = begin();
    request_header(&mut writer, R::KEY.api(), version, correlation_id, client_id)?;
    request.encode(&mut writer, version)?;
    finish(writer)
}

/// A request frame with its length around a body that is already encoded.
pub fn encode_raw_request(
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body: &[u8],
) -> Result<Segments, EncodeError> {
    let mut writer = begin();
    request_header(&mut writer, key.api(), version, correlation_id, client_id)?;
    writer.raw(body);
    finish(writer)
}

fn request_header(
    writer: &mut Writer,
    api: &Api,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<(), EncodeError> {
    let header = RequestHeader {
        request_api_key: api.key.code(),
        request_api_version: version,
        correlation_id,
        client_id: client_id.map(str::to_owned),
    };
    header.encode(writer, api.request_header_version(version))
}

/// A response frame with its length, ready for the socket. `version` is the request's.
pub fn encode_response<M: Message>(
    response: &M,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
) -> Result<Segments, EncodeError> {
    let mut writer = begin();
    ResponseHeader { correlation_id }.encode(&mut writer, key.api().response_header_version(version))?;
    response.encode(&mut writer, version)?;
    finish(writer)
}

/// Puts the length and the header before a response that is already encoded.
pub fn response_prefix(key: ApiKey, version: i16, correlation_id: i32, body_len: u64) -> Result<Bytes, EncodeError> {
    let mut writer = begin();
    ResponseHeader { correlation_id }.encode(&mut writer, key.api().response_header_version(version))?;
    let length = writer.len() - 4 + body_len;
    patch_length(&mut writer, length)?;
    Ok(writer.finish().into_bytes())
}

/// The correlation id of a response frame (without its length), and the response itself.
pub fn decode_response(frame: &Bytes, key: ApiKey, version: i16) -> Result<(i32, Bytes), DecodeError> {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::decode(&mut reader, key.api().response_header_version(version))?;
    Ok((header.correlation_id, reader.rest()))
}

fn begin() -> Writer {
    let mut writer = Writer::with_capacity(256);
    writer.i32(0);
    writer
}

fn finish(mut writer: Writer) -> Result<Segments, EncodeError> {
    let length = writer.len() - 4;
    patch_length(&mut writer, length)?;
    Ok(writer.finish())
}

fn patch_length(writer: &mut Writer, length: u64) -> Result<(), EncodeError> {
    let checked = i32::try_from(length).map_err(|_| EncodeError::TooLong {
        length: usize::try_from(length).unwrap_or(usize::MAX),
    })?;
    writer.patch_i32(0, checked);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};

    fn request() -> MetadataRequest {
        let topic = MetadataRequestTopic {
            name: Some("orders".into()),
            ..MetadataRequestTopic::default()
        };
        MetadataRequest {
            topics: Some(vec![topic]),
            ..MetadataRequest::default()
        }
    }

    #[test]
    fn a_request_comes_back_in_every_version() {
        for version in MetadataRequest::VERSIONS.iter() {
            for client_id in [None, Some(""), Some("reader")] {
                let framed = encode_request(&request(), version, 9, client_id).expect("nothing is too long");
                let bytes = framed.into_bytes();
                let frame = bytes.slice(4..);
                let frame = decode_request(&frame).expect("it is a request");
                assert_eq!(
                    bytes.len() - 4,
                    u32::from_be_bytes(bytes[..4].try_into().expect("4 bytes")) as usize
                );
                assert_eq!(
                    (frame.key, frame.version, frame.correlation_id),
                    (ApiKey::Metadata, version, 9)
                );
                assert_eq!(frame.client_id, client_id);
                assert_eq!(MetadataRequest::from_bytes(&frame.body, version), Ok(request()));
                let body = request().to_bytes(version).expect("nothing is too long");
                let raw = encode_raw_request(ApiKey::Metadata, version, 9, client_id, &body);
                assert_eq!(raw.expect("nothing is too long").into_bytes(), bytes);
            }
        }
    }

    #[test]
    fn the_client_id_is_never_compact() {
        let frame = encode_request(&request(), 12, 1, Some("abc"))
            .expect("nothing is too long")
            .into_bytes();
        // Length, key 3, version 12, correlation id 1, a two-byte length, no tagged fields.
        assert_eq!(&frame[4..18], [0, 3, 0, 12, 0, 0, 0, 1, 0, 3, b'a', b'b', b'c', 0]);
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_response() {
        let response = crate::messages::metadata_response::MetadataResponse::default();
        for version in [0, 8, 9, 13] {
            let whole = encode_response(&response, ApiKey::Metadata, version, 5).expect("nothing is too long");
            let body = response.to_bytes(version).expect("nothing is too long");
            let prefix = response_prefix(ApiKey::Metadata, version, 5, body.len() as u64).expect("it is short");
            let whole = whole.into_bytes();
            assert_eq!(whole, [&prefix[..], &body[..]].concat());
            assert_eq!(
                decode_response(&whole.slice(4..), ApiKey::Metadata, version),
                Ok((5, body))
            );
        }
    }

    #[test]
    fn bytes_after_the_request_are_ignored() {
        let mut bytes = request().to_bytes(12).expect("nothing is too long").to_vec();
        bytes.extend_from_slice(b"more");
        assert_eq!(MetadataRequest::from_bytes(&bytes.into(), 12), Ok(request()));
    }
}
