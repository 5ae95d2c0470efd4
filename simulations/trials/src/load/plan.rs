//! What a load is to do: how many clients, how fast, for how long, and how patient they are.

use std::net::SocketAddr;
use std::time::Duration;

use super::Basket;

#[derive(Debug, Clone)]
pub struct Plan {
    /// Order APIs. Clients are dealt out to them in turn.
    pub targets: Vec<SocketAddr>,
    /// Keep-alive connections. In an open loop: how many orders can be under way at once.
    pub clients: usize,
    /// Closed or open loop.
    pub pace: Pace,
    /// What is ordered.
    pub basket: Basket,
    /// How clients behave when something goes wrong.
    pub patience: Patience,
    /// `Authorization` header, where the API asks for one.
    pub authorization: Option<String>,
    /// The load stops by itself after this time.
    pub stop_after: Option<Duration>,
    /// The load stops by itself after so many orders.
    pub orders_max: Option<u32>,
    /// Orders that start earlier than this are done but not measured.
    pub warm_up: Duration,
    /// Width of a slice of the timeline.
    pub slice: Duration,
    /// Seed of baskets, arrivals and of who retries.
    pub seed: u64,
    /// Prefix of this load's idempotency keys: must be new for every load on one database.
    pub run: u64,
}

impl Plan {
    /// A closed loop of `clients` on one order API, until it is stopped.
    pub fn closed(target: SocketAddr, clients: usize) -> Self {
        Self {
            targets: vec![target],
            clients,
            pace: Pace::Closed,
            basket: Basket::OneLine { items: 1_000, quantity_max: 1 },
            patience: Patience::default(),
            authorization: None,
            stop_after: None,
            orders_max: None,
            warm_up: Duration::ZERO,
            slice: Duration::from_secs(1),
            seed: 1,
            run: rand::random(),
        }
    }
}

/// When the next order is placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Each client places its next order when its last one is settled.
    Closed,
    /// Orders arrive at random (Poisson), whether or not earlier ones are settled.
    Open {
        /// Mean arrivals per second. Can be changed while running.
        orders_per_s: f64,
    },
}

/// How clients behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patience {
    /// How long one request may take before its connection is given up.
    pub answer: Duration,
    /// Requests per order at most, the first included.
    pub tries_max: u16,
    /// Wait before the second try; doubles up to 32 times itself. `Retry-After` wins when longer.
    pub backoff: Duration,
    /// Share of orders (0 to 1) whose client never sends the key again.
    pub give_up_share: f64,
    /// Share of orders (0 to 1) that are sent once more after they were settled, same key, same body.
    pub repeat_share: f64,
    /// After a 202: ask until the order is settled, for at most this long. Zero: do not ask.
    pub follow: Duration,
    /// How long orders under way may still take once the load has been stopped.
    pub drain: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(15),
            tries_max: 50,
            backoff: Duration::from_millis(50),
            give_up_share: 0.0,
            repeat_share: 0.0,
            follow: Duration::from_mins(1),
            drain: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// Wait before try number `next` (2 is the first retry).
    pub(super) fn backoff_before(&self, next: u16, retry_after: Option<Duration>) -> Duration {
        let doublings = u32::from(next.saturating_sub(2)).min(5);
        (self.backoff * (1 << doublings)).max(retry_after.unwrap_or_default())
    }
}
