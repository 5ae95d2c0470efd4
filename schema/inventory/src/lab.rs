//! Stock and reservations by the million: what a benchmark needs. Never used on live data.
//!
//! Stock and ledger agree: every consistency check is clean afterwards.

use sqlx::PgConnection;

/// Makes `items` items named `item-00000` and so on, each with this much on hand.
pub async fn insert_stock(
    connection: &mut PgConnection,
    items: i64,
    on_hand: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"with input as (
               select 'item-' || lpad(n::text, 5, '0') as item_id
               from generate_series(0, $1::bigint - 1) as n
           ),
           made as (
               insert into stock (item_id, item_name, on_hand)
               select item_id, item_id, $2::bigint from input
               on conflict (item_id) do nothing
               returning item_id
           )
           insert into inventory_transactions (item_id, kind, on_hand_delta, reserved_delta)
           select item_id, 'opening', $2::bigint, 0 from made"#,
        items,
        on_hand,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the reservations of `schema_orders::lab`'s orders number `first` to `last`, held for good,
/// and puts in what they hold.
pub async fn insert_held_reservations(
    connection: &mut PgConnection,
    began_ms: i64,
    first: i64,
    last: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"with number as (
               select lpad(to_hex($1 + n), 12, '0') || '7000' as head,
                      lpad(to_hex(n), 15, '0') as tail,
                      to_timestamp(($1 + n) / 1000.0) as at,
                      'past-' || lpad((n % 1000)::text, 5, '0') as item_id
               from generate_series($2::bigint, $3::bigint) as n
           ),
           input as (
               select (head || '8' || tail)::uuid as order_id,
                      (head || '9' || tail)::uuid as reservation_id, item_id, at
               from number
           ),
           new_reservations as (
               insert into reservations (
                   reservation_id, order_id, state, max_epoch, fingerprint, created_at, updated_at
               )
               select reservation_id, order_id, 'held', 1, sha256(uuid_send(order_id)), at, at
               from input
           ),
           new_lines as (
               insert into reservation_lines (reservation_id, item_id, quantity)
               select reservation_id, item_id, 1 from input
           ),
           taken as (
               select item_id, count(*) as quantity from input group by item_id
           ),
           new_stock as (
               insert into stock (item_id, item_name, on_hand, reserved)
               select item_id, item_id, quantity, quantity from taken
               on conflict (item_id) do update
               set on_hand = stock.on_hand + excluded.on_hand,
                   reserved = stock.reserved + excluded.reserved
           )
           insert into inventory_transactions (
               item_id, reservation_id, kind, on_hand_delta, reserved_delta
           )
           select item_id, null, 'adjustment', quantity, 0 from taken
           union all
           select item_id, reservation_id, 'reserve', 0, 1 from input"#,
        began_ms,
        first,
        last,
    )
    .execute(connection)
    .await?;
    Ok(())
}
