//! Lists and searches over 200,000 sagas: no look at a whole table, whatever is asked; and how long each
//! takes, which is printed and not judged: a busy machine is no fault of theirs. `VALERIX_SAGAS=1000000`
//! makes it a million.

#![expect(clippy::print_stdout, reason = "the times are what one reads this test for")]

use order_api::router;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use schema_orders::inspection::{SagaFilter, count_states, find_by_key, find_sagas, list_groups};
use schema_orders::orders::{OrderFilter, list_orders};
use schema_orders::testing::{find_whole_scans, insert_mixed_past, vacuum};
use schema_pg::{Db, DbError, PoolConfig};
use uuid::Uuid;

use crate::world::{World, of_tenant, request, send};

/// Enough for Postgres to turn to the plan that is made without looking at the values.
const TIMES: usize = 8;
const MEASURED: usize = 40;

#[tokio::test]
async fn no_list_or_search_reads_a_whole_table() {
    let sagas = std::env::var("VALERIX_SAGAS").map_or(200_000, |n| n.parse().expect("a number"));
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let past = connect(&world, 600_000).await;
    insert_mixed_past(&past, sagas).await;
    assert_no_whole_scan(&connect(&world, 2_000).await).await;
    vacuum(&past).await;
    assert_no_whole_scan(&connect(&world, 2_000).await).await;
    report(&world, sagas).await;
    check_estimates(&world, sagas).await;
    let attention = world.get("/api/sagas?stuck=true&limit=50").await.json();
    let found = attention["items"].as_array().unwrap().len();
    assert_eq!(found, 50, "they are found behind thousands that wait as they should");
}

/// On connections of its own, which have not scanned anything.
async fn connect(world: &World, statement_timeout_ms: u32) -> Db {
    let pool = PoolConfig::new(&world.database.url, "test");
    Db::connect(&PoolConfig { statement_timeout_ms, ..pool }).await.unwrap()
}

fn filters() -> Vec<SagaFilter> {
    let all = SagaFilter::default();
    let state = |state: &str| SagaFilter { state: Some(state.to_owned()), ..all.clone() };
    let reason = |reason: &str| SagaFilter { reason: Some(reason.to_owned()), ..all.clone() };
    let item = |item: &str| SagaFilter { item_id: Some(item.to_owned()), ..all.clone() };
    let states = [
        "pending",
        "reserving",
        "queued",
        "confirmed",
        "releasing",
        "failed",
        "cancelled",
        "parked",
    ];
    let mut filters: Vec<SagaFilter> = states.map(state).into();
    filters.extend(["breaker_open", "unknown_item", "contract_error", "none_such"].map(reason));
    filters.extend([
        item("past-00007"),
        item("rare"),
        SagaFilter { in_doubt: Some(true), ..all.clone() },
        SagaFilter { in_doubt: Some(true), ..state("parked") },
        SagaFilter { stuck: Some(true), ..all.clone() },
        SagaFilter { min_attempts: Some(6), ..all.clone() },
        SagaFilter { min_attempts: Some(6), ..state("failed") },
        SagaFilter { created_before: Some(at_ms(100_000)), ..all.clone() },
        SagaFilter { ids: Some(vec![Uuid::now_v7()]), ..all.clone() },
        all,
    ]);
    filters
}

async fn assert_no_whole_scan(db: &Db) {
    for filter in filters() {
        let asked = filter.clone();
        let scans = db.transaction(move |connection| {
            Box::pin(async move {
                for _ in 0..TIMES {
                    let first = find_sagas(&mut *connection, &asked, None, 100).await?;
                    find_sagas(&mut *connection, &asked, first.next_before, 100).await?;
                }
                find_whole_scans(connection).await
            })
        });
        let scans: Result<Vec<(String, i64)>, DbError> = scans.await;
        assert_eq!(scans.unwrap(), [], "{filter:?}");
    }
    let scans = db.transaction(|connection| {
        Box::pin(async move {
            for _ in 0..TIMES {
                count_states(&mut *connection).await?;
                list_groups(&mut *connection).await?;
                find_by_key(&mut *connection, None, "past-100", 10).await?;
                let failed = OrderFilter { state: Some("failed".into()), ..OrderFilter::default() };
                list_orders(&mut *connection, &failed, None, 100).await?;
            }
            find_whole_scans(connection).await
        })
    });
    let scans: Result<Vec<(String, i64)>, DbError> = scans.await;
    assert_eq!(scans.unwrap(), [], "stats, groups, keys, orders");
}

