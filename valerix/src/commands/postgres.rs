//! The embedded Postgres: alone as a subcommand, or under everything else in `up`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use schema_embedded::{EmbeddedPostgres, Options};
use tokio::sync::oneshot;
use tokio::task;

use crate::cli::DataDir;
use crate::databases::{INVENTORY, ORDERS, Urls};
use crate::{output, shutdown};

/// A running embedded server with both databases.
pub(crate) struct Embedded {
    server: Arc<EmbeddedPostgres>,
    lost: oneshot::Receiver<String>,
}

/// `valerix postgres`: prints the URLs, then serves until it is told to stop.
pub(crate) async fn run(data_dir: &DataDir) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let Some(started) = stop.run_until_cancelled(Embedded::start(data_dir)).await else {
        return Ok(());
    };
    let mut embedded = started?;
    let urls = embedded.urls();
    let lines =
        format!("ORDER_DATABASE_URL={}\nINVENTORY_DATABASE_URL={}\n", urls.orders, urls.inventory);
    output::announce(&lines);
    let lost = stop.run_until_cancelled(embedded.lost()).await;
    embedded.stop().await;
    match lost {
        Some(why) => bail!("the embedded Postgres is gone: {why}"),
        None => Ok(()),
    }
}

impl Embedded {
    /// Starts the server below the data directory; creates the databases with a new cluster.
    pub(crate) async fn start(data_dir: &DataDir) -> anyhow::Result<Embedded> {
        let mut options = Options::new(data_dir.path.join("postgres"));
        tracing::info!("starting the embedded Postgres; the first time this takes a moment");
        options.databases = [ORDERS, INVENTORY].map(|database| database.name.to_owned()).to_vec();
        embedded_alone()?;
        let started = task::spawn_blocking(move || EmbeddedPostgres::start(&options)).await;
        let server = Arc::new(started.context("starting the embedded Postgres panicked")??);
        let (tell, lost) = oneshot::channel();
        // When nobody listens any more, everything is coming to its end anyway.
        server.when_lost(move |why| drop(tell.send(why)));
        Ok(Embedded { server, lost })
    }

    /// Where its data lie.
    pub(crate) fn directory(&self) -> &Path {
        self.server.directory()
    }

    pub(crate) fn urls(&self) -> Urls {
        Urls { orders: self.server.url(ORDERS.name), inventory: self.server.url(INVENTORY.name) }
    }

    /// Resolves with the reason when the server is gone and does not come back.
    pub(crate) async fn lost(&mut self) -> String {
        match (&mut self.lost).await {
            Ok(why) => why,
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends all sessions and flushes everything.
    pub(crate) async fn stop(self) {
        let server = self.server;
        if task::spawn_blocking(move || server.stop()).await.is_err() {
            tracing::error!("stopping the embedded Postgres panicked");
        }
    }
}

/// What the shell says for other servers must not change the sessions of our own.
pub(crate) fn embedded_alone() -> anyhow::Result<()> {
    if std::env::var_os("PGOPTIONS").is_some_and(|options| !options.is_empty()) {
        bail!(
            "PGOPTIONS is set in this shell, and would change every session of the embedded Postgres: unset it"
        );
    }
    Ok(())
}
