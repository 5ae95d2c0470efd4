//! A relay's host: the product's schedule, driver, gate and client; its claims are made in the tables in memory.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use http::Uri;
use outbox_relay::drive::Driver;
use outbox_relay::gate::Gate;
use outbox_relay::in_flight::InFlight;
use outbox_relay::inventory::Inventory;
use outbox_relay::inventory::exchange::{Connector, Wire};
use outbox_relay::record::Recorder;
use relay_core::beat_report::{BeatReport, Renewal};
use relay_core::claims::{ClaimMode, Claims, Source, plan_claims};
use relay_core::decide::Call;
use relay_core::outcome::{Recorded, in_order};
use relay_core::scan_floor::ScanFloor;
use relay_core::schedule::{First, Found, Look, Moment, Schedule, ScheduleConfig};
use saga::stored::SagaUpdate;
use tokio::sync::watch;
use tokio::time::sleep;
use tower::service_fn;
use turmoil::net::TcpStream;
use uuid::Uuid;

use crate::memory::store::{STALE_MS, Store};

use super::database::{Database, Unanswered};
use super::warehouse;

const BEAT_EVERY: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);
const CLAIM_MAX: u32 = 16;
const IN_FLIGHT_MAX: usize = 64;

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
    member: Arc<AtomicI64>,
    gate: Arc<Gate>,
    inventory: Arc<Inventory>,
    recorder: Recorder,
    in_flight: InFlight,
    reports: watch::Receiver<BeatReport>,
    schedule: Schedule,
    /// Where the heartbeat's look at the list begins.
    floor: Arc<Mutex<ScanFloor>>,
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
        let member = Arc::new(AtomicI64::new(self.join().await));
        let gate = Gate::new(&config.gate(), self.seed);
        let schedule = ScheduleConfig { claim_max: CLAIM_MAX, stale_ms: STALE_MS as u64 };
        let schedule = Schedule::new(schedule, gate.now_ms());
        let (beats, reports) = watch::channel(BeatReport::default());
        let floor = Arc::new(Mutex::new(ScanFloor::default()));
        let beating = self.clone().keep_beating(
            Arc::clone(&member),
            Arc::clone(&gate),
            Arc::clone(&floor),
            beats,
        );
        tokio::spawn(beating);
        let mut life = Life {
            member,
            gate,
            inventory: Arc::new(Inventory::with_connector(turmoil_tcp(), &config)?),
            recorder: self.recorder(),
            in_flight: InFlight::default(),
            relay: self,
            reports,
            schedule,
            floor,
        };
        life.go().await;
        Ok(())
    }

    /// As the product's membership does.
    async fn keep_beating(
        self,
        member: Arc<AtomicI64>,
        gate: Arc<Gate>,
        floor: Arc<Mutex<ScanFloor>>,
        beats: watch::Sender<BeatReport>,
    ) {
        let mut is_unsure_of_clock = false;
        loop {
            let id = member.load(Ordering::Relaxed);
            match self.database.transact(&self.name, |store| store.renew(id)).await {
                Ok(Renewal { member: false, .. }) => {
                    // Was silent for too long and taken for dead.
                    member.store(self.join().await, Ordering::Relaxed);
                }
                Ok(Renewal { clock_went_back, .. }) => {
                    let at_ms = gate.now_ms();
                    beats.send_if_modified(|report| {
                        *report = report.renewed(at_ms);
                        false
                    });
                    if clock_went_back || is_unsure_of_clock {
                        let waking = Store::wake_from_the_future;
                        let woken = self.database.transact(&self.name, waking).await;
                        is_unsure_of_clock = woken.is_err();
                    }
                    let above = floor.lock().expect("nothing panics under this lock").floor();
                    let looking = |store: &mut Store| store.look_around(id, above);
                    if let Ok(beat) = self.database.transact(&self.name, looking).await {
                        let at_ms = gate.now_ms();
                        beats.send_modify(|report| *report = report.followed_by(beat, at_ms));
                    }
                }
                Err(Unanswered) => is_unsure_of_clock = true,
            }
            sleep(BEAT_EVERY).await;
        }
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
        Recorder::with_flush(move |updates| {
            let relay = relay.clone();
            Box::pin(async move { relay.record(&updates).await })
        })
    }

    /// Stores until it is answered, as the product's recorder does.
    async fn record(&self, updates: &[SagaUpdate]) -> Vec<Recorded> {
        let stored = loop {
            match self.database.transact(&self.name, |store| store.store_updates(updates)).await {
                Ok(stored) => break stored,
                Err(Unanswered) => sleep(PAUSE).await,
            }
        };
        in_order(updates, stored)
    }
}