async fn report(world: &World, sagas: i64) {
    println!("{:>8} {:>8}  {sagas} sagas, {} of them live", "p50 ms", "p95 ms", sagas / 10);
    for path in [
        "/api/sagas",
        "/api/sagas?state=confirmed",
        "/api/sagas?state=pending",
        "/api/sagas?state=reserving",
        "/api/sagas?state=queued",
        "/api/sagas?state=failed",
        "/api/sagas?state=parked",
        "/api/sagas?reason=unknown_item",
        "/api/sagas?error=parked.contract_error",
        "/api/sagas?in_doubt=true",
        "/api/sagas?stuck=true",
        "/api/sagas?item_id=past-00007",
        "/api/sagas?item_id=rare",
        "/api/sagas?min_attempts=6",
        "/api/sagas?created_before=2023-11-14T22:14:00Z",
        "/api/sagas?q=past-100",
        "/api/sagas?q=nobody-has-this",
        "/api/sagas?state=failed&count=true",
        "/api/sagas/018bcfe5-6800-7000-8000-000000000000",
        "/api/sagas/018bcfe5-6800-7000-8000-000000000000/steps",
        "/api/orders",
        "/api/orders?status=failed",
        "/api/orders?item_id=rare",
        "/console",
        "/console/orders",
        "/console/orders?view=attention",
        "/console/orders?view=breaker",
        "/console/orders?item_id=rare",
        "/console/orders?q=past-100",
        "/console/orders/018bcfe5-6800-7000-8000-000000000000",
        "/console/health",
        "/console/audit",
    ] {
        let mut took = Vec::new();
        let mut next = path.to_owned();
        for _ in 0..MEASURED {
            let begun = Instant::now();
            let asked = of_tenant(request(http::Method::GET, &next), "past");
            let answer = send(&router(&world.api), asked).await;
            took.push(begun.elapsed());
            assert_eq!(answer.status, 200, "{answer:?}");
            if path.starts_with("/console") {
                continue;
            }
            let cursor = answer.json()["next_cursor"].as_str().map(ToOwned::to_owned);
            let and = if path.contains('?') { '&' } else { '?' };
            next = cursor.map_or(path.to_owned(), |cursor| format!("{path}{and}cursor={cursor}"));
        }
        print_times(path, took);
    }
    let (mut counted, mut grouped) = (Vec::new(), Vec::new());
    for _ in 0..MEASURED {
        let begun = Instant::now();
        world.database.db.read(|c| Box::pin(count_states(c))).await.unwrap();
        counted.push(begun.elapsed());
        let begun = Instant::now();
        world.database.db.read(|c| Box::pin(list_groups(c))).await.unwrap();
        grouped.push(begun.elapsed());
    }
    print_times("the counts of /api/sagas/stats, made at most once a second", counted);
    print_times("the groups of /api/sagas/groups, made at most once a second", grouped);
}

fn print_times(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let ms =
        |share: usize| took[(took.len() * share / 100).min(took.len() - 1)].as_secs_f64() * 1e3;
    println!("{:>8.2} {:>8.2}  {what}", ms(50), ms(95));
}

/// Finished history is estimated, and near enough; what is live is counted.
async fn check_estimates(world: &World, sagas: i64) {
    let stats = world.get("/api/sagas/stats").await.json();
    let of = |state: &str| {
        let states = stats["states"].as_array().unwrap();
        let found = states.iter().find(|s| s["state"] == state).unwrap();
        (found["count"].as_i64().unwrap(), found["counted"].as_str().unwrap().to_owned())
    };
    let live = sagas / 10;
    assert_eq!(of("pending"), (live / 20, "exact".to_owned()));
    assert_eq!(of("reserving"), (live / 20, "exact".to_owned()));
    assert_eq!(of("queued"), (live * 18 / 20, "exact".to_owned()));
    assert_eq!(of("parked"), (sagas * 9 / 10 / 1000, "exact".to_owned()));
    let (failed, counted) = of("failed");
    let truth = sagas * 9 / 10 / 25;
    assert_eq!(counted, if truth <= 10_000 { "exact" } else { "estimate" });
    assert!((failed - truth).abs() < truth / 20, "{failed} is not near {truth}");
    let (confirmed, counted) = of("confirmed");
    let truth = sagas * 9 / 10 * (1000 - 40 - 10 - 2) / 1000;
    assert_eq!(counted, "estimate");
    assert!((confirmed - truth).abs() < truth / 20, "{confirmed} is not near {truth}");
}

fn at_ms(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_700_000_000_000 + ms).unwrap()
}
