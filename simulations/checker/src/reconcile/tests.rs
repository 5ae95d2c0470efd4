//! Each kind of drift is planted, found, and repaired or left to a person.

use serde_json::Value;
use sqlx::Row;

use super::*;
use crate::tests::history::World;
use crate::tests::planted::Plant::{self, Inventory};

fn repair() -> Mode {
    repair_up_to(10, false)
}

fn repair_up_to(most: u64, releases_for_nobody: bool) -> Mode {
    Mode::Repair { repairer: ada(), most, releases_for_nobody }
}

fn ada() -> Repairer {
    Repairer { actor: "ada".to_owned(), reason: "monthly count".to_owned() }
}

async fn reconcile(world: &World, mode: &Mode) -> Report {
    run(&world.subject(), mode).await.expect("both databases answer")
}

async fn audit(world: &World) -> Vec<(Option<Uuid>, Value, Value)> {
    let rows = sqlx::query("select * from staff_actions where kind = 'reconcile' order by id")
        .fetch_all(world.orders.db.pool())
        .await
        .expect("readable");
    rows.iter().map(|row| (row.get("order_id"), row.get("before"), row.get("after"))).collect()
}

/// Held in fact: stock, lines and ledger say so too.
const CONFIRMED_FAILS: &str = "update sagas
    set state = 'failed', reason = 'insufficient_stock', listed_state = 'failed'
    where order_id = '{confirmed}'";
/// Nobody knows of the order any more.
const CONFIRMED_GOES: &str = "delete from sagas where order_id = '{confirmed}';
    delete from orders where id = '{confirmed}'";
const STOCK_COUNTS_MORE: &str = "update stock set reserved = reserved + 3 where item_id = 'ps5'";
const CONFIRMED_RELEASED: &str = "update reservations set state = 'released'
    where order_id = '{confirmed}';
    update stock set reserved = reserved - 2 where item_id = 'ps5'";
/// As a restore of the inventory database leaves it.
const CONFIRMED_FORGOTTEN: &str = "delete from reservation_lines where reservation_id =
        (select reservation_id from reservations where order_id = '{confirmed}');
    delete from reservations where order_id = '{confirmed}';
    update stock set reserved = reserved - 2 where item_id = 'ps5'";
const LINES_DIFFER: &str = "update reservation_lines set quantity = quantity + 1
    where reservation_id = (select reservation_id from reservations where order_id = '{confirmed}');
    update stock set reserved = reserved + 1 where item_id = 'ps5'";
const OF_ANOTHER: &str =
    "update reservations set order_id = '{failed}' where order_id = '{confirmed}'";
/// A second reservation of a cancelled order, with stock of its own.
const HELD_TWICE: &str = "with twice as (
        insert into reservations (reservation_id, order_id, state, max_epoch, fingerprint)
        select gen_random_uuid(), '{cancelled}', 'held', 1, fingerprint
        from reservations where order_id = '{confirmed}'
        returning reservation_id
    ),
    stocked as (update stock set reserved = reserved + 1 where item_id = 'ps5')
    insert into reservation_lines select reservation_id, 'ps5', 1 from twice";

#[tokio::test]
async fn databases_that_agree_are_left_alone() {
    let mut world = World::build().await;
    world.leave_one_under_way().await;
    for mode in [Mode::Report, repair()] {
        let report = reconcile(&world, &mode).await;
        assert!(report.is_clean() && report.found.is_empty(), "{report}");
        assert_eq!(report.sagas as usize, world.orders_placed());
    }
    assert!(audit(&world).await.is_empty());
}

#[tokio::test]
async fn each_kind_of_drift_is_found_and_repaired_where_that_needs_no_guess() {
    let (ended, nobody) = (Kind::StockHeldByEndedOrder, Kind::StockHeldForNobody);
    let cases = [
        (Plant::Orders(CONFIRMED_FAILS), ended, true),
        (Plant::Orders(CONFIRMED_GOES), nobody, false),
        (Inventory(HELD_TWICE), Kind::StockHeldTwice, true),
        (Inventory(STOCK_COUNTS_MORE), Kind::ReservedDiffersFromHeld, true),
        (Inventory(CONFIRMED_RELEASED), Kind::ConfirmedWithoutStock, false),
        (Inventory(CONFIRMED_FORGOTTEN), Kind::ConfirmedWithoutStock, true),
        (Inventory(LINES_DIFFER), Kind::LinesDiffer, false),
        (Inventory(OF_ANOTHER), Kind::StockOfAnotherOrder, false),
    ];
    for (plant, kind, is_repaired) in cases {
        let mut world = World::build().await;
        world.plant(plant).await;
        let found = reconcile(&world, &Mode::Report).await;
        assert_eq!(found.found, BTreeMap::from([(kind, 1)]), "{found}");
        assert!(!found.is_clean() && audit(&world).await.is_empty(), "a report changes nothing");

        let repaired = reconcile(&world, &repair()).await;
        assert_eq!((repaired.repaired, repaired.is_clean()), (u64::from(is_repaired), is_repaired));
        assert_eq!(audit(&world).await.len(), usize::from(is_repaired), "{kind:?}");

        let again = reconcile(&world, &repair()).await;
        assert_eq!((again.repaired, again.is_clean()), (0, is_repaired), "{again}");
        assert_eq!(audit(&world).await.len(), usize::from(is_repaired), "nothing is done twice");
    }
}

#[tokio::test]
async fn stock_that_is_held_for_nobody_is_released_only_where_a_person_says_so() {
    let mut world = World::build().await;
    world.plant(Plant::Orders(CONFIRMED_GOES)).await;
    let left = reconcile(&world, &repair()).await;
    assert_eq!((left.repaired, left.drifts[0].outcome), (0, Outcome::Left));
    let released = reconcile(&world, &repair_up_to(1, true)).await;
    assert_eq!((released.repaired, released.is_clean()), (1, true), "{released}");
}

