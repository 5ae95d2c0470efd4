//! Who may hold a connection: places for everybody, a reserve for those who judge or heal, and a share per peer.
//!
//! A bound on connections alone would be an outage of its own: whoever fills it keeps probes and metrics out, and
//! they judge. So some connections more are taken than there are places. One of them is answered if it asks for
//! health or metrics, or once a place becomes free; else it is told to come back, and closed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Problem;

/// Connections beyond the places, each for one request.
const RESERVE: usize = 64;
/// A request in the reserve waits so long for a place.
const PLACE_WAIT: Duration = Duration::from_millis(250);
/// One peer has at most this share of the places, in eighths.
const PEER_EIGHTHS: usize = 7;

/// Hands out places. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door {
    places: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    peers: Arc<Peers>,
}

/// Leave to take one more connection.
pub(crate) struct Leave(Held);

/// A connection's place, or its stay in the reserve; given back when dropped.
pub(crate) struct Seat {
    door: Door,
    held: Mutex<Held>,
    peer: IpAddr,
    is_over_share: bool,
}

#[derive(Debug)]
enum Held {
    Place(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit),
    Reserve(OwnedSemaphorePermit),
}

/// Connections by peer, and how many each may have.
struct Peers {
    open: Mutex<HashMap<IpAddr, usize>>,
    most: usize,
}

impl Door {
    pub(crate) fn new(connections_max: usize) -> Door {
        let most = (connections_max * PEER_EIGHTHS).div_ceil(8);
        Door {
            places: Arc::new(Semaphore::new(connections_max)),
            reserve: Arc::new(Semaphore::new(RESERVE)),
            peers: Arc::new(Peers { open: Mutex::default(), most }),
        }
    }

    /// Waits until one more connection may be taken.
    pub(crate) async fn leave(&self) -> Leave {
        let (place, reserve) = (self.places.clone(), self.reserve.clone());
        Leave(tokio::select! {
            biased;
            permit = place.acquire_owned() => Held::Place(permit.expect("never closed")),
            permit = reserve.acquire_owned() => Held::Reserve(permit.expect("never closed")),
        })
    }

    /// Seats the connection that was taken.
    pub(crate) fn seat(&self, leave: Leave, peer: SocketAddr) -> Seat {
        let held = match leave.0 {
            Held::Reserve(permit) => {
                self.places.clone().try_acquire_owned().map_or(Held::Reserve(permit), Held::Place)
            }
            place @ Held::Place(_) => place,
        };
        let peer = peer.ip();
        let is_over_share = self.peers.enter(peer);
        Seat { door: self.clone(), held: Mutex::new(held), peer, is_over_share }
    }
}

impl Seat {
    /// Whether this connection is for one request of this path at most.
    pub(crate) async fn admit(&self, path: &str) -> Result<Admitted, Problem> {
        if !self.is_over_share && self.has_place() {
            return Ok(Admitted::ToStay);
        }
        if is_judge(path) {
            return Ok(Admitted::Once);
        }
        if self.is_over_share {
            metrics::counter!("http_connections_refused_total", "reason" => "peer").increment(1);
            return Err(refusal("too many connections from this address"));
        }
        let place = self.door.places.clone().acquire_owned();
        if let Ok(permit) = tokio::time::timeout(PLACE_WAIT, place).await {
            *self.held() = Held::Place(permit.expect("never closed"));
            return Ok(Admitted::ToStay);
        }
        metrics::counter!("http_connections_refused_total", "reason" => "full").increment(1);
        Err(refusal("all connections are in use"))
    }

    fn has_place(&self) -> bool {
        matches!(*self.held(), Held::Place(_))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long a connection was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// As long as it likes to.
    ToStay,
    /// For this request.
    Once,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.door.peers.leave(self.peer);
    }
}

impl Peers {
    /// Counts one connection more. `true`: that is more than the peer's share.
    fn enter(&self, peer: IpAddr) -> bool {
        let mut open = self.lock();
        let count = open.entry(peer).or_default();
        *count += 1;
        *count > self.most
    }

    fn leave(&self, peer: IpAddr) {
        let mut open = self.lock();
        if let Some(count) = open.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&peer);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those who ask whether we are well.
fn is_judge(path: &str) -> bool {
    path == "/metrics" || path == "/health" || path.starts_with("/health/")
}

fn refusal(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-connections", "no connection is free")
        .with_detail(detail)
        .retry_after_s(1)
        .retryable()
}

#[cfg(test)]
mod tests;
