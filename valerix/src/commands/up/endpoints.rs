//! Where everything that `up` runs can be found.

use std::io;
use std::path::PathBuf;

use tokio::net::TcpListener;

use crate::cli::Up;
use crate::listening;

/// URLs, and where the data are.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) order_api: String,
    pub(crate) inventory_api: String,
    pub(crate) relay: String,
    /// Of the embedded Postgres, where there is one.
    pub(crate) directory: Option<PathBuf>,
}

pub(crate) struct Listeners {
    pub(crate) order_api: TcpListener,
    pub(crate) inventory_api: TcpListener,
    pub(crate) relay: TcpListener,
}

impl Listeners {
    pub(crate) async fn bind(up: &Up) -> anyhow::Result<Listeners> {
        Ok(Listeners {
            order_api: listening::bind(up.order_api.listen, "ORDER_API_LISTEN").await?,
            inventory_api: listening::bind(up.inventory_api.listen, "INVENTORY_API_LISTEN").await?,
            relay: listening::bind(up.relay_face.listen, "RELAY_LISTEN").await?,
        })
    }

    pub(crate) fn endpoints(&self) -> io::Result<Endpoints> {
        Ok(Endpoints {
            order_api: listening::url_of(&self.order_api)?,
            inventory_api: listening::url_of(&self.inventory_api)?,
            relay: listening::url_of(&self.relay)?,
            directory: None,
        })
    }
}
