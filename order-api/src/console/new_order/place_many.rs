//! Placing the orders of a run: a task of its own, which ends with the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::interval;

use super::runs::Run;
use crate::OrderApi;
use crate::orders::create::{Waits, place};
use crate::orders::order_request::Basket;

/// Whose orders, and which.
#[derive(Clone)]
pub(super) struct Orders {
    pub(super) tenant: String,
    /// Each order has a key of its own, which begins with this one.
    pub(super) key: String,
    pub(super) basket: Basket,
    /// Orders a second.
    pub(super) rate: u32,
}

/// Begins to place the orders of a run.
pub(super) fn begin(api: &Arc<OrderApi>, run: Run, orders: Orders) {
    let closing = api.console.streams.closing.clone();
    let api = Arc::clone(api);
    tokio::spawn(closing.run_until_cancelled_owned(async move { work(&api, &run, &orders).await }));
}

async fn work(api: &Arc<OrderApi>, run: &Run, orders: &Orders) {
    let mut ticks = interval(Duration::from_secs(1) / orders.rate);
    let mut under_way = JoinSet::new();
    for number in 1..=run.count {
        ticks.tick().await;
        let (api, run, orders) = (Arc::clone(api), run.clone(), orders.clone());
        under_way.spawn(async move { place_one(&api, &run, orders, number).await });
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}

/// As a customer would, who waits for an answer and is measured.
async fn place_one(api: &OrderApi, run: &Run, orders: Orders, number: u32) {
    let _timing = api.window.time();
    let Orders { tenant, key, basket, .. } = orders;
    let waits = Waits { begun: Instant::now(), wait: api.config.wait() };
    let placed = place(api, &tenant, format!("{key}-{number}"), basket, waits).await;
    run.count(placed.ok().map(|(order, _)| order.id));
}
