//! An order by its idempotency key, whoever sent it.

use sqlx::PgConnection;
use uuid::Uuid;

/// Tenants whose keys are looked at when none is named.
pub const TENANTS_MAX: i64 = 1_000;

/// The order that a tenant made with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedOrder {
    pub tenant: String,
    pub order_id: Uuid,
}

/// The orders made with this key. Keys belong to tenants, so their index is asked once per tenant: found
/// by leaping along it, up to [`TENANTS_MAX`] of them.
pub async fn find_by_key(
    connection: &mut PgConnection,
    tenant: Option<&str>,
    key: &str,
    limit: i64,
) -> sqlx::Result<Vec<KeyedOrder>> {
    sqlx::query_as!(
        KeyedOrder,
        r#"
        with recursive tenants as (
            (
                select tenant
                from idempotency_keys
                where $2::text is null or tenant = $2
                order by tenant
                limit 1
            )
            union all
            select (
                select idempotency_keys.tenant
                from idempotency_keys
                where idempotency_keys.tenant > tenants.tenant
                order by idempotency_keys.tenant
                limit 1
            )
            from tenants
            where tenant is not null and $2::text is null
        )
        select found.tenant, found.order_id
        from (select tenant from tenants where tenant is not null limit $3) as tenants
        cross join lateral (
            select tenant, order_id
            from idempotency_keys
            where idempotency_keys.tenant = tenants.tenant and key = $1
            offset 0
        ) as found
        limit $4
        "#,
        key,
        tenant,
        TENANTS_MAX,
        limit,
    )
    .fetch_all(connection)
    .await
}
