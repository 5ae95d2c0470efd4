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
