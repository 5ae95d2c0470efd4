//! Whether inventory holds what finished orders promise: asked by one relay, slowly, all the time.
//!
//! Orders and stock live in two databases, and no transaction spans both. The protocol keeps them in
//! step; this looks whether it does. It writes nothing and repairs nothing (`valerix reconcile` does),
//! asks by the published contract, at a pace that no order notices, and rests while the breaker is not
//! closed. The leader does it, so that it is done once. Newest orders come first, and the
//! whole history once an hour at most ([`walk`]). What differs is looked at again before it counts
//! ([`findings`]). See docs/decisions/0015.

mod compare;
mod findings;
mod walk;

use std::time::Duration;

use schema_orders::reconcile_candidates::{
    Page, PlacedOrder, find_orders_again, find_placed_orders, now_if_leader,
};
use schema_pg::DbError;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::membership::Membership;
use crate::metrics;
use crate::relay::Relay;
use compare::{compare, is_final};
use findings::Findings;
use walk::Walk;

/// The longest time between two rounds.
const ROUND_MAX: Duration = Duration::from_secs(10);
/// Where there was nothing to ask, the next round comes after so many: an idle system is asked little.
const IDLE_ROUNDS: u32 = 3;

/// Looks until `stop`.
pub(crate) async fn run(relay: Relay, membership: Membership, stop: CancellationToken) {
    metrics::drift(&Findings::default().counts());
    let per_s = relay.config.reconcile_per_s;
    if per_s == 0 {
        return;
    }
    let round = relay.config.reconcile_after().min(ROUND_MAX);
    let mut reconciler = Reconciler {
        pause: Duration::from_secs(1) / per_s,
        orders_max: (f64::from(per_s) * round.as_secs_f64()).ceil() as usize,
        walk: Walk::default(),
        findings: Findings::default(),
        relay,
        membership,
    };
    let mut rest = round;
    while stop.run_until_cancelled(sleep(rest)).await.is_some() {
        let looked = reconciler.look();
        rest = match stop.run_until_cancelled(looked).await {
            None => return,
            Some(Ok(0)) => round * IDLE_ROUNDS,
            Some(Ok(_)) => round,
            Some(Err(error)) => {
                tracing::debug!(%error, "cannot read what to compare just now");
                round
            }
        };
    }
}

struct Reconciler {
    relay: Relay,
    membership: Membership,
    /// Between two questions.
    pause: Duration,
    /// Orders of one round.
    orders_max: usize,
    walk: Walk,
    findings: Findings,
}

impl Reconciler {
    /// One round. Answers how many orders there were to be asked for.
    async fn look(&mut self) -> Result<usize, DbError> {
        if !self.relay.gate.is_free() {
            return Ok(0);
        }
        let id = self.membership.id();
        let time = self.relay.db.read(move |c| Box::pin(now_if_leader(c, id)));
        let Some(time) = time.await? else {
            (self.walk, self.findings) = (Walk::default(), Findings::default());
            metrics::drift(&self.findings.counts());
            return Ok(0);
        };
        let chosen = self.choose().await?;
        for order in &chosen {
            if !self.ask(order).await {
                break;
            }
            sleep(self.pause).await;
        }
        metrics::drift(&self.findings.counts());
        metrics::reconciled_at(time);
        Ok(chosen.len())
    }

    /// What did not fit lately, then the newest, then the next of the past.
    async fn choose(&mut self) -> Result<Vec<PlacedOrder>, DbError> {
        let suspects = self.findings.next_suspects(self.orders_max / 2);
        let mut chosen = Vec::new();
        if !suspects.is_empty() {
            let asked = suspects.clone();
            let again = self
                .relay
                .db
                .read(move |c| Box::pin(async move { find_orders_again(c, &suspects).await }));
            chosen = again.await?;
            // Retention removes an order whatever was found about it.
            for gone in asked.iter().filter(|id| chosen.iter().all(|order| order.order_id != **id))
            {
                self.findings.forget(*gone);
            }
        }
        let newest_max =
            if self.walk.is_under_way() { self.orders_max / 2 } else { self.orders_max };
        let newest = self.page(self.walk.newest(newest_max.max(1))).await?;
        self.walk.saw_newest(&newest);
        chosen.extend(newest);
        let left = self.orders_max.saturating_sub(chosen.len()).max(1);
        if let Some(range) = self.walk.past(left, Instant::now()) {
            let past = self.page(range).await?;
            self.walk.saw_past(&past);
            chosen.extend(past);
        }
        Ok(chosen)
    }

    async fn page(
        &self,
        (above, below, orders_max): walk::Range,
    ) -> Result<Vec<PlacedOrder>, DbError> {
        let age_ms = self.relay.config.reconcile_after().as_millis() as i64;
        let page = Page { above, below, age_ms, orders_max: orders_max as i64 };
        self.relay.db.read(move |c| Box::pin(find_placed_orders(c, page))).await
    }

    /// Whether there was an answer: without one the round ends, and what is left of it comes with the next pass.
    async fn ask(&mut self, order: &PlacedOrder) -> bool {
        if !is_final(&order.state) {
            self.findings.forget(order.order_id);
            return true;
        }
        let Ok(found) = self.relay.inventory.look_up(order.reservation_id).await else {
            metrics::compared("unanswered");
            return false;
        };
        let kind = compare(order, found.as_ref());
        metrics::compared(if kind.is_some() { "differs" } else { "agrees" });
        match kind {
            None => self.findings.forget(order.order_id),
            Some(kind) => {
                if self.findings.note(order.order_id, order.version, kind) {
                    let (order_id, drift) = (order.order_id, kind.name());
                    tracing::warn!(%order_id, drift, "inventory does not hold what this order says");
                }
            }
        }
        true
    }
}
