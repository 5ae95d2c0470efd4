//! The proof: a real Prometheus watches a system under load while inventory is slow, dies and comes back, and while no
//! relay is alive. The intended alerts fire and end, no other does, and every panel and rule has something to say.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;
use uuid::Uuid;

use super::dashboards::{Query, console_paths, queries};
use super::incidents::{self, Incident};
use super::live::{IMPATIENCE, Prometheus};
use crate::support::{Apart, Api, Load, Process, alone, check_consistency};

const READY_MAX: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(250);
/// The average of order requests goes back over thirty seconds: it takes so long to rise and to fall.
const CHANGE_MAX: Duration = Duration::from_mins(1);
/// Makes orders slow without tripping the breaker, which calls two seconds slow.
const LATENCY_MS: u32 = 1_400;
/// Orders are compared with inventory at this age; they are changed before.
const COMPARED_AFTER_S: u32 = 3;
/// Inventory is gone for so many seconds, and the rules wait as long as they are deployed to; nothing else is played.
const OUTAGE: &str = "VALERIX_OUTAGE_S";
/// Clients, each of which waits for its order.
const CLIENTS: usize = 64;
/// Those that wait through a longer outage.
const CROWD: usize = 1_000;
/// Orders a second: slow enough for the drain of a crowd to be seen.
const DRAIN_RATE: &str = "100";
/// After so long another order is changed: the machine was too slow with the one before.
const COMPARED_MAX: Duration = Duration::from_secs(20);

/// What has fired once inventory was slow, then dead.
const DEAD_INVENTORY: [&str; 3] =
    ["CircuitBreakerOpen", "HighLatency", "ServiceDown inventory-api"];

struct Watched {
    prometheus: Prometheus,
    system: Apart,
    order_api: Process,
    inventory_api: Process,
    relays: Vec<Process>,
    faces: Vec<Api>,
    load: Option<Load>,
    began: Instant,
}

#[tokio::test]
async fn panels_rules_and_alerts_tell_what_happens() {
    let _alone = alone().await;
    let outage_s = std::env::var(OUTAGE).ok();
    let outage_s: Option<u64> = outage_s.map(|text| text.parse().expect("whole seconds"));
    let (impatience, clients) = if outage_s.is_some() { (1, CROWD) } else { (IMPATIENCE, CLIENTS) };
    let mut all = Watched::start(impatience, clients).await;
    all.nothing_fires_while_nothing_is_wrong().await;
    if let Some(outage_s) = outage_s {
        all.inventory_is_gone_for(Duration::from_secs(outage_s)).await;
        all.load_ends().await;
        return all.end();
    }
    all.slow_inventory_turns_the_light_red().await;
    all.dead_inventory_opens_the_breaker().await;
    all.a_dead_relay_is_taken_over().await;
    all.dead_relays_are_missed().await;
    all.every_link_leads_to_a_page().await;
    if incidents::are_drawn() {
        all.dead_postgres_is_told().await;
        all.load_ends().await;
        return all.end();
    }
    all.load_ends().await;
    all.drift_is_found_and_ends().await;
    all.every_panel_and_rule_has_something_to_say().await;
    all.end();
}

impl Watched {
    async fn start(impatience: u32, clients: usize) -> Watched {
        let mut system = Apart::new();
        if clients == CROWD {
            system.set("RELAY_DRAIN_RATE", DRAIN_RATE);
        }
        system.set("RELAY_RECONCILE_AFTER_S", &COMPARED_AFTER_S.to_string());
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
        let prometheus = Prometheus::start(&jobs, impatience).await;
        let load = Some(Load::of(clients, &system.orders, &system.inventory).await);
        let began = Instant::now();
        Watched { prometheus, system, order_api, inventory_api, relays, faces, load, began }
    }

    async fn nothing_fires_while_nothing_is_wrong(&self) {
        self.until("all are scraped", "sum(up) == 4", READY_MAX).await;
        self.load.as_ref().expect("it runs").confirms(500).await;
        self.until("orders are counted", "sum(orders_created_total) > 500", READY_MAX).await;
        self.only_fired(&[], &[]).await;
    }

