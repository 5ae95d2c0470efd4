//! The rows that `reconcile` writes into `staff_actions`.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// What `reconcile` put right, or could not.
#[derive(Debug, Clone)]
pub struct ReconcileAction {
    /// A fresh UUIDv7.
    pub id: Uuid,
    /// Whose stock; `None`: an item's.
    pub order_id: Option<Uuid>,
    /// Who asked for it.
    pub actor: String,
    pub reason: String,
    pub before: Value,
    /// As it stands.
    pub after: Value,
    /// What was wrong.
    pub detail: String,
}

/// Differences that somebody has accepted, with the reservation each is about: they are told no more.
pub async fn find_accepted(connection: &mut PgConnection) -> sqlx::Result<Vec<(Uuid, String)>> {
    let rows = sqlx::query!(
        r#"
        select distinct (after->>'reservation_id')::uuid as "reservation_id!",
            after->>'accepted' as "drift!"
        from staff_actions
        where kind = 'reconcile' and after->>'accepted' is not null
            and after->>'reservation_id' is not null
        "#
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.reservation_id, row.drift)).collect())
}

/// Writes one repair into the audit log.
pub async fn insert_reconcile_action(
    connection: &mut PgConnection,
    action: &ReconcileAction,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into staff_actions
             (id, order_id, actor, kind, reason, before, after, result, detail)
         values ($1, $2, $3, 'reconcile', $4, $5, $6, 'applied', $7)",
        action.id,
        action.order_id,
        action.actor,
        action.reason,
        action.before,
        action.after,
        action.detail,
    )
    .execute(connection)
    .await?;
    Ok(())
}
