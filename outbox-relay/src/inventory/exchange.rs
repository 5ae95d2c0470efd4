//! HTTP towards inventory: one request, its answer, and how long both may take.
//!
//! Redirects are not followed and no proxy is asked: a saga talks to inventory only. What the
//! connections are made of is the caller's choice ([`Connector`]): TCP, or a simulated network.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use failpoints::{Moment, Site, strike};
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use relay_core::answer::Failure;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

/// Longest answer to a single call that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Connections kept open while idle. Shorter than the time after which the other side closes them,
/// so that no call goes out on a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens connections to inventory.
pub type Connector = BoxCloneSyncService<Uri, Wire, io::Error>;

/// One connection, whatever it is made of.
pub struct Wire(TokioIo<Box<dyn Duplex>>);

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An answer that has been read to its end.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) body: Bytes,
}

/// Makes exchanges, over connections that are kept.
#[derive(Debug, Clone)]
pub(super) struct Exchange(Client<Connector, Full<Bytes>>);

impl Wire {
    /// Over these bytes.
    pub fn new(io: impl Duplex + 'static) -> Wire {
        Wire(TokioIo::new(Box::new(io)))
    }
}

/// Connections over TCP.
pub(super) fn tcp(connect_timeout: Duration) -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_nodelay(true);
    let tcp = tcp.map_response(|stream| Wire::new(stream.into_inner()));
    BoxCloneSyncService::new(tcp.map_err(io::Error::other))
}

impl Exchange {
    pub(super) fn with_connector(connector: Connector) -> Exchange {
        let mut client = Client::builder(TokioExecutor::new());
        client.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        Exchange(client.pool_idle_timeout(IDLE_TIMEOUT).build(connector))
    }

    /// Sends a request and reads its whole answer. A body that is cut, or longer than any honest one,
    /// is no answer.
    pub(super) async fn call(
        &self,
        site: Site,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Answered, Failure> {
        let exchange = async {
            strike(site, Moment::Before).await.map_err(|_| Failure::NotSent)?;
            let answered = self.send(request).await?;
            strike(site, Moment::After).await.map_err(|_| Failure::Lost)?;
            Ok(answered)
        };
        timeout(within, exchange).await.unwrap_or(Err(Failure::Lost))
    }

    /// The same for a question: whatever becomes of it, nothing has happened.
    pub(super) async fn read(
        &self,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Answered, Failure> {
        timeout(within, self.send(request)).await.unwrap_or(Err(Failure::Lost))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answered, Failure> {
        let response = self.0.request(request).await.map_err(|error| failure_of(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|_| Failure::Lost)?.to_bytes();
        let retry_after_ms = retry_after_ms(&head.headers);
        Ok(Answered { status: head.status.as_u16(), retry_after_ms, body })
    }

    /// Sends a request whose answer is read bit by bit, until then.
    pub(super) async fn open(
        &self,
        site: Site,
        request: Request<Full<Bytes>>,
        until: Instant,
    ) -> Result<Response<Incoming>, Failure> {
        strike(site, Moment::Before).await.map_err(|_| Failure::NotSent)?;
        let response = timeout_at(until, self.0.request(request)).await;
        let response = response.map_err(|_| Failure::Lost)?.map_err(|error| failure_of(&error))?;
        strike(site, Moment::After).await.map_err(|_| Failure::Lost)?;
        Ok(response)
    }
}

/// The next bytes of an answer; `None` at its end, where it was cut, and when the time is up.
pub(super) async fn next_bytes(body: &mut Incoming, until: Instant) -> Option<Bytes> {
    loop {
        let frame = timeout_at(until, body.frame()).await.ok()??.ok()?;
        if let Ok(bytes) = frame.into_data() {
            return Some(bytes);
        }
    }
}

/// What an answer that was not read to its end says of itself.
pub(super) async fn rest(response: Response<Incoming>, until: Instant) -> Answered {
    let (head, body) = response.into_parts();
    let body = timeout_at(until, Limited::new(body, ANSWER_BYTES_MAX).collect()).await;
    let body = body.ok().and_then(Result::ok).map(Collected::to_bytes).unwrap_or_default();
    let retry_after_ms = retry_after_ms(&head.headers);
    Answered { status: head.status.as_u16(), retry_after_ms, body }
}

/// Seconds only; a date is nothing a machine should have to trust a clock for.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000))
}

fn failure_of(error: &hyper_util::client::legacy::Error) -> Failure {
    if error.is_connect() { Failure::NotSent } else { Failure::Lost }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, bytes)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