#[tokio::test]
async fn nothing_is_repaired_where_more_than_the_most_would_have_to_be() {
    let mut world = World::build().await;
    world.plant(Plant::Orders(CONFIRMED_FAILS)).await;
    world.plant(Inventory(STOCK_COUNTS_MORE)).await;
    let refused = run(&world.subject(), &repair_up_to(1, false)).await;
    assert!(matches!(refused, Err(ReconcileError::TooMany { wanted: 2, most: 1 })), "{refused:?}");
    assert!(audit(&world).await.is_empty(), "nothing at all");
    assert_eq!(reconcile(&world, &repair_up_to(2, false)).await.repaired, 2);
}

#[tokio::test]
async fn stock_that_inventory_does_not_have_is_not_reserved_again_and_not_refused_for_ever() {
    let mut world = World::build().await;
    world.plant(Inventory(CONFIRMED_FORGOTTEN)).await;
    world.plant(Inventory("update stock set on_hand = reserved where item_id = 'ps5'")).await;
    let left = reconcile(&world, &repair()).await;
    assert_eq!((left.repaired, left.drifts[0].outcome), (0, Outcome::Left), "{left}");
    world.plant(Inventory("update stock set on_hand = reserved + 2 where item_id = 'ps5'")).await;
    let repaired = reconcile(&world, &repair()).await;
    assert_eq!((repaired.repaired, repaired.is_clean()), (1, true), "{repaired}");
    assert!(agrees(&check(&world).await));
}

/// I4. What was planted is in no ledger, which I3 sees.
fn agrees(report: &crate::Report) -> bool {
    report.invariants.iter().any(|verdict| verdict.invariant == crate::Invariant::I4 && verdict.ok)
}

async fn check(world: &World) -> crate::Report {
    let evidence = crate::Evidence::default();
    crate::check(&world.subject(), Phase::Live, &evidence).await.expect("both databases answer")
}

#[tokio::test]
async fn what_a_person_has_accepted_is_told_no_more() {
    let mut world = World::build().await;
    world.plant(Inventory(CONFIRMED_RELEASED)).await;
    let found = reconcile(&world, &Mode::Report).await;
    let id = found.drifts[0].reservation_id.expect("it is about one");
    let accept = |id| Mode::Accept { repairer: ada(), reservation_ids: BTreeSet::from([id]) };
    let accepted = reconcile(&world, &accept(id)).await;
    assert_eq!((accepted.accepted, accepted.is_clean()), (1, true), "{accepted}");
    let (order_id, before, after) = &audit(&world).await[0];
    assert_eq!(*order_id, Some(world.order("confirmed")));
    let word = "confirmed-without-stock";
    assert_eq!((&before["drift"], &after["accepted"]), (&word.into(), &word.into()));

    let report = reconcile(&world, &Mode::Report).await;
    assert_eq!((report.found.len(), report.accepted_before), (0, 1), "{report}");
    assert!(
        report.to_string().ends_with("the databases agree but for what was accepted before (1)\n"),
        "{report}"
    );
    let checked = check(&world).await;
    assert!(agrees(&checked) && checked.counts.accepted == 1, "{checked}");
    let again = run(&world.subject(), &accept(id)).await;
    assert!(matches!(again, Err(ReconcileError::NothingToAccept(_))), "{again:?}");
}

#[tokio::test]
async fn a_repair_says_in_the_audit_log_what_it_found_and_what_it_left() {
    let mut world = World::build().await;
    world.plant(Plant::Orders(CONFIRMED_FAILS)).await;
    // Less is counted than is held: the release must not fail for it.
    world.plant(Inventory("update stock set reserved = 0 where item_id = 'ps5'")).await;
    let report = reconcile(&world, &repair()).await;
    assert_eq!((report.repaired, report.is_clean()), (2, true), "{report}");
    let audit = audit(&world).await;
    let (no_order, recount, _) = &audit[0];
    assert_eq!(
        (*no_order, &recount["item_id"], &recount["reserved"]),
        (None, &"ps5".into(), &0.into())
    );
    let (order_id, before, after) = &audit[1];
    assert_eq!(*order_id, Some(world.order("confirmed")));
    assert_eq!((&before["reservation"], &before["order"]), (&"held".into(), &"failed".into()));
    assert_eq!((&before["lines"]["ps5"], &after["reservation"]), (&2.into(), &"released".into()));
}

#[tokio::test]
async fn what_the_seeds_calls_reserve_belongs_to_no_order_and_is_no_drift() {
    let world = World::build().await;
    let order_id = schema_inventory::by_order::order_of("order-7");
    let id = schema_inventory::by_order::reservation_of(order_id);
    let lines = vec![schema_inventory::Line { item_id: "ps5".to_owned(), quantity: 1 }];
    let reserve = schema_inventory::Reserve::new(id, order_id, None, lines);
    world.apply(schema_inventory::Command::Reserve(reserve)).await;
    let report = reconcile(&world, &repair()).await;
    assert!(report.found.is_empty(), "{report}");
}

#[tokio::test]
async fn a_saga_that_is_on_its_way_or_parked_is_nobodys_drift() {
    let mut world = World::build().await;
    for state in ["reserving", "releasing", "parked"] {
        let sql = format!(
            "update sagas set state = '{state}', reason = null, cause = null
            where order_id = '{{confirmed}}'"
        );
        world.plant(Plant::Orders(sql.leak())).await;
        let report = reconcile(&world, &repair()).await;
        assert!(report.found.is_empty(), "{state}: {report}");
    }
}
