//! Table `staff_actions`: who put what right, when and why. Written in the transaction of the action itself.
//!
//! A row is never changed. What truly came of an action is read from the journal, which goes on after it:
//! the first rest the saga came to once the action was stored.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// An action to be written.
#[derive(Debug, Clone)]
pub struct NewAction {
    /// A fresh UUIDv7.
    pub id: Uuid,
    /// The order it is about, where it is about one.
    pub order_id: Option<Uuid>,
    pub actor: String,
    /// `retry`, `cancel`, `resolve`, `note`, `bulk`, `breaker` or `reconcile`.
    pub kind: String,
    pub reason: String,
    /// What was found, for `resolve`.
    pub evidence: Option<String>,
    /// The bulk action it belongs to.
    pub bulk_id: Option<Uuid>,
    /// How things stood.
    pub before: Option<Value>,
    /// How they stand now.
    pub after: Option<Value>,
    /// The saga's version after the action.
    pub version: Option<i32>,
    /// What became of it at once.
    pub verdict: Verdict,
    /// Why it was refused.
    pub detail: Option<String>,
}

/// What became of an action at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was carried out.
    Applied,
    /// The core refused it; nothing else was written.
    Refused,
}

/// An action as it is told.
#[derive(Debug, Clone)]
pub struct ActionRow {
    /// UUIDv7.
    pub id: Uuid,
    /// The order it is about.
    pub order_id: Option<Uuid>,
    pub actor: String,
    pub kind: String,
    pub reason: String,
    /// What was found.
    pub evidence: Option<String>,
    /// The bulk action it belongs to.
    pub bulk_id: Option<Uuid>,
    /// How things stood.
    pub before: Option<Value>,
    /// How they stood then.
    pub after: Option<Value>,
    /// `applied` or `refused`.
    pub result: String,
    /// Why it was refused.
    pub detail: Option<String>,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
    /// What the saga came to after it: `None` for a note, a refusal, and while it is under way.
    pub outcome: Option<Outcome>,
}

/// Where a saga came to rest after an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `confirmed`, `failed`, `cancelled` or `parked`.
    pub state: String,
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
}

/// Which actions are listed. Empty fields narrow nothing.
#[derive(Debug, Clone, Default)]
pub struct ActionFilter {
    /// Only about this order.
    pub order_id: Option<Uuid>,
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this bulk action.
    pub bulk_id: Option<Uuid>,
}

/// Actions of a page, and where the next one starts.
#[derive(Debug, Clone)]
pub struct ActionPage {
    /// Newest first.
    pub actions: Vec<ActionRow>,
    /// The last action looked at; `None` at the end. It may be set on a page that is not full.
    pub next_before: Option<Uuid>,
}

/// Actions that one page looks at, at most.
const SCAN_MAX: i64 = 2_000;

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        }
    }
}

/// Writes actions; when, by the database's clock.
pub async fn insert_actions(
    connection: &mut PgConnection,
    actions: &[NewAction],
) -> sqlx::Result<DateTime<Utc>> {
    for action in actions {
        sqlx::query!(
            "insert into staff_actions (
                id, order_id, actor, kind, reason, evidence, bulk_id, before, after, version, result,
                detail
             )
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            action.id,
            action.order_id,
            action.actor,
            action.kind,
            action.reason,
            action.evidence,
            action.bulk_id,
            action.before,
            action.after,
            action.version,
            action.verdict.name(),
            action.detail,
        )
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query_scalar!(r#"select now() as "now!""#).fetch_one(connection).await
}

/// Newest first, starting below `before`.
pub async fn list_actions(
    connection: &mut PgConnection,
    filter: &ActionFilter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<ActionPage> {
    let before = before.unwrap_or(Uuid::max());
    let ids = match filter.order_id {
        Some(order_id) => ids_of_order(&mut *connection, order_id, before).await?,
        None => newest_ids(&mut *connection, before).await?,
    };
    let actions = find_actions(connection, &ids, filter, limit).await?;
    let next_before = if actions.len() as i64 == limit {
        actions.last().map(|action| action.id)
    } else if ids.len() as i64 == SCAN_MAX {
        ids.last().copied()
    } else {
        None
    };
    Ok(ActionPage { actions, next_before })
}

async fn newest_ids(connection: &mut PgConnection, before: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id from staff_actions where id < $1 order by id desc limit $2",
        before,
        SCAN_MAX,
    )
    .fetch_all(connection)
    .await
}

async fn ids_of_order(
    connection: &mut PgConnection,
    order_id: Uuid,
    before: Uuid,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id
         from staff_actions
         where order_id is not null and (order_id, id) >= ($1, $2) and (order_id, id) < ($1, $3)
         order by order_id desc, id desc
         limit $4",
        order_id,
        Uuid::nil(),
        before,
        SCAN_MAX,
    )
    .fetch_all(connection)
    .await
}

/// Those of `ids` that match, newest first, each with what came of it.
async fn find_actions(
    connection: &mut PgConnection,
    ids: &[Uuid],
    filter: &ActionFilter,
    limit: i64,
) -> sqlx::Result<Vec<ActionRow>> {
    sqlx::query!(
        r#"
        select matching.*, rest.state as "rest_state?", rest.reason as "rest_reason?",
            rest.at as "rest_at?"
        from (
            select action.*
            from (select id from unnest($1::uuid[]) as wanted (id) order by id desc offset 0)
                as looked_at
            cross join lateral (
                select * from staff_actions where id = looked_at.id offset 0
            ) as action
            where ($2::text is null or actor = $2)
                and ($3::text is null or kind = $3)
                and ($4::uuid is null or bulk_id = $4)
            order by looked_at.id desc
            limit $5
        ) as matching
        -- the first rest after it; a note moves nothing
        left join lateral (
            select state, reason, saga_steps.at
            from saga_steps
            where saga_steps.order_id = matching.order_id
                and seq >= matching.version
                and matching.result = 'applied'
                and matching.kind <> 'note'
                and state in ('confirmed', 'failed', 'cancelled', 'parked')
            order by saga_steps.order_id, seq
            limit 1
        ) as rest on true
        order by matching.id desc
        "#,
        ids,
        filter.actor.as_deref(),
        filter.kind.as_deref(),
        filter.bulk_id,
        limit,
    )
    .map(|row| ActionRow {
        id: row.id,
        order_id: row.order_id,
        actor: row.actor,
        kind: row.kind,
        reason: row.reason,
        evidence: row.evidence,
        bulk_id: row.bulk_id,
        before: row.before,
        after: row.after,
        result: row.result,
        detail: row.detail,
        at: row.at,
        outcome: row.rest_state.zip(row.rest_at).map(|(state, at)| Outcome {
            state,
            reason: row.rest_reason,
            at,
        }),
    })
    .fetch_all(connection)
    .await
}
