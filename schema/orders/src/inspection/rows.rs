//! Sagas with what they are for, who holds them and when they are due.

use chrono::{DateTime, Utc};
use saga::stored::Line;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{STUCK_AFTER_S, SagaFilter};
use crate::sagas::SagaColumns;

/// A saga as staff looks at it.
#[derive(Debug, Clone)]
pub struct SagaRow {
    pub order_id: Uuid,
    pub tenant: String,
    /// What is ordered.
    pub lines: Vec<Line>,
    /// The client's own data.
    pub metadata: Option<serde_json::Value>,
    /// What the core decides on, readable or not.
    pub columns: SagaColumns,
    /// = seq of the newest step.
    pub version: i32,
    /// The fencing token.
    pub epoch: i64,
    /// When it gives up.
    pub deadline_at: DateTime<Utc>,
    /// When the order was acknowledged.
    pub created_at: DateTime<Utc>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
    /// The relay that holds it.
    pub holder: Option<Holder>,
    /// When it is due; `None`: at once, held, or never.
    pub run_at: Option<DateTime<Utc>>,
    /// Whether it has an automatic step left.
    pub is_on_work_list: bool,
    /// It needs somebody: parked, or overdue.
    pub is_stuck: bool,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// A relay that holds a saga.
#[derive(Debug, Clone)]
pub struct Holder {
    /// `relays.id`.
    pub id: i64,
    /// Host and process; `None`: it has been taken off the list.
    pub name: Option<String>,
    /// Seconds since its last sign of life.
    pub silent_s: Option<f64>,
}

pub async fn find_saga(
    connection: &mut PgConnection,
    order_id: Uuid,
) -> sqlx::Result<Option<SagaRow>> {
    let found = find_matching(connection, &[order_id], &SagaFilter::default(), 1).await?;
    Ok(found.into_iter().next())
}

/// Those of `ids` that match, newest first. The laterals keep the planner on the ids it was given,
/// whatever it thinks of the filter.
pub(super) async fn find_matching(
    connection: &mut PgConnection,
    ids: &[Uuid],
    filter: &SagaFilter,
    limit: usize,
) -> sqlx::Result<Vec<SagaRow>> {
    sqlx::query!(
        r#"
        select looked_at.id as "id!", placed.tenant, placed.lines as "lines: Json<Vec<Line>>",
            placed.metadata, placed.created_at, saga.state, saga.step, saga.attempt, saga.crashes,
            saga.in_doubt, saga.reason, saga.cause, saga.reservation_id, saga.version, saga.epoch,
            saga.deadline_at, saga.updated_at, message.order_id as "message_id?",
            message.run_at as "run_at?", message.owner as "owner?", member.name as "holder_name?",
            extract(epoch from now() - member.heartbeat_at)::float8 as "silent_s?",
            stuck.stuck as "stuck!", now() as "now!"
        from (
            select id from unnest($1::uuid[]) as wanted (id) order by id desc offset 0
        ) as looked_at
        cross join lateral (select * from sagas where order_id = looked_at.id offset 0) as saga
        cross join lateral (select * from orders where id = looked_at.id offset 0) as placed
        left join lateral (
            select * from outbox where order_id = looked_at.id offset 0
        ) as message on true
        left join lateral (select * from relays where id = message.owner offset 0) as member on true
        cross join lateral (
            select case
                when saga.state = 'parked' then true
                when saga.state in ('confirmed', 'failed', 'cancelled') then false
                -- unfinished and off the work list: nobody will ever move it
                when message.order_id is null then true
                when message.owner is null
                    then coalesce(message.run_at, saga.updated_at)
                        < now() - $10 * interval '1 second'
                else saga.updated_at < now() - $10 * interval '1 second'
            end as stuck
        ) as stuck
        where ($2::text is null or saga.state = $2)
            and ($3::text is null or coalesce(saga.reason, saga.cause) = $3)
            and ($4::bool is null or saga.in_doubt = $4)
            and ($5::bool is null or stuck.stuck = $5)
            and ($6::text is null
                or placed.lines @> jsonb_build_array(jsonb_build_object('item_id', $6::text)))
            and ($7::int is null or saga.attempt >= $7)
            and ($8::timestamptz is null or placed.created_at >= $8)
            and ($9::timestamptz is null or placed.created_at < $9)
            and ($11::timestamptz is null or saga.updated_at <= $11)
        order by looked_at.id desc
        limit $12
        "#,
        ids,
        filter.state.as_deref(),
        filter.reason.as_deref(),
        filter.in_doubt,
        filter.stuck,
        filter.item_id.as_deref(),
        filter.min_attempts,
        filter.created_after,
        filter.created_before,
        STUCK_AFTER_S,
        filter.unmoved_since,
        limit as i64,
    )
    .map(|row| SagaRow {
        order_id: row.id,
        tenant: row.tenant,
        lines: row.lines.0,
        metadata: row.metadata,
        columns: SagaColumns {
            state: row.state,
            step: row.step,
            attempt: row.attempt,
            crashes: row.crashes,
            in_doubt: row.in_doubt,
            reason: row.reason,
            cause: row.cause,
            reservation_id: row.reservation_id,
        },
        version: row.version,
        epoch: row.epoch,
        deadline_at: row.deadline_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
        holder: row.owner.map(|id| Holder { id, name: row.holder_name, silent_s: row.silent_s }),
        run_at: row.run_at,
        is_on_work_list: row.message_id.is_some(),
        is_stuck: row.stuck,
        now: row.now,
    })
    .fetch_all(connection)
    .await
}
