//! Tables `bulk_actions` and `bulk_items`: one action on many sagas, worked off one by one at a pace.
//!
//! The selection is frozen with the versions it was made on. Whoever works on it locks the action's row, so
//! that several instances keep one pace together; what is done is marked in the transaction that does it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A bulk action to be written.
#[derive(Debug, Clone)]
pub struct NewBulk {
    /// A fresh UUIDv7.
    pub id: Uuid,
    pub actor: String,
    /// `retry`, `cancel` or `note`.
    pub kind: String,
    pub reason: String,
    /// The filter as it was asked for.
    pub filter: Value,
    pub as_of: DateTime<Utc>,
    /// Sagas, each with the version it was selected on.
    pub items: Vec<(Uuid, i32)>,
}

/// A bulk action as it is told.
#[derive(Debug, Clone)]
pub struct BulkRow {
    /// UUIDv7.
    pub id: Uuid,
    pub actor: String,
    /// `retry`, `cancel` or `note`.
    pub kind: String,
    pub reason: String,
    /// The filter as it was asked for.
    pub filter: Value,
    pub as_of: DateTime<Utc>,
    /// Items in all.
    pub total: i32,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the last item was done.
    pub finished_at: Option<DateTime<Utc>>,
    /// Items that were carried out.
    pub applied: i64,
    /// Items that the core refused.
    pub refused: i64,
    /// Items that had moved on since they were selected.
    pub moved: i64,
    /// Items that were not there any more.
    pub missing: i64,
}

/// One saga of a bulk action.
#[derive(Debug, Clone)]
pub struct ItemRow {
    /// Dense from 1.
    pub n: i32,
    pub order_id: Uuid,
    /// The version it was selected on.
    pub version: i32,
    /// `applied`, `refused`, `moved` or `missing`; `None`: still to do.
    pub result: Option<String>,
    pub detail: Option<String>,
    /// Its row in the audit log.
    pub action_id: Option<Uuid>,
    pub done_at: Option<DateTime<Utc>>,
    /// The saga as it stands now.
    pub state: Option<String>,
    /// Why it stands there.
    pub reason: Option<String>,
}

/// An item whose turn it is; its action is locked until the transaction ends.
#[derive(Debug, Clone)]
pub struct DueItem {
    /// The bulk action.
    pub bulk_id: Uuid,
    /// Who asked for it.
    pub actor: String,
    /// `retry`, `cancel` or `note`.
    pub kind: String,
    pub reason: String,
    /// Dense from 1.
    pub n: i32,
    pub order_id: Uuid,
    /// The version it was selected on.
    pub version: i32,
}

/// What became of an item.
#[derive(Debug, Clone)]
pub struct ItemDone {
    /// The bulk action.
    pub bulk_id: Uuid,
    /// Which of its items.
    pub n: i32,
    /// `applied`, `refused`, `moved` or `missing`.
    pub result: &'static str,
    pub detail: Option<String>,
    /// Its row in the audit log, where there is one.
    pub action_id: Option<Uuid>,
    /// Until the next item's turn, in milliseconds.
    pub pause_ms: i64,
}

