use proptest::prelude::*;

use super::*;

fn id(n: u8) -> Uuid {
    Uuid::from_u128(u128::from(n))
}

fn line(item: u8, quantity: i64) -> Line {
    Line { item_id: format!("item-{item}"), quantity }
}

fn reserve(reservation: u8, order: u8, epoch: i64, lines: Vec<Line>) -> Command {
    Command::Reserve(Reserve::new(id(reservation), id(order), Some(epoch), lines))
}

fn release(reservation: u8, epoch: i64) -> Command {
    Command::Release { reservation_id: id(reservation), order_id: None, epoch: Some(epoch) }
}

fn commit(reservation: u8, epoch: i64) -> Command {
    Command::Commit { reservation_id: id(reservation), epoch: Some(epoch) }
}

fn warehouse(levels: &[i64]) -> Warehouse {
    let stock = levels
        .iter()
        .zip(0u8..)
        .map(|(on_hand, item)| (format!("item-{item}"), Level { on_hand: *on_hand, reserved: 0 }));
    Warehouse { stock: stock.collect(), ..Warehouse::default() }
}

fn short(item: u8, requested: i64, available: i64) -> Answer {
    let item_id = format!("item-{item}");
    let items = vec![Shortage { item_id, requested, available }];
    Answer::Rejected(Rejection::InsufficientStock { items })
}

#[track_caller]
fn check(levels: &[i64], commands: &[Command], answers: &[Answer]) {
    assert_eq!(decide(commands, &mut warehouse(levels)).answers, answers);
}

const HELD: Answer = Answer::Done(State::Held);
const RELEASED: Answer = Answer::Done(State::Released);
const COMMITTED: Answer = Answer::Done(State::Committed);

#[test]
fn gives_out_in_the_order_they_came_until_it_is_gone() {
    let ask = |n| reserve(n, n, 1, vec![line(0, 2)]);
    check(&[5], &[ask(3), ask(1), ask(2)], &[HELD, HELD, short(0, 2, 1)]);
}

#[test]
fn what_may_have_been_forgotten_is_never_reserved_again() {
    let of_time = |ms: u128| Uuid::from_u128(ms << 80 | 0x7000 << 64 | 0x8000 << 48);
    let ask = |id| Command::Reserve(Reserve::new(id, id, Some(1), vec![line(0, 1)]));
    let mut warehouse = warehouse(&[5]);
    warehouse.removed_below = of_time(1_000);
    let (old, new, timeless) = (of_time(999), of_time(1_000), id(7));
    let decision = decide(&[ask(old), ask(old), ask(new), ask(timeless)], &mut warehouse);
    assert_eq!(decision.answers, [Answer::Tombstoned, Answer::Tombstoned, HELD, HELD]);
    assert_eq!(warehouse.stock["item-0"].reserved, 2);
    let release = Command::Release { reservation_id: old, order_id: None, epoch: Some(2) };
    assert_eq!(decide(&[release], &mut warehouse).answers, [RELEASED]);
}

#[test]
fn takes_all_lines_or_none() {
    let both = reserve(1, 1, 1, vec![line(0, 1), line(1, 3)]);
    let rest = reserve(2, 2, 1, vec![line(0, 1)]);
    check(&[1, 2], &[both, rest], &[short(1, 3, 2), HELD]);
}

#[test]
fn adds_up_the_lines_of_one_item() {
    check(&[4], &[reserve(1, 1, 1, vec![line(0, 3), line(0, 2)])], &[short(0, 5, 4)]);
}

#[test]
fn names_the_items_it_does_not_know() {
    let answer = Answer::Rejected(Rejection::UnknownItem { items: vec!["item-7".to_owned()] });
    check(&[9], &[reserve(1, 1, 1, vec![line(0, 1), line(7, 1)])], &[answer]);
}

#[test]
fn answers_the_same_id_the_same_twice_in_one_batch() {
    let ask = || reserve(1, 1, 1, vec![line(0, 2)]);
    check(&[3], &[ask(), ask()], &[HELD, HELD]);
    check(&[1], &[ask(), ask()], &[short(0, 2, 1), short(0, 2, 1)]);
}

#[test]
fn repeats_a_rejection_after_the_stock_has_come_back() {
    let holder = reserve(1, 1, 1, vec![line(0, 2)]);
    let loser = || reserve(2, 2, 1, vec![line(0, 2)]);
    check(
        &[2],
        &[holder, loser(), release(1, 1), loser()],
        &[HELD, short(0, 2, 0), RELEASED, short(0, 2, 0)],
    );
}