    async fn slow_inventory_turns_the_light_red(&self) {
        incidents::quiet().await;
        let since = self.prometheus.now().await;
        self.chaos(Some(LATENCY_MS)).await;
        self.until_firing(&["HighLatency"]).await;
        self.chaos(None).await;
        self.until_firing(&[]).await;
        self.only_fired(&["HighLatency"], &[]).await;
        self.picture(&incidents::SLOW_INVENTORY, since).await;
    }

    /// Killed, not stopped: what was under way is in doubt.
    async fn dead_inventory_opens_the_breaker(&mut self) {
        incidents::quiet().await;
        let since = self.prometheus.now().await;
        self.inventory_api.kill();
        self.until_firing(&["CircuitBreakerOpen", "ServiceDown inventory-api"]).await;
        let queued = "max(sagas{state=\"queued\"}) > 20 and on () max(circuit_breaker_state) > 0";
        self.until("sagas queue up behind the breaker", queued, READY_MAX).await;
        self.inventory_comes_back(since).await;
    }

    /// The same, for so long, with the rules as they are deployed. Whether it is missed for long enough that its own alert
    /// fires, a second decides.
    async fn inventory_is_gone_for(&mut self, outage: Duration) {
        incidents::quiet().await;
        let since = self.prometheus.now().await;
        self.inventory_api.kill();
        let killed = Instant::now();
        self.until_fires("CircuitBreakerOpen").await;
        sleep(outage.saturating_sub(killed.elapsed())).await;
        self.inventory_comes_back(since).await;
        self.only_fired(&["CircuitBreakerOpen"], &["ServiceDown inventory-api"]).await;
    }

    async fn inventory_comes_back(&mut self, since: f64) {
        self.inventory_api = self.system.inventory_api_with_gremlin();
        self.until_firing(&[]).await;
        let drained = "max_over_time(max(sagas{state=\"queued\"})[3s:1s]) == 0
            and on () max(circuit_breaker_state) == 0";
        self.until("the backlog is gone", drained, CHANGE_MAX).await;
        incidents::assert_outage_is_told(&self.prometheus, since).await;
        self.picture(&incidents::DEAD_INVENTORY, since).await;
    }

    /// Answers are late, so the first one holds something; the second one, which has been watched for a while, takes over:
    /// a rate needs a time before.
    async fn a_dead_relay_is_taken_over(&mut self) {
        self.only_fired(&DEAD_INVENTORY, &[]).await;
        incidents::quiet().await;
        let since = self.prometheus.now().await;
        self.chaos(Some(LATENCY_MS)).await;
        // Asked itself: what Prometheus has seen may have been answered meanwhile.
        let until = Instant::now() + READY_MAX;
        while self.faces[0].metric("relay_sagas_in_flight ").await == 0.0 {
            assert!(Instant::now() < until, "the first relay waits for no answer");
            sleep(POLL / 10).await;
        }
        self.relays[0].kill();
        self.chaos(None).await;
        let taken_over = "sum(saga_takeovers_total) > 0 and sum(saga_recovery_seconds_count) > 0";
        self.until("what it held is taken over and ended", taken_over, READY_MAX).await;
        self.until_firing(&["ServiceDown relay"]).await;
        self.picture(&incidents::DEAD_RELAY, since).await;
    }

    /// Whoever orders now waits in vain, so that the light may turn red, too.
    async fn dead_relays_are_missed(&mut self) {
        incidents::quiet().await;
        let since = self.prometheus.now().await;
        self.relays[1].kill();
        self.until("it is seen", "max(relays{state=\"alive\"}) == 0", READY_MAX).await;
        self.until_fires("RelayAbsent").await;
        self.relays = self.faces.iter().map(|face| self.system.relay_at(face)).collect();
        self.until_firing(&[]).await;
        let all = [&DEAD_INVENTORY[..], &["RelayAbsent", "ServiceDown relay"]].concat();
        self.only_fired(&all, &[]).await;
        self.picture(&incidents::NO_RELAY, since).await;
    }