/// Freezes a selection.
pub async fn insert_bulk(connection: &mut PgConnection, bulk: &NewBulk) -> sqlx::Result<()> {
    let (ids, versions): (Vec<Uuid>, Vec<i32>) = bulk.items.iter().copied().unzip();
    sqlx::query!(
        "with items as (
            insert into bulk_items (bulk_id, n, order_id, version)
            select $1, n, order_id, version
            from unnest($7::uuid[], $8::int[]) with ordinality as selected (order_id, version, n)
         )
         insert into bulk_actions (id, actor, kind, reason, filter, as_of, total, finished_at)
         values ($1, $2, $3, $4, $5, $6, cardinality($7), case cardinality($7) when 0 then now() end)",
        bulk.id,
        bulk.actor,
        bulk.kind,
        bulk.reason,
        bulk.filter,
        bulk.as_of,
        &ids,
        &versions,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One bulk action, with what has become of its items so far.
pub async fn find_bulk(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<BulkRow>> {
    sqlx::query_as!(
        BulkRow,
        r#"
        select id, actor, kind, reason, filter, as_of, total, created_at, finished_at,
            counted.applied as "applied!", counted.refused as "refused!",
            counted.moved as "moved!", counted.missing as "missing!"
        from bulk_actions
        cross join lateral (
            select count(*) filter (where result = 'applied') as applied,
                count(*) filter (where result = 'refused') as refused,
                count(*) filter (where result = 'moved') as moved,
                count(*) filter (where result = 'missing') as missing
            from bulk_items
            where bulk_id = bulk_actions.id
        ) as counted
        where id = $1
        "#,
        id,
    )
    .fetch_optional(connection)
    .await
}

/// Items after number `after`, each with where its saga stands now.
pub async fn list_items(
    connection: &mut PgConnection,
    bulk_id: Uuid,
    after: i32,
    limit: i64,
) -> sqlx::Result<Vec<ItemRow>> {
    sqlx::query_as!(
        ItemRow,
        r#"
        select item.n as "n!", item.order_id as "order_id!", item.version as "version!",
            item.result, item.detail, item.action_id, item.done_at, saga.state as "state?",
            coalesce(saga.reason, saga.cause) as reason
        from (
            select *
            from bulk_items
            where bulk_id = $1 and n > $2
            order by n
            limit $3
        ) as item
        left join lateral (
            select state, reason, cause from sagas where order_id = item.order_id offset 0
        ) as saga on true
        order by item.n
        "#,
        bulk_id,
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Milliseconds until an item's turn comes, 0 or less: it has come. `None`: nothing is to do.
pub async fn next_turn_ms(connection: &mut PgConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "select (extract(epoch from min(next_at) - now()) * 1000)::bigint
         from (
             -- a turn that is further away was set before the server's clock went back
             select case when next_at < now() + interval '1 minute' then next_at else now() end
             from bulk_actions
             where finished_at is null and kind in ('retry', 'cancel', 'note')
         ) as turn (next_at)",
    )
    .fetch_one(connection)
    .await
}

/// Locks the bulk action whose turn it is, and tells its next item. Two statements: what another
/// instance did just before it let go of the lock is seen only by one that begins under the lock.
pub async fn lock_due_item(connection: &mut PgConnection) -> sqlx::Result<Option<DueItem>> {
    let due = sqlx::query_scalar!(
        "select id
         from bulk_actions
         where finished_at is null
            and (next_at <= now() or next_at >= now() + interval '1 minute')
            -- another kind is a newer version's, which works it off
            and kind in ('retry', 'cancel', 'note')
         order by next_at
         limit 1
         for no key update skip locked",
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(bulk_id) = due else { return Ok(None) };
    sqlx::query_as!(
        DueItem,
        "select bulk_actions.id as bulk_id, actor, kind, reason, n, order_id, version
         from bulk_items
         join bulk_actions on bulk_actions.id = bulk_items.bulk_id
         where bulk_id = $1 and result is null
         order by n
         limit 1",
        bulk_id,
    )
    .fetch_optional(connection)
    .await
}

/// Marks an item as done, and the action with its last one.
pub async fn finish_item(connection: &mut PgConnection, done: &ItemDone) -> sqlx::Result<()> {
    sqlx::query!(
        "update bulk_items
         set result = $3, detail = $4, action_id = $5, done_at = now()
         where bulk_id = $1 and n = $2",
        done.bulk_id,
        done.n,
        done.result,
        done.detail,
        done.action_id,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update bulk_actions
         set next_at = now() + $2 * interval '1 millisecond',
            finished_at = case
                when not exists (select from bulk_items where bulk_id = $1 and result is null)
                    then now()
            end
         where id = $1",
        done.bulk_id,
        done.pause_ms as f64,
    )
    .execute(connection)
    .await?;
    Ok(())
}
