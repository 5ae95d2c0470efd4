//! A relay's host: the product's driver, gate and client; its loop and its claims, as in tier 1, over
//! the tables in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use http::Uri;
use outbox_relay::claim::{Fate, Orphans, Source};
use outbox_relay::decide::{Call, Decided, on_claim, on_event};
use outbox_relay::drive::Driver;
use outbox_relay::gate::Gate;
use outbox_relay::in_flight::InFlight;
use outbox_relay::inventory::Inventory;
use outbox_relay::inventory::exchange::{Connector, Wire};
use outbox_relay::record::{Recorded, Recorder};
use saga::stored::SagaUpdate;
use saga::{Event, QueueReason};
use tokio::time::{Instant, sleep};
use tower::service_fn;
use turmoil::net::TcpStream;
use uuid::Uuid;

use crate::memory::store::Store;

use super::database::{Database, Unanswered};
use super::warehouse;

const STALE_MS: i64 = 1_200;
const BEAT_EVERY: Duration = Duration::from_millis(500);
const SWEEP_EVERY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
const CLAIM_MAX: u32 = 16;

/// What a relay is made of.
#[derive(Clone)]
pub(super) struct Relay {
    pub(super) name: String,
    pub(super) database: Database,
    pub(super) call_timeout_ms: u64,
    pub(super) seed: u32,
}

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    config: outbox_relay::Config,
}

/// One life of a relay.
struct Life {
    relay: Relay,
    member: i64,
    gate: Arc<Gate>,
    inventory: Arc<Inventory>,
    recorder: Recorder,
    in_flight: InFlight,
}

impl Relay {
    /// One life: until its host crashes.
    pub(super) async fn live(self) -> turmoil::Result {
        let url = format!("http://inventory:{}", warehouse::PORT);
        let defaults = Defaults::parse_from(["relay"]).config;
        let config = outbox_relay::Config {
            inventory_service_url: url,
            call_timeout_ms: self.call_timeout_ms,
            breaker_open_ms: 500,
            ..defaults
        };
        let mut life = Life {
            member: self.join().await,
            gate: Gate::new(&config, self.seed),
            inventory: Arc::new(Inventory::over(turmoil_tcp(), &config)?),
            recorder: self.recorder(),
            in_flight: InFlight::default(),
            relay: self,
        };
        life.go().await;
        Ok(())
    }

    async fn join(&self) -> i64 {
        loop {
            match self.database.transact(&self.name, Store::join).await {
                Ok(member) => return member,
                Err(Unanswered) => sleep(PAUSE).await,
            }
        }
    }

    fn recorder(&self) -> Recorder {
        let relay = self.clone();
        Recorder::over(move |moves| {
            let relay = relay.clone();
            Box::pin(async move { relay.record(&moves).await })
        })
    }

    /// Stores until it is answered, as the product's recorder does.
    async fn record(&self, moves: &[SagaUpdate]) -> Vec<Recorded> {
        let stored = loop {
            match self.database.transact(&self.name, |store| store.store_moves(moves)).await {
                Ok(stored) => break stored,
                Err(Unanswered) => sleep(PAUSE).await,
            }
        };
        let becomes = |one: &SagaUpdate| (one.order_id, one.expected_version + 1);
        let find =
            |one: &SagaUpdate| stored.iter().find(|m| (m.order_id, m.version) == becomes(one));
        let recorded = moves.iter().map(|one| match find(one) {
            Some(moved) => Recorded::Stored(moved.clone()),
            None => Recorded::Fenced,
        });
        recorded.collect()
    }
}

impl Life {
    async fn go(&mut self) {
        let (mut beat_at, mut sweep_at) = (Instant::now(), Instant::now());
        loop {
            if Instant::now() >= beat_at {
                beat_at = Instant::now() + BEAT_EVERY;
                self.beat().await;
            }
            if Instant::now() >= sweep_at {
                sweep_at = Instant::now() + SWEEP_EVERY;
                self.take(Source::Lost { in_flight: self.in_flight.clone(), floor: Uuid::nil() })
                    .await;
            }
            for who in [Orphans::Innocent, Orphans::Suspect] {
                self.take(Source::Orphaned { stale_ms: STALE_MS, who, floor: Uuid::nil() }).await;
            }
            self.take(Source::Due).await;
            self.take(Source::Fresh { floor: Uuid::nil() }).await;
            sleep(PAUSE).await;
        }
    }

    async fn beat(&mut self) {
        let member = self.member;
        let database = &self.relay.database;
        let beat = database.transact(&self.relay.name, |store| store.beat(member, STALE_MS)).await;
        if beat.is_ok_and(|beat| beat.clock_went_back) {
            let _ = database.transact(&self.relay.name, Store::wake_from_the_future).await;
        }
        if beat.is_ok_and(|beat| !beat.member) {
            // Was silent for too long and taken for dead.
            self.member = self.relay.join().await;
        }
    }

    /// Claims from a source, and drives what that brought, beside everything else.
    async fn take(&self, source: Source) {
        self.gate.log_changes();
        let fate = match self.gate.room() {
            0 => Fate::Queue { retry_after_ms: None },
            _ => Fate::Call,
        };
        let limit = self.gate.room().clamp(1, CLAIM_MAX) as usize;
        let member = self.member;
        let claimed = self
            .relay
            .database
            .transact(&self.relay.name, |store| claim(store, member, &source, limit, fate));
        let Ok(calls) = claimed.await else { return };
        if calls.is_empty() {
            return;
        }
        let driver = Driver {
            inventory: Arc::clone(&self.inventory),
            gate: Arc::clone(&self.gate),
            recorder: self.recorder.clone(),
            relay: member,
        };
        let order_ids: Vec<Uuid> = calls.iter().map(|call| call.loaded.order_id).collect();
        let held = self.in_flight.hold(order_ids.into_iter());
        tokio::spawn(async move {
            driver.drive(calls).await;
            drop(held);
        });
    }
}

/// `outbox_relay::claim` over the tables in memory.
fn claim(store: &mut Store, relay: i64, source: &Source, limit: usize, fate: Fate) -> Vec<Call> {
    let locked = store.lock(relay, source, limit);
    let (mut moves, mut calls) = (Vec::new(), Vec::new());
    for claimed in locked {
        match on_claim(relay, claimed) {
            Decided::Moves { decided, call } => {
                moves.push(decided);
                calls.extend(call);
            }
            Decided::Stray(order_id) => drop(store.outbox.remove(&order_id)),
        }
    }
    let stored = store.store_moves(&moves);
    calls.retain(|call| stored.iter().any(|moved| moved.order_id == call.loaded.order_id));
    let Fate::Queue { retry_after_ms } = fate else { return calls };
    let refused: Vec<SagaUpdate> = calls
        .iter()
        .filter_map(|call| {
            let reason = QueueReason::BreakerOpen;
            let event = Event::CallNotExecuted { reason, retry_after_ms, jitter: 0 };
            Some(on_event(relay, call, event)?.moves)
        })
        .collect();
    store.store_moves(&refused);
    Vec::new()
}

/// Connections over the simulated network.
fn turmoil_tcp() -> Connector {
    Connector::new(service_fn(|uri: Uri| {
        Box::pin(async move {
            let place = uri.authority().map(ToString::to_string).unwrap_or_default();
            let stream = TcpStream::connect(place).await?;
            Ok::<_, io::Error>(Wire::new(stream))
        })
    }))
}
