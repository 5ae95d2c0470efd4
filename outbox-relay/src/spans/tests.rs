use std::collections::HashSet;

use super::*;

#[test]
fn calls_of_one_order_and_of_its_neighbours_have_spans_of_their_own() {
    let orders =
        (0..100_u128).map(|n| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n));
    let ids: HashSet<u64> =
        orders.flat_map(|order| (0..100).map(move |version| span_id(order, version))).collect();
    assert_eq!(ids.len(), 10_000);
    assert!(!ids.contains(&0));
}
