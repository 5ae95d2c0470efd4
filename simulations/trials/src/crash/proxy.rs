//! A TCP proxy (between relay and inventory, or before an order service) that misbehaves when told to: it refuses, delays, swallows
//! answers, cuts connections, and sends requests again later.
//!
//! It knows just enough of HTTP: on one connection a request is what comes before an answer comes, since
//! nobody here pipelines. A request that is sent again goes out on a connection of its own, and its
//! answer is heard by nobody: a late duplicate, as networks and impatient proxies make them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

const BUFFER: usize = 64 * 1024;
/// A request longer than this is passed on and never sent again.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// A request of which nothing came for so long has come whole.
const REST_WITHIN: Duration = Duration::from_millis(20);

/// What the proxy does to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// Nothing.
    #[default]
    Pass,
    /// Connections are accepted and closed at once; those that are open are cut.
    Refuse,
    /// Requests go through, answers do not: the connection is cut in their place.
    SwallowAnswers,
    /// Answers come this much later.
    DelayAnswers(Duration),
    /// Every request is sent again after this time.
    SendAgain(Duration),
    /// Reservations are cut off at once and arrive after this time, when nobody waits for them any more;
    /// releases pass.
    ArriveLate(Duration),
}

/// A running proxy.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    rule: Arc<watch::Sender<Rule>>,
    counts: Arc<Counts>,
}

/// What it has done.
#[derive(Debug, Default)]
pub struct Counts {
    /// Answers that nobody got.
    pub swallowed: AtomicU64,
    /// Answers that came late.
    pub delayed: AtomicU64,
    /// Requests that arrived when nobody waited any more.
    pub late: AtomicU64,
    /// Requests that were sent again.
    pub sent_again: AtomicU64,
    /// Connections refused or cut.
    pub cut: AtomicU64,
}

impl Proxy {
    /// Listens on `address` and passes everything on to `target`, until the runtime ends.
    pub async fn start(address: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let proxy = Self {
            address: listener.local_addr()?,
            rule: Arc::new(watch::channel(Rule::Pass).0),
            counts: Arc::default(),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let connection = Connection {
                    target,
                    rule: serving.rule.subscribe(),
                    counts: serving.counts.clone(),
                };
                tokio::spawn(connection.run(client));
            }
        });
        Ok(proxy)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, rule: Rule) {
        self.rule.send_replace(rule);
    }

    /// What it has done so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

struct Connection {
    target: SocketAddr,
    rule: watch::Receiver<Rule>,
    counts: Arc<Counts>,
}

/// What is known of the request under way.
#[derive(Default)]
struct Request {
    bytes: Vec<u8>,
    answered: bool,
}

impl Connection {
    /// Passes bytes until one side closes, or the rule says otherwise.
    async fn run(mut self, client: TcpStream) {
        if *self.rule.borrow_and_update() == Rule::Refuse {
            self.counts.cut.fetch_add(1, Relaxed);
            return;
        }
        let Ok(server) = TcpStream::connect(self.target).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        // Whatever ends it, both sides see the connection closed.
        let _ = self.pass(client, server).await;
    }

    async fn pass(&mut self, mut client: TcpStream, mut server: TcpStream) -> io::Result<()> {
        let (mut asked, mut answered) = (vec![0; BUFFER], vec![0; BUFFER]);
        let mut request = Request::default();
        loop {
            tokio::select! {
                read = client.read(&mut asked) => match read? {
                    0 => return Ok(()),
                    length => {
                        request.take(&asked[..length]);
                        if let Some(delay) = self.makes_late(&request) {
                            self.counts.late.fetch_add(1, Relaxed);
                            request.take_rest(&mut client, &mut asked).await;
                            tokio::spawn(send_again(self.target, request.bytes, delay));
                            return Ok(());
                        }
                        server.write_all(&asked[..length]).await?;
                    }
                },
                read = server.read(&mut answered) => match read? {
                    0 => return Ok(()),
                    length => {
                        if !self.lets_answer_through(&mut request).await {
                            return Ok(());
                        }
                        client.write_all(&answered[..length]).await?;
                    }
                },
                changed = self.rule.changed() => {
                    if changed.is_err() || *self.rule.borrow_and_update() == Rule::Refuse {
                        self.counts.cut.fetch_add(1, Relaxed);
                        return Ok(());
                    }
                }
            }
        }
    }

    fn makes_late(&self, request: &Request) -> Option<Duration> {
        match *self.rule.borrow() {
            Rule::ArriveLate(delay) => {
                let reserves =
                    request.bytes.starts_with(b"PUT") || request.bytes.starts_with(b"POST");
                reserves.then_some(delay)
            }
            Rule::Pass
            | Rule::Refuse
            | Rule::SwallowAnswers
            | Rule::DelayAnswers(_)
            | Rule::SendAgain(_) => None,
        }
    }

    async fn lets_answer_through(&self, request: &mut Request) -> bool {
        let first_bytes = !std::mem::replace(&mut request.answered, true);
        let rule = *self.rule.borrow();
        match rule {
            Rule::Pass | Rule::ArriveLate(_) => true,
            Rule::Refuse => false,
            Rule::SwallowAnswers => {
                self.counts.swallowed.fetch_add(1, Relaxed);
                false
            }
            Rule::DelayAnswers(delay) => {
                if first_bytes {
                    self.counts.delayed.fetch_add(1, Relaxed);
                    sleep(delay).await;
                }
                true
            }
            Rule::SendAgain(delay) => {
                if first_bytes && !request.bytes.is_empty() {
                    self.counts.sent_again.fetch_add(1, Relaxed);
                    tokio::spawn(send_again(self.target, request.bytes.clone(), delay));
                }
                true
            }
        }
    }
}

impl Request {
    /// Bytes after an answer begin the next request.
    fn take(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.answered) {
            self.bytes.clear();
        }
        if self.bytes.len() + bytes.len() <= KEPT_BYTES_MAX {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl Request {
    /// Until nothing more comes: then it is whole.
    async fn take_rest(&mut self, client: &mut TcpStream, asked: &mut [u8]) {
        while let Ok(Ok(length)) = timeout(REST_WITHIN, client.read(asked)).await {
            if length == 0 {
                return;
            }
            self.take(&asked[..length]);
        }
    }
}

/// On a connection of its own. The answer is read, so that the server can write it, and thrown away.
async fn send_again(target: SocketAddr, request: Vec<u8>, delay: Duration) {
    sleep(delay).await;
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    if server.write_all(&request).await.is_ok() {
        let mut answer = vec![0; BUFFER];
        let _ = server.read(&mut answer).await;
    }
}

#[cfg(test)]
mod tests;
