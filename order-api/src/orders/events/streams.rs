//! Who follows which order, and how they learn that there is something to read.
//!
//! As with `order_waiters`: the table is the truth and is polled for all streams of the process in one query;
//! hints only make it faster. A stream reads its order's journal only when it is woken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use schema_orders::sagas::{Settled, find_versions};
use schema_pg::Db;
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often the poller looks whose turn it is.
const TICK: Duration = Duration::from_millis(100);
/// An order that moved lately is looked at this often …
const POLL_EVERY: Duration = Duration::from_millis(200);
/// … and the longer it rests the more rarely, up to this.
const POLL_AT_LEAST_EVERY: Duration = Duration::from_secs(1);
/// Orders asked for in one query.
const POLLED_MAX: usize = 1_000;

/// Shared by all streams; cheap to clone.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Inner>);

struct Inner {
    open: Mutex<OpenStreams>,
    most: usize,
    /// Rung when the first stream is opened.
    arrived: Notify,
    closing: CancellationToken,
}

#[derive(Default)]
struct OpenStreams {
    entries: BTreeMap<Ticket, Entry>,
    next: u64,
}

/// The order, and a number that tells its streams apart.
type Ticket = (Uuid, u64);

struct Entry {
    wake: Arc<Notify>,
    seen: i32,
    moved_at: Instant,
    poll_at: Instant,
}

/// One open stream; dropping it makes room for another.
pub(super) struct OpenStream {
    streams: Streams,
    ticket: Ticket,
    wake: Arc<Notify>,
}

/// Why a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// There may be something to read.
    ToLook,
    /// Nothing has happened for so long.
    ByTime,
    /// The service stops: the client comes back to whoever is there then.
    ToEnd,
}

impl Streams {
    /// At most so many at once.
    pub(crate) fn new(most: usize) -> Streams {
        let (open, arrived) = (Mutex::default(), Notify::new());
        Streams(Arc::new(Inner { open, most, arrived, closing: CancellationToken::new() }))
    }

    /// Follows `order_id` from the event after `seen`. `None`: too many do already, or the service stops.
    pub(super) fn open(&self, order_id: Uuid, seen: i32) -> Option<OpenStream> {
        let (wake, now) = (Arc::new(Notify::new()), Instant::now());
        let mut open = self.open_streams();
        if open.entries.len() >= self.0.most || self.0.closing.is_cancelled() {
            return None;
        }
        let ticket = (order_id, open.next);
        open.next += 1;
        let entry = Entry { wake: wake.clone(), seen, moved_at: now, poll_at: now + POLL_EVERY };
        open.entries.insert(ticket, entry);
        drop(open);
        self.0.arrived.notify_one();
        Some(OpenStream { streams: self.clone(), ticket, wake })
    }

    /// Ends all streams, so that a stop need not wait for them.
    pub(crate) fn close(&self) {
        self.0.closing.cancel();
    }

    /// Hands on what a relay in this process tells. Ends with the last sender.
    pub(crate) async fn follow_hints(self, mut hints: Receiver<Arc<[Settled]>>) {
        loop {
            match hints.recv().await {
                Ok(settled) => {
                    let versions = settled.iter().map(|s| (s.order_id, s.version));
                    self.open_streams().wake(versions);
                }
                // whoever missed it is polled for
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Looks into the table for all streams. Never ends.
    pub(crate) async fn poll(self, db: Db) {
        loop {
            if self.open_streams().entries.is_empty() {
                self.0.arrived.notified().await;
            }
            tokio::time::sleep(TICK).await;
            let due = self.open_streams().take_due(Instant::now());
            for order_ids in due.chunks(POLLED_MAX) {
                let order_ids = order_ids.to_vec();
                let found = db.read(move |connection| {
                    Box::pin(async move { find_versions(connection, &order_ids).await })
                });
                match found.await {
                    Ok(versions) => self.open_streams().wake(versions),
                    Err(error) => tracing::debug!(%error, "cannot look for events just now"),
                }
            }
        }
    }

    fn open_streams(&self) -> MutexGuard<'_, OpenStreams> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenStreams {
    /// Wakes those streams that have not seen these versions of their orders.
    fn wake(&mut self, versions: impl IntoIterator<Item = (Uuid, i32)>) {
        if self.entries.is_empty() {
            return;
        }
        for (order_id, version) in versions {
            let of_order = (order_id, 0)..=(order_id, u64::MAX);
            for (_, entry) in self.entries.range(of_order) {
                if entry.seen < version {
                    entry.wake.notify_one();
                }
            }
        }
    }

    fn take_due(&mut self, now: Instant) -> Vec<Uuid> {
        let mut order_ids = Vec::new();
        for ((order_id, _), entry) in &mut self.entries {
            if entry.poll_at <= now {
                let rested = (now - entry.moved_at) / 8;
                entry.poll_at = now + rested.clamp(POLL_EVERY, POLL_AT_LEAST_EVERY);
                order_ids.push(*order_id);
            }
        }
        order_ids.dedup();
        order_ids
    }
}

impl OpenStream {
    /// What was sent up to here need not wake it any more.
    pub(super) fn has_seen(&self, seq: i32) {
        if let Some(entry) = self.streams.open_streams().entries.get_mut(&self.ticket) {
            entry.seen = seq;
            entry.moved_at = Instant::now();
        }
    }

    pub(super) async fn woken_within(&self, limit: Duration) -> Woken {
        tokio::select! {
            () = self.streams.0.closing.cancelled() => Woken::ToEnd,
            () = self.wake.notified() => Woken::ToLook,
            () = tokio::time::sleep(limit) => Woken::ByTime,
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.streams.open_streams().entries.remove(&self.ticket);
    }
}
