//! The proof: a real Prometheus watches a system under load while inventory is slow, dies and comes back, and while no
//! relay is alive. The intended alerts fire and end, no other does, and every panel and rule has something to say.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use super::dashboards::{Query, queries};
use super::live::Prometheus;
use crate::support::{Apart, Api, Load, Process, alone, audit};

const READY_MAX: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(250);
/// The average of order requests goes back over thirty seconds: it takes so long to rise and to fall.
const CHANGE_MAX: Duration = Duration::from_mins(1);
/// Makes orders slow without tripping the breaker, which calls two seconds slow.
const LATENCY_MS: u32 = 1_400;

struct Watched {
    prometheus: Prometheus,
    system: Apart,
    order_api: Process,
    inventory_api: Process,
    relays: Vec<Process>,
    faces: Vec<Api>,
    load: Load,
    began: Instant,
}

#[tokio::test]
async fn panels_rules_and_alerts_tell_what_happens() {
    let _alone = alone().await;
    let mut all = Watched::start().await;
    all.nothing_fires_while_nothing_is_wrong().await;
    all.slow_inventory_turns_the_light_red().await;
    all.dead_inventory_opens_the_breaker().await;
    all.dead_relays_are_missed().await;
    all.every_panel_and_rule_has_something_to_say().await;
    all.end().await;
}

impl Watched {
    async fn start() -> Watched {
        let system = Apart::new();
        let (order_api, inventory_api) = (system.order_api(), system.inventory_api_with_gremlin());
        let (relays, faces): (Vec<Process>, Vec<Api>) = (0..2).map(|_| system.relay()).unzip();
        for api in [&system.orders, &system.inventory].into_iter().chain(&faces) {
            api.ready(READY_MAX).await;
        }
        let jobs = [
            ("order-api", vec![&system.orders]),
            ("inventory-api", vec![&system.inventory]),
            ("relay", faces.iter().collect()),
        ];
        let prometheus = Prometheus::start(&jobs).await;
        let load = Load::start(&system.orders, &system.inventory).await;
        let began = Instant::now();
        Watched { prometheus, system, order_api, inventory_api, relays, faces, load, began }
    }

    async fn nothing_fires_while_nothing_is_wrong(&self) {
        self.until("all are scraped", "sum(up) == 4", READY_MAX).await;
        self.load.confirms(500).await;
        self.until("orders are counted", "sum(orders_created_total) > 500", READY_MAX).await;
        self.only_fired(&[], &[]).await;
    }

    async fn slow_inventory_turns_the_light_red(&self) {
        self.chaos(Some(LATENCY_MS)).await;
        self.until_firing(&["HighLatency"]).await;
        self.chaos(None).await;
        self.until_firing(&[]).await;
        self.only_fired(&["HighLatency"], &[]).await;
    }

    /// Killed, not stopped: what was under way is in doubt.
    async fn dead_inventory_opens_the_breaker(&mut self) {
        self.inventory_api.kill();
        self.until_firing(&["CircuitBreakerOpen", "ServiceDown inventory-api"]).await;
        let queued = "max(sagas{state=\"queued\"}) > 20 and on () max(circuit_breaker_state) > 0";
        self.until("sagas queue up behind the breaker", queued, READY_MAX).await;
        self.inventory_api = self.system.inventory_api_with_gremlin();
        self.until_firing(&[]).await;
        let drained = "max(sagas{state=\"queued\"}) < 5 and on () max(circuit_breaker_state) == 0";
        self.until("the backlog is gone", drained, CHANGE_MAX).await;
    }

