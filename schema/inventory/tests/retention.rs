//! Reservations that have ended go when they are old, and a late duplicate finds that out.

use schema_inventory::apply::apply_batch;
use schema_inventory::consistency::{find_imbalances, find_misbookings};
use schema_inventory::retention::{find_removed_below, take_turn};
use schema_inventory::stock::insert_item;
use schema_inventory::testing::fresh_inventory;
use schema_inventory::transactions::insert_adjustment;
use schema_inventory::{Answer, Command, Line, Reserve, State};
use schema_pg::retention::{Terms, Turn};
use schema_pg::testing::TestDb;
use uuid::Uuid;

const TERMS: Terms = Terms { keep_ms: 86_400_000, rows_max: 100, pause_ms: 10 };

struct World(TestDb);

impl World {
    async fn with_stock(on_hand: i64) -> Self {
        let database = fresh_inventory().await;
        let stocked: Result<(), sqlx::Error> = database
            .db
            .transaction(move |c| {
                Box::pin(async move {
                    insert_item(c, "ps5", "ps5", on_hand).await?;
                    insert_adjustment(c, "ps5", "opening", on_hand, None).await
                })
            })
            .await;
        stocked.expect("stocked");
        Self(database)
    }

    async fn apply(&self, command: Command) -> Answer {
        let applied: Result<_, sqlx::Error> = self
            .0
            .db
            .transaction(move |c| Box::pin(async move { apply_batch(c, &[command]).await }))
            .await;
        applied.expect("applied").answers.remove(0)
    }

    /// Everything was last spoken of two days ago.
    async fn turn(&self) -> Turn {
        let older = "update reservations set updated_at = now() - interval '2 days'";
        sqlx::query(older).execute(self.0.db.pool()).await.expect("older");
        let due = "update retention set next_at = now()";
        sqlx::query(due).execute(self.0.db.pool()).await.expect("due");
        let turn = self.0.db.transaction(|connection| take_turn(connection, TERMS)).await;
        turn.expect("the test server answers").expect("it is its turn")
    }

    async fn is_there(&self, id: Uuid) -> bool {
        let there = "select exists (select from reservations where reservation_id = $1)";
        sqlx::query_scalar(there).bind(id).fetch_one(self.0.db.pool()).await.expect("read")
    }

    async fn assert_clean_slate(&self) {
        let found: Result<_, sqlx::Error> =
            self.0.db.read(|c| Box::pin(find_imbalances(c, 10))).await;
        assert_eq!(found.expect("read"), []);
        let found: Result<_, sqlx::Error> =
            self.0.db.read(|c| Box::pin(find_misbookings(c, 10))).await;
        assert_eq!(found.expect("read"), []);
    }
}

/// An id of long ago.
fn old(n: u128) -> Uuid {
    Uuid::from_u128(1_000_000_000_000 << 80 | 0x7000 << 64 | 0x8000 << 48 | n)
}

fn reserve(id: Uuid, quantity: i64) -> Command {
    let lines = vec![Line { item_id: "ps5".to_owned(), quantity }];
    Command::Reserve(Reserve::new(id, Uuid::now_v7(), Some(1), lines))
}

fn release(id: Uuid) -> Command {
    Command::Release { reservation_id: id, order_id: None, epoch: Some(2) }
}

#[tokio::test]
async fn what_has_ended_goes_and_what_is_held_stays() {
    let world = World::with_stock(10).await;
    let [held, shipped, released, rejected, tombstone] = [1, 2, 3, 4, 5].map(old);
    let today = Uuid::now_v7();
    for (id, quantity) in [(held, 1), (shipped, 2), (released, 3), (rejected, 100), (today, 1)] {
        world.apply(reserve(id, quantity)).await;
    }
    world.apply(Command::Commit { reservation_id: shipped, epoch: None }).await;
    for id in [released, tombstone, today] {
        world.apply(release(id)).await;
    }
    let turn = world.turn().await;
    assert_eq!(turn.removed, [("reservations", 4), ("reservation_lines", 2)]);
    assert_eq!(turn.next.position.first_kept, Some(held));
    assert!(world.is_there(held).await && world.is_there(today).await);
    for gone in [shipped, released, rejected, tombstone] {
        assert!(!world.is_there(gone).await);
    }
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn a_late_reserve_is_refused_after_its_tombstone_has_gone_and_again() {
    let world = World::with_stock(10).await;
    let late = old(1);
    world.apply(release(late)).await;
    world.turn().await;
    assert!(!world.is_there(late).await);
    for _ in 0..2 {
        assert_eq!(world.apply(reserve(late, 1)).await, Answer::Tombstoned);
    }
    assert_eq!(world.apply(release(late)).await, Answer::Done(State::Released));
    assert_eq!(world.apply(reserve(old(2), 1)).await, Answer::Done(State::Held));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn ids_that_do_not_tell_their_time_are_kept_and_taken() {
    let world = World::with_stock(10).await;
    let timeless = Uuid::from_u128(7);
    world.apply(release(timeless)).await;
    world.apply(release(old(9))).await;
    let turn = world.turn().await;
    assert_eq!((turn.removed[0].1, turn.next.position.first_kept), (1, None));
    assert!(world.is_there(timeless).await);
    let below = world.0.db.read(|c| Box::pin(find_removed_below(c))).await;
    let below: Uuid = below.expect("read");
    assert!(below > old(9));
    assert_eq!(world.apply(reserve(Uuid::from_u128(8), 1)).await, Answer::Done(State::Held));
}

/// A keep of 36,500 days ends before 1970, which is no reason to remove, or to refuse, anything.
#[tokio::test]
async fn the_longest_keep_removes_nothing_and_what_an_earlier_version_did_wrong_is_healed() {
    let world = World::with_stock(5).await;
    let keep = Terms { keep_ms: 36_500 * 86_400_000, ..TERMS };
    let odd = Uuid::from_u128(0xc1f2_0000_0000_8000_8000_0000_0000_0001);
    assert!(matches!(world.apply(reserve(odd, 1)).await, Answer::Done(State::Held)));
    let wrong = "update retention set cursor = $1, removed_below = $1";
    sqlx::query(wrong)
        .bind(Uuid::from_u128(odd.as_u128() + 1))
        .execute(world.0.db.pool())
        .await
        .expect("as it was left");
    assert_eq!(world.apply(reserve(Uuid::now_v7(), 1)).await, Answer::Tombstoned, "so it was");
    let turn: Result<_, sqlx::Error> = world.0.db.transaction(move |c| take_turn(c, keep)).await;
    let position = turn.expect("turned").expect("it is nobody else's turn").next.position;
    assert_eq!(position.cursor, Uuid::nil());
    let live = Uuid::now_v7();
    assert!(
        matches!(world.apply(reserve(live, 1)).await, Answer::Done(State::Held)),
        "{position:?}"
    );
}

/// What was looked at and left, because somebody still holds it, does not make older ids forgotten.
#[tokio::test]
async fn an_older_order_that_still_waits_is_not_refused_for_what_was_looked_at() {
    let world = World::with_stock(10).await;
    let (waits, held) = (old(1), old(2));
    world.apply(reserve(held, 1)).await;
    world.turn().await;
    assert_eq!(world.apply(reserve(waits, 1)).await, Answer::Done(State::Held));
    world.assert_clean_slate().await;
}
