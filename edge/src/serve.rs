//! The accept loop: what stands between the network and a router.
//!
//! `axum::serve` has no timeout for a request head, so that one slow client holds a connection
//! for ever. This loop bounds everything a client can hold before a handler runs: connections,
//! the size of a head, the number of headers, the time until a head is complete (which is also how
//! long an idle kept-alive connection stays), and the time an answer waits for its reader. Bodies are
//! bounded by [`crate::StrictJson`]. Probes have a reserve of connections: [`crate::door`].
//!
//! A stop drains: no new connections, requests under way finish, the rest is cut after a bound.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::door::{Admitted, Door, Leave, Seat};
use crate::{FailureLog, Peer, Problem};

/// How long accepting rests after the process ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The bounds of the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct ServeConfig {
    /// From the connection, or the previous answer, to a complete request head. Default 5 s.
    pub header_timeout: Duration,
    /// Largest request head in bytes, at least 8192. Default 16 KiB.
    pub head_bytes_max: usize,
    /// Most headers in one request. Default 64.
    pub headers_max: usize,
    /// Longest time in which a client takes nothing of an answer. Default 30 s.
    pub write_timeout: Duration,
    /// Connections open at once, but for a reserve; see the module `door`. Default 4096.
    pub connections_max: usize,
    /// How long requests under way may take to finish after a stop. Default 10 s.
    pub drain_timeout: Duration,
}

impl Default for ServeConfig {
    fn default() -> ServeConfig {
        ServeConfig {
            header_timeout: Duration::from_secs(5),
            head_bytes_max: 16 * 1024,
            headers_max: 64,
            write_timeout: Duration::from_secs(30),
            connections_max: 4096,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Where connections come from: a TCP listener, or that of a simulated network.
pub trait Accept: Send {
    /// One connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection, ready to be talked over, and who is at its other end.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

/// Put into an answer's extensions: the answer is not sent, and the connection is closed in its
/// place. This is how a service shows what its callers see when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is cut on purpose")]
pub struct CutConnection;

/// Why an address cannot be listened on, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({variable}): {hint}")]
pub struct BindError {
    address: SocketAddr,
    variable: &'static str,
    hint: &'static str,
    source: io::Error,
}

/// Listens on `address`; `variable` names the setting to change in the error.
pub async fn bind(address: SocketAddr, variable: &'static str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError {
        address,
        variable,
        hint: hint(source.kind()),
        source,
    })
}

fn hint(kind: io::ErrorKind) -> &'static str {
    if kind == io::ErrorKind::AddrInUse {
        "the port is in use; stop that process or choose another"
    } else if kind == io::ErrorKind::PermissionDenied {
        "not permitted; choose a port above 1023"
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "this machine does not have that address"
    } else {
        "the system refused; choose another address"
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // answers are small: waiting to fill a packet would only add latency
        stream.set_nodelay(true)?;
        Ok((stream, peer))
    }
}

/// Serves `router` until `stop`, then drains. Returns when every connection is closed.
pub async fn serve(
    listener: impl Accept,
    router: Router,
    config: ServeConfig,
    stop: CancellationToken,
) {
    let door = Door::new(config.connections_max);
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    // turns handlers into finished routes once, instead of at each request
    let router: Router = router.with_state(());
    let (http, write_timeout) = (http_builder(&config), config.write_timeout);
    let face = Face { http, write_timeout, router, stop: stop.clone(), cut: cut.clone() };
    let accepting = FailureLog::new("cannot accept connections just now");
    let next = || next_connection(&listener, &door, &accepting, &stop);
    while let Some((stream, peer, leave)) = next().await {
        connections.spawn(face.clone().converse(stream, peer, door.seat(leave, peer)));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(config.drain_timeout, connections.wait()).await.is_err() {
        tracing::warn!(cut = connections.len(), "requests did not finish in time and are cut");
        cut.cancel();
        connections.wait().await;
    }
}

/// `None` when it is time to stop.
async fn next_connection<L: Accept>(
    listener: &L,
    door: &Door,
    accepting: &FailureLog,
    stop: &CancellationToken,
) -> Option<(L::Stream, SocketAddr, Leave)> {
    let accept = async {
        let leave = door.leave().await;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    accepting.succeeded();
                    return (stream, peer, leave);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    accepting.failed(error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    stop.run_until_cancelled(accept).await
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

fn http_builder(config: &ServeConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(config.head_bytes_max)
        .max_headers(config.headers_max);
    http
}

#[derive(Clone)]
struct Face {
    http: http1::Builder,
    write_timeout: Duration,
    router: Router,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Face {
    async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: SocketAddr,
        seat: Seat,
    ) {
        let Face { http, write_timeout, router, stop, cut } = self;
        let seat = Arc::new(seat);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let (seat, mut router) = (Arc::clone(&seat), router.clone());
            async move {
                let response = match let_in(&seat, &request).await {
                    Ok(Admitted::ToStay) => answer(&mut router, request).await,
                    Ok(Admitted::Once) => closing(answer(&mut router, request).await),
                    Err(problem) => closing(problem.into_response()),
                };
                match response.extensions().get() {
                    Some(cut) => Err::<Response, CutConnection>(*cut),
                    None => Ok(response),
                }
            }
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(write_timeout));
        let stream = TokioIo::new(Box::pin(stream));
        let mut connection = pin!(http.serve_connection(stream, service));
        // a connection that ends in an error is the client's affair
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            _ = connection => {}
            () = cut.cancelled() => {}
        }
    }
}

async fn let_in(seat: &Seat, request: &Request<Incoming>) -> Result<Admitted, Problem> {
    check_host(request)?;
    seat.admit(request.uri().path()).await
}

async fn answer(router: &mut Router, request: Request<Incoming>) -> Response {
    router.call(request).await.unwrap_or_else(|never| match never {})
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// RFC 9112 section 3.2: an HTTP/1.1 request has one `Host`, and no request has two.
fn check_host(request: &Request<Incoming>) -> Result<(), Problem> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11) {
        return Ok(());
    }
    let title = "the request needs exactly one Host header";
    Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-host", title))
}

#[cfg(test)]
mod tests;
