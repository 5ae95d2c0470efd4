use saga::stored::Line;
use uuid::Uuid;

use super::*;

const ORDER: Uuid = Uuid::from_u128(1);

fn lines(lines: &[(&str, u32)]) -> Vec<Line> {
    let line = |(item_id, quantity): &(&str, u32)| Line {
        item_id: (*item_id).to_owned(),
        quantity: *quantity,
    };
    lines.iter().map(line).collect()
}

/// Two lines of one item are one line there.
fn found(state: &str) -> Reservation {
    let state = state.to_owned();
    Reservation { order_id: Some(ORDER), state, lines: lines(&[("a", 1), ("b", 5)]) }
}

#[test]
fn each_way_to_differ_has_its_name() {
    let other = || Reservation { order_id: Some(Uuid::max()), ..found("held") };
    let fewer = || Reservation { lines: lines(&[("a", 1)]), ..found("held") };
    let unowned = || Reservation { order_id: None, ..found("released") };
    let cases = [
        ("confirmed", Some(found("held")), None),
        ("confirmed", Some(found("committed")), None),
        ("confirmed", None, Some(Kind::ConfirmedWithoutStock)),
        ("confirmed", Some(found("released")), Some(Kind::ConfirmedWithoutStock)),
        ("confirmed", Some(found("rejected")), Some(Kind::ConfirmedWithoutStock)),
        ("confirmed", Some(fewer()), Some(Kind::LinesDiffer)),
        ("confirmed", Some(other()), Some(Kind::StockOfAnotherOrder)),
        ("failed", None, None),
        ("failed", Some(found("rejected")), None),
        ("failed", Some(found("held")), Some(Kind::StockHeldByEndedOrder)),
        ("cancelled", Some(unowned()), None),
        ("cancelled", Some(found("committed")), Some(Kind::StockHeldByEndedOrder)),
    ];
    for (state, found, expected) in cases {
        let lines = sqlx::types::Json(lines(&[("b", 2), ("a", 1), ("b", 3)]));
        let (state, reservation_id) = (state.to_owned(), Uuid::nil());
        let order = PlacedOrder { order_id: ORDER, reservation_id, state, version: 1, lines };
        assert_eq!(compare(&order, found.as_ref()), expected, "{order:?} {found:?}");
    }
}

#[test]
fn only_what_has_ended_is_final() {
    for state in ["pending", "reserving", "queued", "releasing", "parked", "of a newer version"] {
        assert!(!is_final(state), "{state}");
    }
}
