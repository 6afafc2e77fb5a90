//! A raw wire client: one blocking connection, frames in and out, nothing retried and nothing hidden.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use protocol::{ApiKey, Message, Reader, Request};

/// How long an answer may take unless the test says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may take to come: where packets are swallowed nobody says no.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A frame longer than this is a defect of the broker's, not an answer.
const MAX_FRAME: usize = 256 << 20;

/// One connection to a broker.
pub struct Wire {
    stream: TcpStream,
    next_correlation_id: i32,
    client_id: Option<String>,
}

impl Wire {
    /// Connects to `HOST:PORT`, or to the first of `HOST:PORT,HOST:PORT,…`.
    pub fn connect(addresses: &str) -> Result<Wire> {
        let address = addresses.split(',').next().unwrap_or(addresses);
        let stream = connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let mut wire = Wire {
            stream,
            next_correlation_id: 1,
            client_id: Some("testkit".to_owned()),
        };
        wire.set_timeout(TIMEOUT)?;
        Ok(wire)
    }

    /// How long one read or write may take.
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<()> {
        self.stream.set_read_timeout(Some(timeout))?;
        self.stream.set_write_timeout(Some(timeout))?;
        Ok(())
    }

    /// Sends bytes as they are, with no length before them.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Sends a length and then these bytes.
    pub fn send_frame(&mut self, frame: &[u8]) -> Result<()> {
        let mut bytes = i32::try_from(frame.len())?.to_be_bytes().to_vec();
        bytes.extend_from_slice(frame);
        self.send_bytes(&bytes)
    }

    /// Reads one frame, without its length. An end of the connection is an error.
    pub fn receive_frame(&mut self) -> Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length)).context("a frame of negative length")?;
        ensure!(length <= MAX_FRAME, "a frame of {length} bytes");
        let mut frame = vec![0; length];
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }

    /// Sends a request whose body is `body` under a version-1 header (a version-2 one where the request version is
    /// flexible) and returns its correlation id; the answer is read with [`Wire::receive_answer`].
    pub fn send_request(&mut self, api_key: i16, version: i16, flexible: Flexible, body: &[u8]) -> Result<i32> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let mut frame = Vec::with_capacity(body.len() + 32);
        frame.extend_from_slice(&api_key.to_be_bytes());
        frame.extend_from_slice(&version.to_be_bytes());
        frame.extend_from_slice(&correlation_id.to_be_bytes());
        match &self.client_id {
            Some(id) => {
                frame.extend_from_slice(&i16::try_from(id.len())?.to_be_bytes());
                frame.extend_from_slice(id.as_bytes());
            }
            None => frame.extend_from_slice(&(-1_i16).to_be_bytes()),
        }
        if flexible == Flexible::Yes {
            frame.push(0);
        }
        frame.extend_from_slice(body);
        self.send_frame(&frame)?;
        Ok(correlation_id)
    }

    /// Reads one answer, checks its correlation id, and returns the bytes after the header.
    pub fn receive_answer(&mut self, correlation_id: i32, flexible: Flexible) -> Result<Vec<u8>> {
        let mut frame = self.receive_frame()?;
        ensure!(frame.len() >= 4, "an answer of {} bytes", frame.len());
        let answered = i32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
        ensure!(
            answered == correlation_id,
            "asked {correlation_id}, answered {answered}"
        );
        let header = match flexible {
            Flexible::No => 4,
            Flexible::Yes if frame.get(4) == Some(&0) => 5,
            Flexible::Yes => bail!("the answer's header has tagged fields or ends: {:?}", frame.get(4)),
        };
        Ok(frame.split_off(header))
    }

    /// A request of a version that is not flexible, and its answer's body.
    pub fn call_raw(&mut self, api_key: i16, version: i16, body: &[u8]) -> Result<Vec<u8>> {
        let id = self.send_request(api_key, version, Flexible::No, body)?;
        self.receive_answer(id, Flexible::No)
    }

    /// A request and its decoded answer; bytes left over are an error.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        let id = self.send(version, request)?;
        self.receive::<R>(version, id)
    }

    /// Sends a request and returns its correlation id.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<i32> {
        let body = request.to_bytes(version)?;
        self.send_request(R::KEY.code(), version, flexible::<R>(version), &body)
    }

    /// Reads and decodes the answer to a request sent before.
    pub fn receive<R: Request>(&mut self, version: i16, correlation_id: i32) -> Result<R::Response> {
        let header = if R::KEY == ApiKey::ApiVersions {
            Flexible::No
        } else {
            flexible::<R>(version)
        };
        let body = Bytes::from(self.receive_answer(correlation_id, header)?);
        let mut reader = Reader::new(&body);
        let response = R::Response::decode(&mut reader, version)?;
        ensure!(
            reader.remaining() == 0,
            "{} bytes left over in {response:?}",
            reader.remaining()
        );
        Ok(response)
    }

    /// True when the broker has closed the connection; false when nothing came within `wait`.
    pub fn closed_within(&mut self, wait: Duration) -> Result<bool> {
        self.stream.set_read_timeout(Some(wait))?;
        let mut byte = [0; 1];
        match self.stream.read(&mut byte) {
            Ok(0) => Ok(true),
            Ok(_) => bail!("an answer instead of a close"),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(true),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn connect(address: &str) -> Result<TcpStream> {
    let resolved = address.to_socket_addrs()?.next().context("no address of that name")?;
    Ok(TcpStream::connect_timeout(&resolved, CONNECT_TIMEOUT)?)
}

/// Whether a message version has tagged fields, and so a header with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flexible {
    /// Header v1 for a request, v0 for a response.
    No,
    /// Header v2 for a request, v1 for a response (v0 for ApiVersions).
    Yes,
}

fn flexible<R: Request>(version: i16) -> Flexible {
    if version >= R::FLEXIBLE_FROM {
        Flexible::Yes
    } else {
        Flexible::No
    }
}
