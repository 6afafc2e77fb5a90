//! A socket that is the operating system's or a simulated network's, with those of tokio's methods that are used.

use crate::simulated;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A connection.
#[derive(Debug)]
pub enum Socket {
    /// The operating system's.
    Real(TcpStream),
    /// The simulated network's.
    Simulated(simulated::Stream),
}

/// A port that listens.
#[derive(Debug)]
pub enum Port {
    /// The operating system's.
    Real(TcpListener),
    /// The simulated network's.
    Simulated(simulated::Listening),
}

/// What is read from a connection.
#[derive(Debug)]
pub enum ReadHalf {
    /// The operating system's.
    Real(OwnedReadHalf),
    /// The simulated network's.
    Simulated(simulated::ReadHalf),
}

/// What is written to a connection.
#[derive(Debug)]
pub enum WriteHalf {
    /// The operating system's.
    Real(OwnedWriteHalf),
    /// The simulated network's.
    Simulated(simulated::WriteHalf),
}

/// An address in the simulated network, which has no names.
fn address(host: &str, port: u16) -> io::Result<SocketAddr> {
    let ip: IpAddr = host.parse().map_err(io::Error::other)?;
    Ok(SocketAddr::new(ip, port))
}

pub(super) async fn connect(host: &str, port: u16) -> io::Result<Socket> {
    simulated::connect(address(host, port)?).await.map(Socket::Simulated)
}

pub(super) fn listen(host: &str, port: u16) -> io::Result<Port> {
    simulated::listen(address(host, port)?).map(Port::Simulated)
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self::Real(stream)
    }
}

impl From<TcpListener> for Port {
    fn from(listener: TcpListener) -> Self {
        Self::Real(listener)
    }
}

impl Port {
    /// As tokio's.
    ///
    /// # Errors
    /// As tokio's.
    pub async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        match self {
            Self::Real(port) => port.accept().await.map(|(stream, peer)| (stream.into(), peer)),
            Self::Simulated(port) => Ok(port.accept().await).map(|(stream, peer)| (Socket::Simulated(stream), peer)),
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// As tokio's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Real(port) => port.local_addr(),
            Self::Simulated(port) => Ok(port.address()),
        }
    }
}

impl Socket {
    /// As tokio's.
    ///
    /// # Errors
    /// As tokio's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match self {
            Self::Real(stream) => stream.set_nodelay(nodelay),
            Self::Simulated(_) => Ok(()),
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// As tokio's.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Real(stream) => stream.poll_read_ready(cx),
            Self::Simulated(stream) => stream.poll_readable(cx).map(Ok),
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// As tokio's.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Real(stream) => stream.writable().await,
            Self::Simulated(_) => Err(no_descriptor()),
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    /// As tokio's; a simulated socket has no descriptor to try anything with.
    pub fn try_io<R>(&self, interest: Interest, io: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        match self {
            Self::Real(stream) => stream.try_io(interest, io),
            Self::Simulated(_) => Err(no_descriptor()),
        }
    }

    /// As tokio's.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Real(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Real(read), WriteHalf::Real(write))
            }
            Self::Simulated(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Simulated(read), WriteHalf::Simulated(write))
            }
        }
    }
}

fn no_descriptor() -> io::Error {
    io::Error::other("a simulated socket has no descriptor")
}

impl AsFd for Socket {
    /// # Panics
    /// If it is simulated: files of the simulated disk have no descriptors either, and so nothing is sent by them.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Real(stream) => stream.as_fd(),
            Self::Simulated(_) => unreachable!("a simulated socket has no descriptor"),
        }
    }
}

macro_rules! read {
    ($name:ident) => {
        impl AsyncRead for $name {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Real(inner) => Pin::new(inner).poll_read(cx, buf),
                    Self::Simulated(inner) => Pin::new(inner).poll_read(cx, buf),
                }
            }
        }
    };
}

macro_rules! write {
    ($name:ident) => {
        impl AsyncWrite for $name {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    Self::Real(inner) => Pin::new(inner).poll_write(cx, buf),
                    Self::Simulated(inner) => Pin::new(inner).poll_write(cx, buf),
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    Self::Real(inner) => Pin::new(inner).poll_write_vectored(cx, bufs),
                    Self::Simulated(inner) => Pin::new(inner).poll_write_vectored(cx, bufs),
                }
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Real(inner) => Pin::new(inner).poll_flush(cx),
                    Self::Simulated(inner) => Pin::new(inner).poll_flush(cx),
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Real(inner) => Pin::new(inner).poll_shutdown(cx),
                    Self::Simulated(inner) => Pin::new(inner).poll_shutdown(cx),
                }
            }
        }
    };
}

read!(Socket);
read!(ReadHalf);
write!(Socket);
write!(WriteHalf);
