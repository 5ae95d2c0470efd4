//! A relay and what its parts share: configuration, database, gate, inventory, and what it holds.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use in_process::{Hints, NotifyScope};
use relay_core::scan_floor::ScanFloor;
use schema_orders::breaker_overrides::{self, INVENTORY, OverrideVersion};
use schema_orders::outbox;
use schema_pg::{Db, DbError};

use crate::breaker_overrides::BreakerOverrides;
use crate::config::SettingsError;
use crate::drive::Driver;
use crate::gate::Gate;
use crate::in_flight::InFlight;
use crate::inventory::{Inventory, InventoryUrlError};
use crate::record::Recorder;
use crate::{Config, metrics};

/// Why a relay ended.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The configuration is wrong.
    #[error(transparent)]
    Inventory(#[from] InventoryUrlError),
    /// The configuration is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database refused something it never should.
    #[error("the orders database does not look as it should; run `valerix migrate`")]
    Database(#[from] DbError),
}

/// A running relay, for those in its process who look at it.
#[derive(Clone, Debug)]
pub struct Relay {
    pub(crate) config: Arc<Config>,
    pub(crate) db: Db,
    pub(crate) hints: Hints,
    pub(crate) gate: Arc<Gate>,
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) in_flight: InFlight,
    /// Shared by the loop, which measures, and the heartbeat.
    pub(crate) scan_floor: Arc<Mutex<ScanFloor>>,
    pub(crate) scope: NotifyScope,
    /// An insert that this relay claimed in got no answer.
    pub(crate) is_unsure: Arc<AtomicBool>,
}

impl Relay {
    /// A relay that has not started yet.
    pub fn new(
        config: Config,
        db: Db,
        hints: Hints,
        scope: NotifyScope,
    ) -> Result<Self, RelayError> {
        config.check()?;
        metrics::describe();
        let inventory = Arc::new(Inventory::new(&config)?);
        let gate = Gate::new(&config.gate(), rand::random());
        Ok(Self {
            config: Arc::new(config),
            db,
            hints,
            gate,
            inventory,
            in_flight: InFlight::default(),
            scan_floor: Arc::default(),
            scope,
            is_unsure: Arc::default(),
        })
    }

    /// Its gate: breaker, retry budget, drain.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Sagas it holds now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Has the loop look at once.
    pub fn wake(&self) {
        self.hints.work.notify_one();
    }

    pub(crate) fn scan_floor(&self) -> MutexGuard<'_, ScanFloor> {
        self.scan_floor.lock().expect("nothing panics under this lock")
    }

    pub(crate) fn free_slots(&self) -> u32 {
        let held = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        self.config.in_flight_max.saturating_sub(held).min(self.config.claim_max)
    }

    /// How many new orders it may take with their insert.
    pub(crate) fn slots_for_new(&self) -> u32 {
        if self.gate.is_free() { self.free_slots().min(self.gate.room()) } else { 0 }
    }

    pub(crate) fn driver(&self, recorder: &Recorder, relay: i64) -> Driver {
        Driver {
            inventory: Arc::clone(&self.inventory),
            gate: Arc::clone(&self.gate),
            recorder: recorder.clone(),
            relay,
        }
    }

    /// Shows its connections to the database, for metrics.
    pub(crate) fn show_pool(&self) {
        schema_pg::show_pool(&self.db, "relay");
    }

    /// Before the first call: a breaker that staff has isolated stays so, also in a relay that is new.
    pub(crate) async fn load_override(&self) -> BreakerOverrides {
        let mut overrides = BreakerOverrides::new(Arc::clone(&self.gate));
        match self.db.read(|c| Box::pin(breaker_overrides::find_override(c, INVENTORY))).await {
            Ok(order) => {
                overrides.apply(order.as_ref().map(OverrideVersion::from));
            }
            Err::<_, DbError>(error) => {
                tracing::warn!(%error, "the heartbeat will tell what staff wants");
            }
        }
        overrides
    }

    /// Measures the work list, for metrics and people.
    pub async fn measure(&self) -> Result<outbox::Depth, DbError> {
        let depth = self.db.read(|c| Box::pin(outbox::measure_depth(c))).await?;
        let waiting = u64::try_from(depth.waiting).unwrap_or(0);
        let estimate = self.gate.drain_estimate(waiting);
        metrics::drain_estimate(estimate.map_or(0.0, |e| e.done_in_ms as f64 / 1_000.0));
        Ok(depth)
    }
}
