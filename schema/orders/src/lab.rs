//! Finished orders by the million: the past that a benchmark needs. Never used on live data.
//!
//! What is written is what an order leaves behind that went straight through, so that every
//! consistency check is clean. The same numbers give the same ids here and in `schema_inventory::lab`.

use sqlx::PgConnection;

/// Writes orders number `first` to `last`, each confirmed: one per millisecond from `began_ms` (Unix).
pub async fn insert_finished_orders(
    connection: &mut PgConnection,
    began_ms: i64,
    first: i64,
    last: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        with number as (
            select lpad(to_hex($1 + n), 12, '0') || '7000' as head,
                lpad(to_hex(n), 15, '0') as tail,
                to_timestamp(($1 + n) / 1000.0) as at,
                'past-' || lpad((n % 1000)::text, 5, '0') as item_id,
                n
            from generate_series($2::bigint, $3::bigint) as n
        ),
        input as (
            select (head || '8' || tail)::uuid as id, (head || '9' || tail)::uuid as reservation_id,
                item_id, at, n
            from number
        ),
        new_orders as (
            insert into orders (id, tenant, key, lines, created_at)
            select id, 'past', 'past-' || n,
                jsonb_build_array(jsonb_build_object('item_id', item_id, 'quantity', 1)), at
            from input
        ),
        new_keys as (
            insert into idempotency_keys (tenant, key, fingerprint, order_id, created_at)
            select 'past', 'past-' || n, sha256(uuid_send(id)), id, at from input
        ),
        new_sagas as (
            insert into sagas (
                order_id, state, attempt, reservation_id, version, epoch, deadline_at, updated_at
            )
            select id, 'confirmed', 1, reservation_id, 3, 1, at + interval '1 day', at
            from input
        )
        insert into saga_steps (order_id, seq, phase, event, state, attempt, epoch, took_ms, at)
        select id, seq, phase, event, state, attempt, epoch, took_ms, at
        from input
        cross join (
            values (1, 'created', 'created', 'pending', 0, 0, null::int),
                (2, 'intent', 'claimed', 'reserving', 0, 1, null),
                (3, 'outcome', 'step_done', 'confirmed', 1, 1, 2)
        ) as journal (seq, phase, event, state, attempt, epoch, took_ms)
        order by n, seq
        "#,
        began_ms,
        first,
        last,
    )
    .execute(connection)
    .await?;
    Ok(())
}
