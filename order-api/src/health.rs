//! Health for people, probes and load balancers, and the window of response times.
//!
//! `live` touches nothing. `ready` asks what taking an order needs: the database and its migrations,
//! and never inventory, without which orders are taken all the same. `/health` also writes, and
//! `/health/deep` asks everything an order needs to be finished.

pub(crate) mod inventory_probe;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use edge::WindowSnapshot;
use edge::health::{Checked, HealthReport, Need, check};
use schema_orders::health::{check_reads, check_writes};
use schema_orders::outbox::Depth;
use schema_orders::relays::list_members;
use schema_pg::{Db, DbError, Readiness, read_readiness};

use crate::OrderApi;
use crate::config::RELAY_SILENT_MAX_S;

pub(crate) use self::inventory_probe::InventoryProbe;

pub(crate) async fn window(State(api): State<Arc<OrderApi>>) -> Json<WindowSnapshot> {
    Json(api.window.snapshot())
}

pub(crate) async fn ready(State(api): State<Arc<OrderApi>>) -> HealthReport {
    let ready = || async { HealthReport::of([migrations(&api.db).await]) };
    api.ready_health.get_or_make(ready).await
}

pub(crate) async fn health(State(api): State<Arc<OrderApi>>) -> HealthReport {
    let shallow = || async {
        let (reads, writes) = tokio::join!(reads(&api.db), writes(&api.db));
        HealthReport::of([reads, writes])
    };
    api.health.get_or_make(shallow).await
}

pub(crate) async fn deep(State(api): State<Arc<OrderApi>>) -> HealthReport {
    let everything = || async {
        let (db, age_max_s) = (&api.db, api.config.outbox_age_max_s);
        let (reads, writes, relay, outbox, inventory) = tokio::join!(
            reads(db),
            writes(db),
            relay(db),
            outbox(db, age_max_s),
            inventory(api.inventory.as_ref())
        );
        HealthReport::of([reads, writes, relay, outbox].into_iter().chain(inventory))
    };
    api.deep_health.get_or_make(everything).await
}

async fn migrations(db: &Db) -> Checked {
    let db = db.clone();
    let work = async move {
        match read_readiness(&db, &schema_orders::MIGRATOR).await {
            Ok(Readiness::Ready) => Ok(()),
            Ok(Readiness::NotMigrated) => {
                Err("migrations are missing; run `valerix migrate`".to_owned())
            }
            Ok(Readiness::ReadOnly) => {
                Err("the database is read-only, or a standby: it takes no writes".to_owned())
            }
            Err(error) => Err(unanswered(&db, &error)),
        }
    };
    check("database", Need::Essential, work).await
}

async fn reads(db: &Db) -> Checked {
    let db = db.clone();
    let work = async move { measure(&db).await.map(drop) };
    check("database", Need::Essential, work).await
}

async fn writes(db: &Db) -> Checked {
    let db = db.clone();
    let work = async move {
        let written = db.transaction(|connection| Box::pin(check_writes(connection))).await;
        written.map_err(|error| unanswered(&db, &error))
    };
    check("database_write", Need::Essential, work).await
}

async fn relay(db: &Db) -> Checked {
    let db = db.clone();
    let work = async move {
        let members = db.read(|connection| Box::pin(list_members(connection))).await;
        let members = members.map_err(|error: DbError| unanswered(&db, &error))?;
        let alive = members.iter().any(|member| member.silent_s < RELAY_SILENT_MAX_S);
        if alive { Ok(()) } else { Err("no relay is alive: orders wait".to_owned()) }
    };
    check("relay", Need::Supporting, work).await
}

async fn outbox(db: &Db, age_max_s: u32) -> Checked {
    let db = db.clone();
    let work = async move {
        let age_s = measure(&db).await?.oldest_age_s;
        if age_s <= f64::from(age_max_s) {
            return Ok(());
        }
        Err(format!("the oldest unfinished order has waited {age_s:.0} s"))
    };
    check("outbox", Need::Supporting, work).await
}

async fn inventory(probe: Option<&InventoryProbe>) -> Option<Checked> {
    let probe = probe?.clone();
    Some(check("inventory", Need::Supporting, async move { probe.ask().await }).await)
}

async fn measure(db: &Db) -> Result<Depth, String> {
    let depth = db.read(|connection| Box::pin(check_reads(connection))).await;
    depth.map_err(|error| unanswered(db, &error))
}

/// Text of a database is for the log; probes come often, so it is told there quietly.
fn unanswered(db: &Db, error: &DbError) -> String {
    tracing::debug!(%error, "a health check failed");
    match db.unusable() {
        Some(why) => format!("the database cannot be used: {why}"),
        None => "the database does not do its work just now".to_owned(),
    }
}
