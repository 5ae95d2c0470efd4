//! The whole system in one process: how it starts, and in which order it stops.

use anyhow::anyhow;
use tokio::sync::mpsc;

use super::endpoints::{Endpoints, Listeners};
use super::services::{Databases, Services};
use crate::cli::Up;
use crate::commands::postgres::Embedded;
use crate::databases::{self, Urls};
use crate::running::Ended;

/// Everything that runs.
pub(crate) struct System {
    pub(crate) endpoints: Endpoints,
    services: Services,
    embedded: Option<Embedded>,
    ended: mpsc::Receiver<anyhow::Error>,
}

impl System {
    /// Ports first: a port in use is told at once, before anything has been started.
    pub(crate) async fn start(up: Up) -> anyhow::Result<System> {
        let metrics = edge::install_prometheus()?;
        let listeners = Listeners::bind(&up).await?;
        let mut endpoints = listeners.endpoints()?;
        let (embedded, urls) = server(&up).await?;
        endpoints.directory = embedded.as_ref().map(|embedded| embedded.directory().to_owned());
        let databases = Databases::open(&up, &urls).await?;
        inventory_api::seed_demo_stock(&databases.inventory).await?;
        let (tell, ended) = Ended::new();
        let services = Services::start(up, listeners, databases, &metrics, &tell)?;
        Ok(System { endpoints, services, embedded, ended })
    }

    /// Resolves with the reason when something ended that should have gone on.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        let lost = async {
            match &mut self.embedded {
                Some(embedded) => embedded.lost().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            why = self.ended.recv() => why.unwrap_or_else(|| anyhow!("everything has ended")),
            why = lost => anyhow!("the embedded Postgres is gone: {why}"),
        }
    }

    /// Postgres last: until then everybody still finds it.
    pub(crate) async fn stop(self) {
        self.services.stop().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// The server the databases are on: one that was named, or our own.
async fn server(up: &Up) -> anyhow::Result<(Option<Embedded>, Urls)> {
    if let Some(urls) = databases::given(&up.databases)? {
        return Ok((None, urls));
    }
    let embedded = Embedded::start(&up.data_dir).await?;
    let urls = embedded.urls();
    Ok((Some(embedded), urls))
}
