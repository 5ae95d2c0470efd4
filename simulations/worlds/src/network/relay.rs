//! A relay's host: the product's driver, gate and client; its loop and its claims, as in tier 1, over
//! the tables in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use http::Uri;
use outbox_relay::drive::Driver;
use outbox_relay::gate::Gate;
use outbox_relay::in_flight::InFlight;
use outbox_relay::inventory::Inventory;
use outbox_relay::inventory::exchange::{Connector, Wire};
use outbox_relay::record::Recorder;
use relay_core::claims::{ClaimMode, Claims, INNOCENT, SUSPECT, Source, plan_claims};
use relay_core::decide::Call;
use relay_core::outcome::{Recorded, in_order};
use saga::stored::SagaUpdate;
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
            gate: Gate::new(&config.gate(), self.seed),
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
        in_order(moves, stored)
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
                self.take(Source::UnacknowledgedClaims { floor: Uuid::nil() }).await;
            }
            for crashes in [INNOCENT, SUSPECT] {
                let floor = Uuid::nil();
                self.take(Source::FromDeadRelay { stale_ms: STALE_MS, crashes, floor }).await;
            }
            if let Some(avoid) = self.gate.probes_without() {
                self.take(Source::Untried { avoid }).await;
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
        let mode = match self.gate.room() {
            0 => ClaimMode::Defer { retry_after_ms: None },
            _ => ClaimMode::Dispatch,
        };
        let limit = self.gate.room().clamp(1, CLAIM_MAX) as usize;
        let member = self.member;
        let claimed = self.relay.database.transact(&self.relay.name, |store| {
            let locked = store.lock(member, |id| self.in_flight.contains(id), &source, limit);
            store_claims(store, plan_claims(member, locked, mode))
        });
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
fn store_claims(store: &mut Store, claims: Claims) -> Vec<Call> {
    let Claims { updates, mut calls, obsolete, deferred } = claims;
    for order_id in &obsolete {
        store.outbox.remove(order_id);
    }
    let stored = store.store_moves(&updates);
    calls.retain(|call| stored.iter().any(|one| one.order_id == call.loaded.order_id));
    store.store_moves(&deferred);
    calls
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
