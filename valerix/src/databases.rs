//! Which databases are used, and how a service opens its own.

use std::time::Duration;

use anyhow::bail;
use schema_pg::{ConnectError, Db, PoolConfig};
use tokio::time::{Instant, sleep};

use crate::cli::DatabaseUrls;

/// Between two tries to reach a server that is not there yet.
const RETRY_EVERY: Duration = Duration::from_millis(250);

/// Where both databases are.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) orders: String,
    pub(crate) inventory: String,
}

/// The databases somebody else runs, if any were named. One without the other is a mistake.
pub(crate) fn given(urls: &DatabaseUrls) -> anyhow::Result<Option<Urls>> {
    match (
        filled(urls.order_database_url.as_deref()),
        filled(urls.inventory_database_url.as_deref()),
    ) {
        (Some(orders), Some(inventory)) => Ok(Some(Urls { orders, inventory })),
        (None, None) => Ok(None),
        (Some(_), None) => bail!(one_alone("ORDER_DATABASE_URL", "INVENTORY_DATABASE_URL")),
        (None, Some(_)) => bail!(one_alone("INVENTORY_DATABASE_URL", "ORDER_DATABASE_URL")),
    }
}

/// Connects; waits up to `patience` for a server that does not answer yet, but for nothing else.
pub(crate) async fn connect(config: &PoolConfig, patience: Duration) -> Result<Db, ConnectError> {
    let began = Instant::now();
    let mut told = false;
    loop {
        match Db::connect(config).await {
            Err(error @ (ConnectError::Unreachable { .. } | ConnectError::NotReady { .. }))
                if began.elapsed() < patience =>
            {
                if !told {
                    tracing::warn!(
                        wait_s = patience.as_secs(),
                        "waiting for the database: {error}"
                    );
                    told = true;
                }
                sleep(RETRY_EVERY).await;
            }
            outcome => return outcome,
        }
    }
}

/// A variable that is set to nothing is not set.
fn filled(url: Option<&str>) -> Option<String> {
    url.map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned)
}

fn one_alone(set: &str, missing: &str) -> String {
    format!("{set} is set but {missing} is not: set both, or neither for the embedded Postgres")
}

#[cfg(test)]
mod tests;