    /// Whoever orders now waits in vain, so that the light may turn red, too.
    async fn dead_relays_are_missed(&mut self) {
        let dead_inventory = ["CircuitBreakerOpen", "HighLatency", "ServiceDown inventory-api"];
        self.only_fired(&dead_inventory, &[]).await;
        // Answers are late, so both hold something; the second one, which has been watched for a while,
        // takes over from the first: a rate needs a time before.
        self.chaos(Some(LATENCY_MS)).await;
        let both_wait = "count(relay_sagas_in_flight > 0) == 2";
        self.until("both relays wait for answers", both_wait, READY_MAX).await;
        self.relays[0].kill();
        self.chaos(None).await;
        let taken_over = "sum(saga_takeovers_total) > 0 and sum(saga_recovery_seconds_count) > 0";
        self.until("what it held is taken over and ended", taken_over, READY_MAX).await;
        self.relays[1].kill();
        self.until("it is seen", "max(relays{state=\"alive\"}) == 0", READY_MAX).await;
        self.until_fires("RelayAbsent").await;
        self.until_fires("ServiceDown relay").await;
        self.relays = self.faces.iter().map(|face| self.system.relay_at(face)).collect();
        self.until_firing(&[]).await;
        let all = [&dead_inventory[..], &["RelayAbsent", "ServiceDown relay"]].concat();
        self.only_fired(&all, &[]).await;
    }

    async fn every_panel_and_rule_has_something_to_say(&self) {
        let seconds = self.began.elapsed().as_secs() + 5;
        let mut silent = Vec::new();
        for Query { panel, expression } in queries("10s") {
            if self.prometheus.numbers_since(&expression, seconds).await == 0 {
                silent.push(format!("{panel}: {expression}"));
            }
        }
        assert!(silent.is_empty(), "panels without data:\n{}", silent.join("\n"));
        let rules = self.prometheus.rules().await;
        assert!(rules.len() >= 15, "{rules:?}");
        for (rule, health) in rules {
            assert!(health.starts_with("\"ok\""), "{rule}: {health}");
        }
    }

    async fn end(self) {
        let results = self.load.finish().await;
        self.system.orders.settled(CHANGE_MAX).await;
        let counts = audit(&self.system.subject, &[&results]).await;
        eprintln!("watched for {:?}: {counts:?}", self.began.elapsed());
        drop((self.order_api, self.inventory_api, self.relays));
        self.system.stop();
    }

    async fn chaos(&self, latency_ms: Option<u32>) {
        let url = format!("http://{}/api/admin/chaos", self.system.inventory.address);
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = match latency_ms {
            Some(ms) => client.post(url).json(&json!({"latency": true, "latency_ms": ms})),
            None => client.delete(url),
        };
        let answer = request.send().await.expect("inventory answers");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    async fn until(&self, what: &str, expression: &str, patience: Duration) {
        let until = Instant::now() + patience;
        while self.prometheus.ask(expression).await.is_empty() {
            assert!(Instant::now() < until, "{what}: never, by {expression}");
            sleep(POLL).await;
        }
    }

    async fn until_fires(&self, alert: &str) {
        let until = Instant::now() + CHANGE_MAX;
        while !self.prometheus.firing().await.contains(alert) {
            assert!(Instant::now() < until, "{alert} does not fire");
            sleep(POLL).await;
        }
        eprintln!("{:?} {alert} fires", self.began.elapsed());
    }

    /// Until exactly these alerts fire.
    async fn until_firing(&self, alerts: &[&str]) {
        let wanted: BTreeSet<String> = alerts.iter().map(|&alert| alert.to_owned()).collect();
        let until = Instant::now() + CHANGE_MAX;
        loop {
            let firing = self.prometheus.firing().await;
            if firing == wanted {
                eprintln!("{:?} {firing:?}", self.began.elapsed());
                return;
            }
            assert!(Instant::now() < until, "{firing:?} fire instead of {wanted:?}");
            sleep(POLL).await;
        }
    }

    /// So far all of `must` have fired, some of `may`, and no other.
    async fn only_fired(&self, must: &[&str], may: &[&str]) {
        let fired = self.prometheus.fired_within(self.began.elapsed().as_secs() + 5).await;
        let named = |alerts: &[&str]| -> BTreeSet<String> {
            alerts.iter().map(|&alert| alert.to_owned()).collect()
        };
        let missing: Vec<String> = named(must).difference(&fired).cloned().collect();
        assert!(missing.is_empty(), "never fired: {missing:?}");
        let allowed = named(&[must, may].concat());
        let others: Vec<String> = fired.difference(&allowed).cloned().collect();
        assert!(others.is_empty(), "not intended: {others:?}");
    }
}
