//! Each check fires on its planted fault, and a clean history of every kind is clean.

pub(crate) mod history;
pub(crate) mod planted;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;
use futures_util::{StreamExt, future, stream};
use schema_pg::retention::Terms;

use super::*;
use history::World;
use planted::{PLANTED, Plant, Planted};

const WORLDS_AT_ONCE: usize = 4;

/// Everything that can be given, and nothing that is wrong with it.
fn evidence(ledger: &Ledger) -> Evidence<'_> {
    Evidence {
        ledgers: vec![ledger],
        settling: Some(Settling {
            faults_ended_at: DateTime::UNIX_EPOCH,
            within: Duration::from_mins(10),
        }),
        amplification: Some(Amplification { percent: 20, floor: 100 }),
        half_open: vec![HalfOpen { at_ms: 1, in_flight: 1, permits: 1 }],
    }
}

#[tokio::test]
async fn a_clean_history_of_every_kind_is_clean() {
    let world = World::build().await;
    let ledger = world.ledger();
    let report = check(&world.subject(), Phase::Quiescent, &evidence(&ledger)).await;
    let report = report.expect("both databases answer");
    assert!(report.is_clean(), "{report}");
    assert!(report.invariants.iter().all(|verdict| verdict.ok && verdict.checked), "{report}");
    let orders = world.orders_placed() as u64;
    let Counts { sagas, answers, confirmed, failed, cancelled, parked, .. } = report.counts;
    assert_eq!((sagas, answers), (orders, orders));
    assert_eq!((confirmed, failed, cancelled, parked), (5, 3, 1, 1));
    // One was put off without a call, one was replayed by another relay and answered, one was repeated in vain, three
    // were released.
    let Counts { calls, first_tries, answered_retries, .. } = report.counts;
    assert_eq!((calls, first_tries, answered_retries), (15, 13, 1));
}

#[tokio::test]
async fn every_fault_is_found_where_it_is_planted() {
    let missed: Vec<String> = stream::iter(PLANTED)
        .map(missed)
        .buffer_unordered(WORLDS_AT_ONCE)
        .filter_map(future::ready)
        .collect()
        .await;
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

/// `None`: the fault was found.
async fn missed(planted: &Planted) -> Option<String> {
    let mut world = World::build().await;
    world.plant(planted.plant).await;
    let ledger = world.ledger();
    let mut evidence = evidence(&ledger);
    if let Plant::Evidence(spoil) = planted.plant {
        spoil(&mut evidence);
    }
    let report = check(&world.subject(), Phase::Quiescent, &evidence).await;
    let report = report.expect("both databases answer");
    let of = invariant_of(planted.check);
    let broken = report.invariants.iter().any(|verdict| verdict.invariant == of && !verdict.ok);
    let found = broken && report.faults.contains_key(planted.check);
    (!found).then(|| format!("{}: {:?}", planted.check, report.faults))
}

#[test]
fn every_check_of_the_catalogue_has_its_planted_fault() {
    let planted: BTreeSet<&str> = PLANTED.iter().map(|planted| planted.check).collect();
    let checks: BTreeSet<&str> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(planted, checks);
}

#[tokio::test]
async fn an_order_under_way_is_a_fault_only_when_nothing_moves_any_more() {
    let mut world = World::build().await;
    world.leave_one_under_way().await;
    let none = Evidence::default();
    let live = check(&world.subject(), Phase::Live, &none).await.expect("both answer");
    assert!(live.is_clean(), "{live}");
    let quiescent = check(&world.subject(), Phase::Quiescent, &none).await.expect("both answer");
    let found: Vec<&str> = quiescent.faults.keys().copied().collect();
    assert_eq!(found, ["outbox-not-empty", "unfinished"], "{quiescent}");
}

#[tokio::test]
async fn the_report_names_the_order_and_dumps_what_is_known_of_it() {
    let mut world = World::build().await;
    world
        .plant(Plant::Inventory(
            "update reservations set state = 'released' where order_id = '{confirmed}'",
        ))
        .await;
    let report = check(&world.subject(), Phase::Quiescent, &Evidence::default()).await;
    let report = report.expect("both databases answer");
    let order_id = world.order("confirmed");
    assert!(report.offending_orders().contains(&order_id), "{report}");
    let json = report.to_json();
    let dump = &json["dumps"][order_id.to_string()];
    assert_eq!(dump["orders"]["saga_steps"].as_array().map(Vec::len), Some(3), "{dump}");
    assert_eq!(dump["inventory"]["reservations"][0]["state"], "released", "{dump}");
    let text = report.to_string();
    assert!(text.contains("confirmed-without-stock") && text.contains(&order_id.to_string()));
}

#[tokio::test]
async fn a_past_that_was_written_in_bulk_is_clean() {
    let world = World::build().await;
    world.fill_past(2_500).await;
    let report = check(&world.subject(), Phase::Quiescent, &Evidence::default()).await;
    let report = report.expect("both databases answer");
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.counts.confirmed, 2_500 + 5);
}

#[tokio::test]
async fn what_retention_has_removed_is_no_loss() {
    let world = World::build().await;
    world.fill_past(500).await;
    let terms = Terms { keep_ms: 86_400_000, rows_max: 200, pause_ms: 10 };
    let removed =
        world.orders.db.transaction(move |c| schema_orders::retention::take_turn(c, terms));
    let removed = removed.await.expect("the test server answers").expect("its turn");
    assert_eq!(removed.removed[0], ("orders", 200));
    // Inventory forgets faster: of the shipped order first.
    let terms = Terms { keep_ms: -60_000, ..terms };
    let removed = world.remove_reservations(terms).await;
    assert_eq!(removed.removed[0], ("reservations", 6), "shipped, rejected twice, released thrice");
    let ledger = world.ledger();
    let report = check(&world.subject(), Phase::Quiescent, &evidence(&ledger)).await;
    let report = report.expect("both databases answer");
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.counts.confirmed, 300 + 5);
    let live = check(&world.subject(), Phase::Live, &evidence(&ledger)).await;
    assert!(live.expect("both databases answer").is_clean());
}

fn invariant_of(check: &str) -> Invariant {
    CHECKS.iter().find(|entry| entry.name == check).expect("in the catalogue").invariant
}