impl Life {
    async fn go(&mut self) {
        loop {
            let done = match self.next() {
                Look::Rest { until_ms, is_wakeable } => {
                    let changed = self.reports.changed();
                    tokio::select! {
                        () = self.gate.until(until_ms) => {}
                        _ = changed, if is_wakeable => {}
                    }
                    continue;
                }
                Look::Claim { source, limit, mode, is_awaited } => {
                    self.claim(source, limit, mode, is_awaited).await
                }
                Look::FindFirst => {
                    self.find_first().await;
                    continue;
                }
                Look::MeasureBacklog => self.measure_backlog().await,
                Look::RemoveSilent => self.remove_silent().await,
            };
            if let Err(Unanswered) = done {
                self.schedule.unanswered(self.gate.now_ms());
            }
        }
    }

    fn next(&mut self) -> Look {
        self.gate.log_changes();
        let free = IN_FLIGHT_MAX.saturating_sub(self.in_flight.len()).min(CLAIM_MAX as usize);
        let (free, report) = (free as u32, *self.reports.borrow());
        let schedule = &mut self.schedule;
        self.gate.decide(|gate, now_ms| schedule.next(&Moment { now_ms, free, report }, gate))
    }

    /// Claims from a source, and drives what that brought.
    async fn claim(
        &mut self,
        source: Source,
        limit: u32,
        mode: ClaimMode,
        is_awaited: bool,
    ) -> Result<(), Unanswered> {
        let member = self.member.load(Ordering::Relaxed);
        let in_flight = self.in_flight.clone();
        let gate = Arc::clone(&self.gate);
        let claimed = self.relay.database.transact(&self.relay.name, |store| {
            let locked = store.lock(member, |id| in_flight.contains(id), &source, limit as usize);
            let count = locked.len() as u32;
            let mut claims = plan_claims(member, locked, mode);
            claims.within_budget(|retries| gate.withdraw_retries(retries));
            let (calls, ids) = store_claims(store, claims);
            (calls, Found { locked: count, ids, at_ms: store.now_ms as u64 })
        });
        let (calls, found) = claimed.await?;
        let schedule = &mut self.schedule;
        self.gate.decide(|gate, now_ms| schedule.claimed(&found, now_ms, gate));
        if calls.is_empty() {
            return Ok(());
        }
        let driver = Driver {
            inventory: Arc::clone(&self.inventory),
            gate: Arc::clone(&self.gate),
            recorder: self.recorder.clone(),
            relay: member,
        };
        let order_ids: Vec<Uuid> = calls.iter().map(|call| call.loaded.order_id).collect();
        let held = self.in_flight.hold(order_ids.into_iter());
        let driving = async move {
            driver.drive(calls).await;
            drop(held);
        };
        if is_awaited {
            driving.await;
        } else {
            tokio::spawn(driving);
        }
        Ok(())
    }

    async fn find_first(&mut self) {
        let begun_ms = self.gate.now_ms();
        let first = |store: &mut Store| (store.first(Uuid::nil()), store.now_ms);
        let first = match self.relay.database.transact(&self.relay.name, first).await {
            Ok((Some(id), _)) => First::Message(id),
            Ok((None, at_ms)) => First::Empty { at_ms: at_ms as u64 },
            Err(Unanswered) => First::Unknown,
        };
        let now_ms = self.gate.now_ms();
        self.schedule.first_found(first, now_ms - begun_ms, now_ms);
        *self.floor.lock().expect("nothing panics under this lock") = self.schedule.scan_floor();
    }

    async fn measure_backlog(&mut self) -> Result<(), Unanswered> {
        let waiting = |store: &mut Store| store.waiting();
        let backlog = self.relay.database.transact(&self.relay.name, waiting).await?;
        let schedule = &mut self.schedule;
        self.gate.decide(|gate, now_ms| schedule.backlog_measured(backlog, now_ms, gate));
        Ok(())
    }

    async fn remove_silent(&mut self) -> Result<(), Unanswered> {
        self.relay.database.transact(&self.relay.name, Store::remove_silent).await?;
        self.schedule.silent_removed();
        Ok(())
    }
}

/// `outbox_relay::claim` over the tables in memory: the calls to make, and the least and greatest id that changed.
fn store_claims(store: &mut Store, claims: Claims) -> (Vec<Call>, Option<(Uuid, Uuid)>) {
    let Claims { updates, mut calls, obsolete, deferred, postponed } = claims;
    store.postpone(&postponed);
    for order_id in &obsolete {
        store.outbox.remove(order_id);
    }
    let stored = store.store_updates(&updates);
    calls.retain(|call| stored.iter().any(|one| one.order_id == call.loaded.order_id));
    store.store_updates(&deferred);
    let ids = || stored.iter().map(|one| one.order_id);
    (calls, ids().min().zip(ids().max()))
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