#[test]
fn refuses_a_late_reserve_after_release_every_time() {
    let late = || reserve(1, 1, 1, vec![line(0, 1)]);
    check(
        &[1],
        &[release(1, 1), late(), late(), release(1, 1)],
        &[RELEASED, Answer::Tombstoned, Answer::Tombstoned, RELEASED],
    );
}

#[test]
fn refuses_what_an_older_epoch_says() {
    let ask = |epoch| reserve(1, 1, epoch, vec![line(0, 1)]);
    let stale = Answer::StaleEpoch { newest: 5 };
    check(
        &[9],
        &[ask(4), ask(5), ask(4), release(1, 4), commit(1, 4), release(1, 5)],
        &[HELD, HELD, stale.clone(), stale.clone(), stale, RELEASED],
    );
}

#[test]
fn refuses_the_same_id_for_something_else() {
    let other_lines = reserve(1, 1, 1, vec![line(0, 2)]);
    let other_order = reserve(1, 2, 1, vec![line(0, 1)]);
    check(
        &[9],
        &[reserve(1, 1, 1, vec![line(0, 1)]), other_lines, other_order],
        &[HELD, Answer::Mismatch, Answer::Mismatch],
    );
}

#[test]
fn ships_once_and_gives_nothing_back_afterwards() {
    let ask = || reserve(1, 1, 1, vec![line(0, 2)]);
    check(
        &[2],
        &[commit(1, 1), ask(), commit(1, 1), commit(1, 1), release(1, 1), ask()],
        &[Answer::Unknown, HELD, COMMITTED, COMMITTED, Answer::AlreadyCommitted, COMMITTED],
    );
}

/// Commands over few ids, items and epochs, so that they meet.
fn commands() -> impl Strategy<Value = Vec<Command>> {
    let lines = prop::collection::vec((0..4u8, 1..4i64), 1..3)
        .prop_map(|lines| lines.into_iter().map(|(item, n)| line(item, n)).collect::<Vec<_>>());
    let one = prop_oneof![
        4 => (0..6u8, 0..2u8, 0..3i64, lines).prop_map(|(r, o, e, l)| reserve(r, o, e, l)),
        2 => (0..6u8, 0..3i64).prop_map(|(r, e)| release(r, e)),
        1 => (0..6u8, 0..3i64).prop_map(|(r, e)| commit(r, e)),
    ];
    prop::collection::vec(one, 0..40)
}

fn held(warehouse: &Warehouse, item_id: &str) -> i64 {
    let held = warehouse.rows.values().filter(|row| row.state == State::Held);
    held.flat_map(|row| &row.lines).filter(|l| l.item_id == item_id).map(|l| l.quantity).sum()
}

proptest! {
    #[test]
    fn a_batch_answers_as_its_commands_would_one_at_a_time(
        commands in commands(), levels in prop::collection::vec(0..8i64, 3),
    ) {
        let mut together = warehouse(&levels);
        let batch = decide(&commands, &mut together);
        let mut apart = warehouse(&levels);
        let mut movements = Vec::new();
        for (command, answer) in commands.iter().zip(&batch.answers) {
            let mut single = decide(std::slice::from_ref(command), &mut apart);
            prop_assert_eq!(&single.answers[0], answer);
            movements.append(&mut single.movements);
        }
        prop_assert_eq!(together.stock, apart.stock);
        prop_assert_eq!(together.rows, apart.rows);
        prop_assert_eq!(batch.movements, movements);
    }

    #[test]
    fn the_books_balance(
        commands in commands(), levels in prop::collection::vec(0..8i64, 3),
    ) {
        let opening = warehouse(&levels);
        let mut after = opening.clone();
        let movements = decide(&commands, &mut after).movements;
        for (item_id, level) in &after.stock {
            prop_assert!(0 <= level.reserved && level.reserved <= level.on_hand);
            prop_assert_eq!(level.reserved, held(&after, item_id));
            let moved: i64 = movements.iter().filter(|m| &m.item_id == item_id).map(|m| m.on_hand_delta).sum();
            prop_assert_eq!(level.on_hand, opening.stock[item_id].on_hand + moved);
        }
    }

    #[test]
    fn a_tombstone_is_for_ever(commands in commands(), late in commands()) {
        let mut warehouse = warehouse(&[100, 100, 100, 100]);
        decide(&commands, &mut warehouse);
        let released: Vec<Uuid> = warehouse.rows.iter().filter(|(_, row)| row.state == State::Released).map(|(id, _)| *id).collect();
        decide(&late, &mut warehouse);
        for id in released {
            prop_assert_eq!(warehouse.rows[&id].state, State::Released);
        }
    }
}