    /// The error budget of so short a time is spent, and its alert stays: nothing can be asked of it afterwards.
    async fn dead_postgres_is_told(&mut self) {
        incidents::quiet().await;
        let since = self.prometheus.now().await;
        self.system.stop_databases();
        self.until_fires("DatabaseUnreachable").await;
        self.system.start_databases();
        let again = "min(database_up) == 1 and on () sum(rate(orders_created_total[5s])) > 0";
        self.until("orders are taken again", again, CHANGE_MAX).await;
        self.load.as_ref().expect("it runs").confirms(500).await;
        self.picture(&incidents::DEAD_POSTGRES, since).await;
    }

    async fn picture(&self, incident: &Incident, since: f64) {
        let relays = self.faces.iter().enumerate();
        let relays = relays.map(|(n, face)| (face.address.to_string(), format!("relay-{}", n + 1)));
        let services =
            [(&self.system.orders, "order-api"), (&self.system.inventory, "inventory-api")];
        let services = services.map(|(api, name)| (api.address.to_string(), name.to_owned()));
        let names: Vec<(String, String)> = relays.chain(services).collect();
        incidents::picture(&self.prometheus, incident, since, &names).await;
    }

    async fn every_panel_and_rule_has_something_to_say(&self) {
        let seconds = self.began.elapsed().as_secs() + 5;
        let mut silent = Vec::new();
        for Query { panel, expression, .. } in queries("10s") {
            if self.prometheus.numbers_since(&expression, seconds).await == 0 {
                silent.push(format!("{panel}: {expression}"));
            }
        }
        assert!(silent.is_empty(), "panels without data:\n{}", silent.join("\n"));
        let rules = self.prometheus.rules().await;
        assert!(rules.len() >= 16, "{rules:?}");
        for (rule, health) in rules {
            assert!(health.starts_with("\"ok\""), "{rule}: {health}");
        }
    }

    /// The console of this service, as a browser on this machine asks it.
    async fn every_link_leads_to_a_page(&self) {
        for path in console_paths() {
            let answer = self.system.orders.get(&path).await;
            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(answer.url().path(), path.split('?').next().unwrap_or_default());
        }
    }

    async fn load_ends(&mut self) {
        let results = self.load.take().expect("it runs").finish().await;
        self.system.orders.settled(CHANGE_MAX).await;
        let counts = check_consistency(&self.system.subject, &[&results]).await;
        eprintln!("watched for {:?}: {counts:?}", self.began.elapsed());
    }

    /// Stock is taken from a confirmed order behind everybody's back, and given back.
    async fn drift_is_found_and_ends(&self) {
        let url = &self.system.subject.inventory_url;
        let mut inventory = PgConnection::connect(url).await.expect("the database is there");
        let mut changed = Vec::new();
        let until = Instant::now() + CHANGE_MAX;
        let mut known = Vec::new();
        while known.is_empty() {
            assert!(Instant::now() < until, "drift is not found");
            let item = trials::load::item_id(0);
            let body = json!({"item_id": item, "quantity": 1});
            let key = format!("drift-{}", changed.len());
            let answer = self.system.orders.order(Some(&key), &body).await;
            assert_eq!(answer.status(), 201);
            let order: serde_json::Value = answer.json().await.expect("JSON");
            let id = order["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            set_reservation(&mut inventory, id, "released").await;
            changed.push(id);
            let patience = Instant::now() + COMPARED_MAX;
            let drift = r#"reconcile_drift{kind="confirmed-without-stock"} > 0"#;
            while known.is_empty() && Instant::now() < patience {
                sleep(POLL).await;
                known = self.prometheus.ask(drift).await;
            }
        }
        assert_eq!(known.len(), 1, "one relay compares");
        self.until_firing(&["ReconcileDrift"]).await;
        for id in changed {
            set_reservation(&mut inventory, id, "held").await;
        }
        self.until_firing(&[]).await;
        inventory.close().await.expect("closed");
        assert_eq!(self.system.tool(&["reconcile"]), Some(0), "nothing is left of it");
    }

    fn end(self) {
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

async fn set_reservation(inventory: &mut PgConnection, order_id: Uuid, state: &str) {
    let change = "update reservations set state = $2 where order_id = $1";
    let changed = sqlx::query(change).bind(order_id).bind(state).execute(inventory).await;
    assert_eq!(changed.expect("it can be changed").rows_affected(), 1);
}
