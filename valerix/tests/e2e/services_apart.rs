//! Each service in a process of its own, and one after the other killed under load.

mod takeover;

use std::time::Duration;

use crate::support::{Apart, Load, Process, Signal, alone, check_consistency, send};

const READY_MAX: Duration = Duration::from_secs(20);
const SETTLE_MAX: Duration = Duration::from_secs(20);

/// The whole system, ready, under load.
struct UnderLoad {
    system: Apart,
    order_api: Process,
    inventory_api: Process,
    relays: Vec<Process>,
    load: Load,
}

impl UnderLoad {
    async fn start() -> UnderLoad {
        let system = Apart::new();
        let (order_api, inventory_api) = (system.order_api(), system.inventory_api());
        let mut relays = Vec::new();
        for _ in 0..2 {
            let (relay, face) = system.relay();
            face.ready(READY_MAX).await;
            relays.push(relay);
        }
        system.orders.ready(READY_MAX).await;
        system.inventory.ready(READY_MAX).await;
        let load = Load::start(&system.orders, &system.inventory).await;
        load.confirms(100).await;
        UnderLoad { system, order_api, inventory_api, relays, load }
    }

    /// The load ends, everything settles, the books are right, and everybody stops when asked.
    async fn end(self) {
        self.load.confirms(100).await;
        let results = self.load.finish().await;
        let settled = self.system.orders.settled(SETTLE_MAX).await;
        let counts = check_consistency(&self.system.subject, &[&results]).await;
        eprintln!("settled {settled:?} after the load: {counts:?}");
        assert_eq!((counts.unfinished, counts.parked), (0, 0));
        for process in [self.order_api].into_iter().chain(self.relays).chain([self.inventory_api]) {
            let (status, _, log) = process.interrupt();
            assert!(status.success(), "{status}\n{log}");
        }
        self.system.stop();
    }
}

#[tokio::test]
async fn a_killed_inventory_that_comes_back_has_taken_stock_exactly_once() {
    let _alone = alone().await;
    let mut all = UnderLoad::start().await;
    all.inventory_api.kill();
    all.load.has_under_way(10).await;
    all.inventory_api = all.system.inventory_api();
    all.end().await;
}

#[tokio::test]
async fn a_killed_order_api_that_comes_back_knows_every_order() {
    let _alone = alone().await;
    let mut all = UnderLoad::start().await;
    all.order_api.kill();
    all.load.has_under_way(10).await;
    all.order_api = all.system.order_api();
    all.end().await;
}

#[tokio::test]
async fn a_killed_database_server_comes_back_by_itself_and_has_lost_nothing() {
    let _alone = alone().await;
    let all = UnderLoad::start().await;
    let killed = all.system.server_pid();
    send(killed, Signal::Kill);
    all.load.confirms(50).await;
    assert_ne!(all.system.server_pid(), killed, "it is another process now");
    all.end().await;
}
