//! Orders that keep coming, from clients that send the same key again when they are not answered.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use trials::load::{self, Basket, Pace, Plan, Results, Running, item_id};

use super::Api;

const ITEMS: u32 = 20;
const QUANTITY_MAX: u32 = 2;
/// More than any test orders.
const ON_HAND: i64 = 1_000_000;
/// What two cores carry in a build for tests, with the load itself beside it.
const ORDERS_PER_S: f64 = 150.0;
const CLIENTS: usize = 64;
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Longer than any outage: every client learns what became of its order.
const FOLLOW_MAX: Duration = Duration::from_mins(5);

/// A load under way.
pub(crate) struct Load(Running);

impl Load {
    /// Stocks what is to be ordered, then starts.
    pub(crate) async fn start(orders: &Api, inventory: &Api) -> Load {
        Load::of(CLIENTS, orders, inventory).await
    }

    /// Each client waits for its order, so that no more than these can be waiting.
    pub(crate) async fn of(clients: usize, orders: &Api, inventory: &Api) -> Load {
        for item in 0..ITEMS {
            inventory.stock(&item_id(item), ON_HAND).await;
        }
        let mut plan = Plan::closed(orders.address, clients);
        plan.pace = Pace::Open { orders_per_s: ORDERS_PER_S };
        plan.basket = Basket::OneLine { items: ITEMS, quantity_max: QUANTITY_MAX };
        plan.patience.answer = ANSWER_MAX;
        plan.patience.follow = FOLLOW_MAX;
        plan.patience.repeat_share = 0.1;
        Load(load::start(plan).expect("a thread for the load"))
    }

    /// Waits until so many more orders have been confirmed.
    pub(crate) async fn confirms(&self, more: u64) {
        let wanted = self.0.live.confirmed.load(Relaxed) + more;
        let until = Instant::now() + Duration::from_secs(30);
        while self.0.live.confirmed.load(Relaxed) < wanted {
            assert!(Instant::now() < until, "no orders are confirmed any more: {:?}", self.0.live);
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many orders are under way at once.
    pub(crate) async fn has_under_way(&self, orders: u64) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.0.live.under_way() < orders {
            assert!(Instant::now() < until, "orders do not pile up: {:?}", self.0.live);
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Places nothing new, and lets every client follow its orders to their end. All of them must be known then.
    pub(crate) async fn finish(self) -> Results {
        self.0.control.stop();
        let finishing = tokio::task::spawn_blocking(|| self.0.finish());
        let results = finishing.await.expect("the load does not panic");
        let open = results.ledger.entries().iter().filter(|entry| !entry.outcome.is_final());
        assert_eq!(open.count(), 0, "clients that were never told: {:?}", results.live);
        assert!(results.ledger.conflicts().is_empty(), "{:?}", results.ledger.conflicts());
        results
    }
}
