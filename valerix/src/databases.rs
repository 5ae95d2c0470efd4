//! Which databases are used. How one is opened stands in [`opening`].

pub(crate) mod opening;

use anyhow::bail;
use schema_pg::PoolConfig;
use sqlx::migrate::Migrator;

use crate::cli::{DatabaseUrls, Pool};

/// Where both databases are.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) orders: String,
    pub(crate) inventory: String,
}

/// One of the two databases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Database {
    pub(crate) name: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) migrator: &'static Migrator,
}

pub(crate) const ORDERS: Database =
    Database { name: "orders", variable: "ORDER_DATABASE_URL", migrator: &schema_orders::MIGRATOR };
pub(crate) const INVENTORY: Database = Database {
    name: "inventory",
    variable: "INVENTORY_DATABASE_URL",
    migrator: &schema_inventory::MIGRATOR,
};

/// The databases somebody else runs, if any were named. One without the other is a mistake.
pub(crate) fn given(urls: &DatabaseUrls) -> anyhow::Result<Option<Urls>> {
    match (filled(urls.orders.url.as_deref()), filled(urls.inventory.url.as_deref())) {
        (Some(orders), Some(inventory)) => Ok(Some(Urls { orders, inventory })),
        (None, None) => Ok(None),
        (Some(_), None) => bail!(one_alone(ORDERS, INVENTORY)),
        (None, Some(_)) => bail!(one_alone(INVENTORY, ORDERS)),
    }
}

impl Database {
    /// Its URL, which a service alone cannot do without.
    pub(crate) fn required(self, url: Option<&str>) -> anyhow::Result<String> {
        match filled(url) {
            Some(url) => Ok(url),
            None => bail!(
                "{} is not set: set it to a Postgres database, or run `valerix postgres` and use the line it prints",
                self.variable
            ),
        }
    }
}

impl Pool {
    /// How the service called `application` uses the database at `url`.
    pub(crate) fn at(self, url: &str, application: &'static str) -> PoolConfig {
        let mut config = PoolConfig::new(url, application);
        config.connections_max = self.connections_max;
        config
    }
}

/// A variable that is set to nothing is not set.
fn filled(url: Option<&str>) -> Option<String> {
    url.map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned)
}

fn one_alone(set: Database, missing: Database) -> String {
    let (set, missing) = (set.variable, missing.variable);
    format!("{set} is set but {missing} is not: set both, or neither for the embedded Postgres")
}

#[cfg(test)]
mod tests;
