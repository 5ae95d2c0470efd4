//! Storing updates of sagas: saga, journal row and outbox change of each, in one statement for a whole batch.

use saga::stored::{OutboxChange, SagaUpdate, StoredUpdate};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{FoundBy, SagaColumns};
use crate::saga_steps::{Phase, encode_detail};

/// Stores a batch of updates. An update is not in the answer where version or epoch were not the expected
/// ones any more: fenced, and nothing of it is written.
#[expect(clippy::too_many_lines, reason = "it is one statement and its twenty columns")]
pub async fn store_updates(
    connection: &mut PgConnection,
    updates: &[SagaUpdate],
) -> sqlx::Result<Vec<StoredUpdate>> {
    let columns: Vec<SagaColumns> =
        updates.iter().map(|update| SagaColumns::from(&update.saga)).collect();
    let order_ids: Vec<Uuid> = updates.iter().map(|update| update.order_id).collect();
    let expected_versions: Vec<i32> =
        updates.iter().map(|update| update.expected_version).collect();
    let expected_epochs: Vec<i64> = updates.iter().map(|update| update.expected_epoch).collect();
    let epochs: Vec<i64> = updates.iter().map(|update| update.epoch).collect();
    let states: Vec<&str> = columns.iter().map(|c| c.state.as_str()).collect();
    let steps: Vec<i16> = columns.iter().map(|c| c.step).collect();
    let attempts: Vec<i32> = columns.iter().map(|c| c.attempt).collect();
    let crashes: Vec<i16> = columns.iter().map(|c| c.crashes).collect();
    let in_doubt: Vec<bool> = columns.iter().map(|c| c.in_doubt).collect();
    let reasons: Vec<Option<&str>> = columns.iter().map(|c| c.reason.as_deref()).collect();
    let causes: Vec<Option<&str>> = columns.iter().map(|c| c.cause.as_deref()).collect();
    let reservations: Vec<Uuid> = columns.iter().map(|c| c.reservation_id).collect();
    let listed: Vec<Option<&str>> =
        updates.iter().map(|update| FoundBy::listed_state(update.saga.state.name())).collect();
    let phases: Vec<&str> = updates.iter().map(|update| Phase::of(&update.event).name()).collect();
    let events: Vec<&str> = updates.iter().map(|update| update.event.name()).collect();
    let details: Vec<Option<Json<serde_json::Value>>> =
        updates.iter().map(|update| encode_detail(&update.event).map(Json)).collect();
    let workers: Vec<Option<i64>> = updates.iter().map(|update| update.worker).collect();
    let took_ms: Vec<Option<i32>> = updates.iter().map(|update| update.took_ms).collect();
    let changes: Vec<&str> = updates.iter().map(|update| change_name(update.outbox)).collect();
    let amounts: Vec<i64> = updates.iter().map(|update| change_amount(update.outbox)).collect();
    sqlx::query_as!(
        StoredUpdate,
        r#"
        with input as (
            select *
            from unnest(
                $1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::smallint[],
                $7::int[], $8::smallint[], $9::bool[], $10::text[], $11::text[], $12::uuid[],
                $13::text[], $14::text[], $15::text[], $16::jsonb[], $17::bigint[], $18::int[],
                $19::text[], $20::bigint[]
            ) as t (
                order_id, expected_version, expected_epoch, epoch, state, step, attempt, crashes,
                in_doubt, reason, cause, reservation_id, listed_state, phase, event, detail,
                worker, took_ms, change, amount
            )
        ),
        moved as (
            update sagas
            set state = input.state, step = input.step, attempt = input.attempt,
                crashes = input.crashes, in_doubt = input.in_doubt, reason = input.reason,
                cause = input.cause, reservation_id = input.reservation_id,
                version = sagas.version + 1, epoch = input.epoch,
                listed_state = input.listed_state, updated_at = now(),
                deadline_at = case
                    when input.change = 'add' and sagas.deadline_at <= now()
                        then now() + input.amount * interval '1 millisecond'
                    else sagas.deadline_at
                end
            from input
            where sagas.order_id = input.order_id
                and sagas.version = input.expected_version
                and sagas.epoch = input.expected_epoch
            returning input.*, sagas.version, sagas.updated_at, sagas.deadline_at
        ),
        journal as (
            insert into saga_steps (
                order_id, seq, phase, event, detail, state, reason, step, attempt, epoch, worker,
                took_ms
            )
            select order_id, version, phase, event, detail, state, coalesce(reason, cause), step,
                attempt, epoch, worker, took_ms
            from moved
        ),
        removed as (
            delete from outbox
            using moved
            where outbox.order_id = moved.order_id and moved.change = 'remove'
        ),
        kept as (
            update outbox
            set owner = case when moved.change = 'own' then moved.amount end,
                run_at = case
                    when moved.change = 'own' then null
                    -- a deadline that is still to come must be seen when it passes
                    when moved.deadline_at > now() then least(
                        moved.deadline_at, now() + moved.amount * interval '1 millisecond'
                    )
                    else now() + moved.amount * interval '1 millisecond'
                end
            from moved
            where outbox.order_id = moved.order_id and moved.change in ('own', 'wait')
        ),
        added as (
            insert into outbox (order_id, run_at)
            select order_id, now() from moved where change = 'add'
        )
        select order_id as "order_id!", version, updated_at from moved
        "#,
        &order_ids,
        &expected_versions,
        &expected_epochs,
        &epochs,
        &states as _,
        &steps,
        &attempts,
        &crashes,
        &in_doubt,
        &reasons as _,
        &causes as _,
        &reservations,
        &listed as _,
        &phases as _,
        &events as _,
        &details as _,
        &workers as _,
        &took_ms as _,
        &changes as _,
        &amounts,
    )
    .fetch_all(connection)
    .await
}

fn change_name(change: OutboxChange) -> &'static str {
    match change {
        OutboxChange::Keep => "keep",
        OutboxChange::Own { .. } => "own",
        OutboxChange::Wait { .. } => "wait",
        OutboxChange::Remove => "remove",
        OutboxChange::Add { .. } => "add",
    }
}

fn change_amount(change: OutboxChange) -> i64 {
    match change {
        OutboxChange::Keep | OutboxChange::Remove => 0,
        OutboxChange::Own { relay } => relay,
        OutboxChange::Wait { delay_ms } => delay_ms,
        OutboxChange::Add { deadline_ms } => deadline_ms,
    }
}
