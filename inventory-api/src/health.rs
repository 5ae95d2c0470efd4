//! Health for people, probes and load balancers.

use std::sync::Arc;

use axum::extract::State;
use edge::health::{Checked, HealthReport, Need, check};
use schema_inventory::health::{check_reads, check_writes};
use schema_pg::{Db, DbError, Readiness, read_readiness};

use crate::InventoryApi;

pub(crate) async fn ready(State(api): State<Arc<InventoryApi>>) -> HealthReport {
    let ready = || async { HealthReport::of([migrations(&api.db).await]) };
    api.ready_health.get_or_make(ready).await
}

pub(crate) async fn health(State(api): State<Arc<InventoryApi>>) -> HealthReport {
    let checks = || async {
        let (reads, writes) = tokio::join!(reads(&api.db), writes(&api.db));
        HealthReport::of([reads, writes])
    };
    api.health.get_or_make(checks).await
}

async fn migrations(db: &Db) -> Checked {
    let db = db.clone();
    let work = async move {
        match read_readiness(&db, &schema_inventory::MIGRATOR).await {
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
    let work = async move {
        let read = db.read(|connection| Box::pin(check_reads(connection))).await;
        read.map_err(|error| unanswered(&db, &error))
    };
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

/// Text of a database is for the log; probes come often, so it is told there quietly.
fn unanswered(db: &Db, error: &DbError) -> String {
    tracing::debug!(%error, "a health check failed");
    match db.unusable() {
        Some(why) => format!("the database cannot be used: {why}"),
        None => "the database does not do its work just now".to_owned(),
    }
}
