//! Frames: a request behind its header, a response behind its header and the four bytes of its length.

use crate::messages::request_header::RequestHeader;
use crate::messages::response_header::ResponseHeader;
use crate::wire::{DecodeError, EncodeError, Message, Reader, Request, Segments, Writer};
use crate::{Api, ApiKey};
use bytes::Bytes;

/// A request frame, taken apart as far as its header.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestFrame {
    /// Which request it is.
    pub key: ApiKey,
    /// In which version; not yet checked against what is served.
    pub version: i16,
    /// The client's number for the request, to be echoed.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// The request itself, sharing the frame's memory.
    pub body: Bytes,
}

/// Takes a frame (without its length) apart. An unknown key or a malformed header is an error after which only closing
/// the connection is left, as in Kafka. The version is not checked, so that ApiVersions can be answered in any.
pub fn decode_request(frame: &Bytes) -> Result<RequestFrame, DecodeError> {
    let mut reader = Reader::new(frame);
    let key = ApiKey::try_from(reader.i16()?)?;
    let version = reader.i16()?;
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader, key.api().request_header_version(version))?;
    let body = reader.rest();
    Ok(RequestFrame {
        key,
        version,
        correlation_id: header.correlation_id,
        client_id: header.client_id,
        body,
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
