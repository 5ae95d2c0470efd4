//! What all handlers share, and the tasks in the background. No handler is known here.

use std::sync::Arc;
use std::time::Duration;

use edge::health::HealthCache;
use edge::{Cached, MetricsHandle, ResponseWindow};
use in_process::{Hints, NotifyScope};
use schema_orders::listen::{SETTLED_CHANNEL, WORK_CHANNEL, listen_for_ever};
use schema_pg::Db;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::Config;
use crate::backlog_gauges::BacklogGauges;
use crate::console::state::Console;
use crate::health::inventory_probe::InventoryProbe;
use crate::orders::events::streams::Streams;
use crate::orders::intake::Intake;
use crate::orders::order_waiters::{OrderWaiters, WaitersMax};
use crate::staff::access::StaffAccess;
use crate::staff::breakers::probe::GateProbe;
use crate::staff::bulk::runner::Runner;
use crate::staff::reads::StaffReads;
use crate::staff::sagas::groups::GroupsAnswer;
use crate::staff::sagas::stats::StatsAnswer;

/// How long figures for staff may be shown again.
const FIGURES_FRESH: Duration = Duration::from_secs(1);
/// Before a task that has panicked is started again.
const PANIC_PAUSE: Duration = Duration::from_millis(500);

/// What the service works with.
pub struct Deps {
    /// The orders database.
    pub db: Db,
    /// Shared with the relay where it lives in this process.
    pub hints: Hints,
    /// Where relays run.
    pub notify_scope: NotifyScope,
    /// Where metrics go; without it there is no `/metrics`.
    pub metrics: Option<MetricsHandle>,
    /// Base URL of inventory, for `/health/deep` and the console.
    pub inventory_url: Option<String>,
}

/// The service, ready to be asked.
pub struct OrderApi {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) hints: Hints,
    pub(crate) intake: Intake,
    pub(crate) order_waiters: OrderWaiters,
    pub(crate) streams: Streams,
    pub(crate) window: ResponseWindow,
    pub(crate) backlog: BacklogGauges,
    pub(crate) metrics: Option<MetricsHandle>,
    pub(crate) ready_health: HealthCache,
    pub(crate) health: HealthCache,
    pub(crate) deep_health: HealthCache,
    pub(crate) inventory: Option<InventoryProbe>,
    pub(crate) staff_access: StaffAccess,
    pub(crate) staff_reads: StaffReads,
    pub(crate) bulk: Runner,
    pub(crate) gates: GateProbe,
    pub(crate) stats: Cached<Arc<StatsAnswer>>,
    pub(crate) groups: Cached<Arc<GroupsAnswer>>,
    pub(crate) console: Console,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl OrderApi {
    /// Starts the tasks in the background. They end when the last handle is dropped.
    pub fn start(config: Config, deps: Deps) -> Arc<OrderApi> {
        crate::metrics::describe();
        let Deps { db, hints, notify_scope, metrics, inventory_url } = deps;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let connections_max = config.connections_max as usize;
        let order_waiters = OrderWaiters::new(WaitersMax::of(connections_max));
        let streams = Streams::new((config.streams_max as usize).min(connections_max / 4));
        let spawn = |task| tasks.spawn(stop.clone().run_until_cancelled_owned(task));
        spawn(boxed(order_waiters.clone().follow_hints(hints.settled.subscribe())));
        spawn(boxed(order_waiters.clone().poll(db.clone())));
        spawn(boxed(streams.clone().follow_hints(hints.settled.subscribe())));
        spawn(boxed(streams.clone().poll(db.clone())));
        let backlog = BacklogGauges::default();
        spawn(boxed(backlog.clone().show_when_asked(db.clone())));
        let bulk = Runner::new(db.clone(), hints.clone(), config.bulk_per_s, config.deadline_ms);
        let runner = bulk.clone();
        spawn(boxed(keep_running("bulk actions", move || runner.clone().run())));
        if notify_scope == NotifyScope::OtherProcesses {
            let wake = order_waiters.look_now();
            spawn(boxed(listen_for_ever(db.clone(), SETTLED_CHANNEL, wake)));
            spawn(boxed(announce_work(db.clone(), hints.work.clone())));
        }
        tasks.close();
        let intake = Intake::start(&config, db.clone(), hints.clone());
        let console = Console::new(inventory_url.as_deref());
        let inventory = inventory_url.as_deref().map(InventoryProbe::new);
        let (staff_access, staff_reads) =
            (StaffAccess::decide(&config), StaffReads::new(db.clone()));
        Arc::new(OrderApi {
            config,
            db,
            hints,
            intake,
            order_waiters,
            streams,
            window: ResponseWindow::default(),
            backlog,
            metrics,
            ready_health: HealthCache::default(),
            health: HealthCache::default(),
            deep_health: HealthCache::default(),
            inventory,
            staff_access,
            staff_reads,
            bulk,
            gates: GateProbe::default(),
            stats: Cached::new(FIGURES_FRESH),
            groups: Cached::new(FIGURES_FRESH),
            console,
            tasks,
            stop,
        })
    }
}

impl Drop for OrderApi {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Tells relays in other processes that there is work: one statement at a time, however many
/// orders came meanwhile.
async fn announce_work(db: Db, work: Arc<Notify>) {
    loop {
        work.notified().await;
        let told = db
            .read(|connection| Box::pin(schema_orders::listen::notify(connection, WORK_CHANNEL)))
            .await;
        if let Err(error) = told {
            // relays poll: they only start a little later
            tracing::debug!(%error, "relays could not be told of new work");
        }
    }
}

/// Starts a task again that has panicked: what it does must not stand still until somebody restarts
/// the process.
async fn keep_running<F>(name: &'static str, task: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let Err(panicked) = AbortOnDropHandle::new(tokio::spawn(task())).await else { return };
        tracing::error!(%panicked, name, "a task of the order service is started again");
        tokio::time::sleep(PANIC_PAUSE).await;
    }
}

fn boxed(
    task: impl Future<Output = ()> + Send + 'static,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(task)
}
