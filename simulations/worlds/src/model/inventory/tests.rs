//! The model's inventory answers as the product's does, whatever is asked in whatever order.

use super::super::config::Config;
use super::super::world::{Call, Kind, Outcome, World};
use super::execute;
use schema_inventory::decide::{Level, Warehouse, decide};
use schema_inventory::{Answer, Command, Line, Reserve};
use uuid::Uuid;

const LENGTH: u32 = 5;

#[test]
fn answers_every_short_conversation_as_the_product_does() {
    let config = Config { orders: 2, ..Config::plain() };
    let calls = all_calls();
    let conversations = calls.len().pow(LENGTH);
    for conversation in 0..conversations {
        let mut world = World::new(&config);
        let mut warehouse = one_unit();
        let mut rest = conversation;
        for _ in 0..LENGTH {
            let call = calls[rest % calls.len()];
            rest /= calls.len();
            let ours = execute(&config, &mut world, call).expect("no flaw is planted");
            let mut theirs = decide(&[command(call)], &mut warehouse);
            let answer = theirs.answers.pop().expect("one command, one answer");
            assert_eq!(ours, outcome(&answer), "{call:?} in conversation {conversation}");
        }
        let left = warehouse.stock["item"].available();
        assert_eq!(i64::from(world.stock[0]), left, "conversation {conversation}");
    }
}

fn all_calls() -> Vec<Call> {
    let mut calls = Vec::new();
    for order in 0..2 {
        for kind in [Kind::Reserve, Kind::Release] {
            for epoch in 1..=2 {
                calls.push(Call { order, reservation: 0, kind, relay: 0, epoch });
            }
        }
    }
    calls
}

fn one_unit() -> Warehouse {
    let mut warehouse = Warehouse::default();
    warehouse.stock.insert("item".to_owned(), Level { on_hand: 1, reserved: 0 });
    warehouse
}

fn command(call: Call) -> Command {
    let reservation_id = Uuid::from_u128(u128::from(call.order));
    let order_id = reservation_id;
    let epoch = Some(i64::from(call.epoch));
    if call.kind == Kind::Release {
        return Command::Release { reservation_id, order_id: Some(order_id), epoch };
    }
    let line = Line { item_id: "item".to_owned(), quantity: 1 };
    Command::Reserve(Reserve::new(reservation_id, order_id, epoch, vec![line]))
}

fn outcome(answer: &Answer) -> Outcome {
    match answer {
        Answer::Done(_) => Outcome::Done,
        Answer::Rejected(_) => Outcome::Rejected,
        Answer::Tombstoned => Outcome::Tombstoned,
        Answer::StaleEpoch { .. } => Outcome::Stale,
        Answer::Mismatch | Answer::AlreadyCommitted | Answer::Unknown => {
            panic!("a saga is never answered {answer:?}")
        }
    }
}
