//! `valerix migrate`: both databases get the shape this binary knows. Safe to run at any time, also twice.

use anyhow::bail;

use crate::cli::DatabaseUrls;
use crate::databases::{self, INVENTORY, ORDERS};

pub(crate) async fn run(urls: &DatabaseUrls) -> anyhow::Result<()> {
    let Some(urls) = databases::given(urls)? else {
        bail!(
            "no database to migrate: set ORDER_DATABASE_URL and INVENTORY_DATABASE_URL, or run `valerix postgres` and \
             use the lines it prints"
        );
    };
    ORDERS.migrate_patiently(&urls.orders).await?;
    INVENTORY.migrate_patiently(&urls.inventory).await
}
