//! `valerix config check`: every setting and where it comes from, and whether what they name can be used.
//!
//! It changes nothing: no server is started, nothing is created or migrated.

use std::env;
use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use outbox_relay::inventory::Inventory;
use schema_embedded::Options;

use crate::cli::Up;
use crate::commands::postgres::embedded_alone;
use crate::databases::{self, Database, INVENTORY, ORDERS};
use crate::settings::{Origin, Settings};
use crate::{errors, output};

/// What one check came to: what is fine, or what to do.
type Found = anyhow::Result<String>;

pub(crate) async fn run(up: &Up, settings: &Settings) -> anyhow::Result<()> {
    let mut text = table(settings);
    text.push('\n');
    let mut failures = 0;
    for found in checks(up).await {
        let line = match found {
            Ok(fine) => format!("ok      {fine}"),
            Err(why) => {
                failures += 1;
                format!("FAILED  {}", errors::describe(&why))
            }
        };
        let _ = writeln!(text, "{line}");
    }
    output::print(&text);
    match failures {
        0 => Ok(()),
        1 => bail!("1 check failed"),
        _ => bail!("{failures} checks failed"),
    }
}

fn table(settings: &Settings) -> String {
    let width = settings.iter().map(|setting| setting.name.len()).max().unwrap_or(0);
    settings.iter().fold(String::new(), |mut text, setting| {
        let from = setting.from;
        let value = if from == Origin::Unset { "-" } else { &setting.value };
        let _ = writeln!(text, "{:width$}  {value}  ({from})", setting.name);
        text
    })
}

async fn checks(up: &Up) -> Vec<Found> {
    let mut found = vec![
        port("ORDER_API_LISTEN", up.order_api.listen).await,
        port("INVENTORY_API_LISTEN", up.inventory_api.listen).await,
        port("RELAY_LISTEN", up.relay_face.listen).await,
        inventory_url(up),
        heartbeat(up),
        retention(up),
    ];
    match databases::given(&up.databases) {
        Ok(Some(urls)) => {
            found.extend(shell_variables().map(Ok));
            found.push(database(ORDERS, &urls.orders, up).await);
            found.push(database(INVENTORY, &urls.inventory, up).await);
        }
        Ok(None) => found.push(embedded(up)),
        Err(why) => found.push(Err(why)),
    }
    found
}

async fn port(variable: &'static str, address: SocketAddr) -> Found {
    let listener = edge::bind(address, variable).await?;
    Ok(format!("{variable}: {} is free", listener.local_addr()?))
}

fn inventory_url(up: &Up) -> Found {
    Inventory::new(&up.relay)?;
    Ok("INVENTORY_SERVICE_URL can be called (nobody has been asked)".to_owned())
}

fn heartbeat(up: &Up) -> Found {
    up.relay.check()?;
    let (heartbeat, stale) = (up.relay.heartbeat_ms, up.relay.stale_ms);
    Ok(format!("a relay beats every {heartbeat} ms and counts as dead after {stale} ms of silence"))
}

fn retention(up: &Up) -> Found {
    super::up::retention::check(up)?;
    let (orders, inventory) = (up.relay.order_retention_days, up.inventory_api.retention_days);
    Ok(format!(
        "finished orders are kept for {orders} days, reservations for {inventory} (0: for ever)"
    ))
}

async fn database(database: Database, url: &str, up: &Up) -> Found {
    let config = up.pool.at(url, "valerix-config-check");
    let migrated = database.inspect(&config).await?;
    let state = if migrated { "up to date" } else { "to be migrated at the next start" };
    Ok(format!("{}: reachable, durable, {state}", database.variable))
}

/// libpq's variables that fill in what a database URL leaves out.
const READ_OF_THE_SHELL: [&str; 12] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGDATABASE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGOPTIONS",
];

/// Which of the shell's variables count besides the URLs, and which somebody may believe to count.
fn shell_variables() -> Option<String> {
    let set = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut set: Vec<String> = set.filter(|name| name.starts_with("PG")).collect();
    set.sort();
    let (read, unread): (Vec<_>, Vec<_>) =
        set.into_iter().partition(|name| READ_OF_THE_SHELL.contains(&name.as_str()));
    let mut parts = Vec::new();
    if !read.is_empty() {
        parts.push(format!("{} fill in what the URLs leave out", read.join(", ")));
    }
    if !unread.is_empty() {
        parts.push(format!("{} are not read", unread.join(", ")));
    }
    (!parts.is_empty()).then(|| format!("of this shell's variables {}", parts.join("; ")))
}

fn embedded(up: &Up) -> Found {
    embedded_alone()?;
    let options = Options::new(up.data_dir.path.join("postgres"));
    let server = schema_embedded::look(&options).context("the embedded Postgres")?;
    Ok(format!("no database URLs: the embedded Postgres is used, {server}"))
}
