//! One page over HTTP, for whoever scrapes metrics: `GET /metrics`.
//!
//! HTTP is hyper's. A peer gets little: so many connections at once, so long to send its request's head, no request body.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 32;
/// How long a peer may take to send the head of a request, or to think of the next.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one connection may last: a scraper that keeps it open is let go now and then.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long accepting pauses when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Prometheus' text format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Makes the page, whenever it is asked for; it may take a while, so it has a thread of its own meanwhile.
pub type MakePage = Arc<dyn Fn() -> String + Send + Sync>;

/// Listens on `address` (`host:port`) and serves the page until the runtime ends; answers the address that was bound.
pub async fn serve(address: &str, make: MakePage) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    info!(address = %bound, "metrics are served over HTTP at /metrics");
    tokio::spawn(accept(listener, make));
    Ok(bound)
}

async fn accept(listener: TcpListener, make: MakePage) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let make = Arc::clone(&make);
                tokio::spawn(async move {
                    let served = tokio::time::timeout(LONGEST, connection(stream, make)).await;
                    debug!(%peer, ?served, "a connection for metrics ended");
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "a connection for metrics cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, make: MakePage) -> hyper::Result<()> {
    let service = service_fn(move |request| answer(request, Arc::clone(&make)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(request: Request<Incoming>, make: MakePage) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if request.uri().path() != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if request.method() != Method::GET && request.method() != Method::HEAD {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    } else {
        match tokio::task::spawn_blocking(move || make()).await {
            Ok(page) => {
                response.headers_mut().insert(CONTENT_TYPE, TEXT);
                *response.body_mut() = Full::from(page);
            }
            Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(at: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(at).await.expect("connected");
        let whole = format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(whole.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    #[tokio::test]
    async fn the_page_is_made_for_whoever_asks_and_nothing_else_is_there() {
        let make: MakePage = Arc::new(|| "a_total 7\n".to_owned());
        let at = serve("127.0.0.1:0", make).await.expect("bound");
        let page = ask(at, "GET /metrics HTTP/1.1").await;
        assert!(
            page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\na_total 7\n"),
            "{page}"
        );
        assert!(
            page.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{page}"
        );
        let other = ask(at, "GET / HTTP/1.1").await;
        assert!(other.starts_with("HTTP/1.1 404 "), "{other}");
        let post = ask(at, "POST /metrics HTTP/1.1").await;
        assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
        let head = ask(at, "HEAD /metrics HTTP/1.1").await;
        assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("a_total"), "{head}");
    }
}
