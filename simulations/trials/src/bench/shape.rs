//! What one measured load looks like.

use std::time::Duration;

use crate::load::{Basket, Pace, Patience, Plan};

/// Items of W1.
pub(super) const ITEMS: u32 = 1_000;
/// Clients of an open loop: orders that can be under way at once.
const OPEN_CLIENTS: usize = 2_000;

const FOLLOW: Duration = Duration::from_mins(1);

/// One load, as it stands in the table.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) label: String,
    pub(super) clients: usize,
    pub(super) pace: Pace,
    pub(super) basket: Basket,
    /// After a 202: how long a client asks for its order.
    pub(super) follow: Duration,
    pub(super) warm_up: Duration,
    pub(super) seconds: Duration,
}

impl Shape {
    /// W1: one line of one of a thousand items, closed loop.
    pub(super) fn uniform(clients: usize, seconds: Duration) -> Self {
        Self {
            label: format!("{clients} clients"),
            clients,
            pace: Pace::Closed,
            basket: Basket::OneLine { items: ITEMS, quantity_max: 1 },
            follow: FOLLOW,
            warm_up: (seconds / 5).clamp(Duration::from_secs(1), Duration::from_secs(5)),
            seconds,
        }
    }

    /// Poisson arrivals of the same orders.
    pub(super) fn open(orders_per_s: f64, seconds: Duration) -> Self {
        Self {
            label: format!("open, {orders_per_s:.0} orders/s"),
            pace: Pace::Open { orders_per_s },
            ..Self::uniform(OPEN_CLIENTS, seconds)
        }
    }

    pub(super) fn labelled(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    pub(super) fn of(self, basket: Basket) -> Self {
        Self { basket, ..self }
    }

    pub(super) fn plan(&self, targets: Vec<std::net::SocketAddr>, seed: u64) -> Plan {
        let first = *targets.first().expect("a stack takes orders somewhere");
        Plan {
            targets,
            pace: self.pace,
            basket: self.basket,
            stop_after: Some(self.warm_up + self.seconds),
            warm_up: self.warm_up,
            slice: Duration::from_millis(500),
            seed,
            patience: Patience { follow: self.follow, ..Patience::default() },
            ..Plan::closed(first, self.clients)
        }
    }
}
