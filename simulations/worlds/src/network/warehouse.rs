//! Inventory's host: the product's whole service, over a ledger that outlives its crashes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use clap::Parser;
use edge::{Accept, ServeConfig};
use inventory_api::{Deps, InventoryApi, Ledger};
use schema_inventory::Command;
use schema_inventory::apply::Applied;
use schema_pg::{CommitUnknown, Db, DbError, PoolConfig};
use tokio_util::sync::CancellationToken;
use turmoil::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::memory::KnownBad;
use crate::memory::inventory::Inventory;

use crate::memory::dice::Stream;

pub(super) const PORT: u16 = 3002;

/// The inventory database. Cheap to clone.
#[derive(Clone)]
pub(super) struct Warehouse(Arc<Mutex<Inner>>);

struct Inner {
    inventory: Inventory,
    dice: Stream,
    faulty: bool,
}

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    config: inventory_api::Config,
}

/// Turmoil's listener, as the product's accept loop wants it.
struct Listener(TcpListener);

impl Accept for Listener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}

impl Warehouse {
    pub(super) fn new(seed: u64, stock: &[i64], known_bad: Option<KnownBad>) -> Warehouse {
        let inventory = Inventory::open(stock, known_bad);
        Warehouse(Arc::new(Mutex::new(Inner {
            inventory,
            dice: Stream::new(seed, 2),
            faulty: true,
        })))
    }

    /// One life of the service: until its host crashes.
    pub(super) async fn serve(self) -> turmoil::Result {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        let config = Defaults::parse_from(["inventory-api"]).config;
        // Nothing that is asked here reads it.
        let nowhere = PoolConfig::new("postgres://nobody@127.0.0.1:1/none", "simulation");
        let deps = Deps { db: Db::lazy(&nowhere)?, metrics: None };
        let api = InventoryApi::with_ledger(self.ledger(), config, deps);
        let serving = ServeConfig::default();
        edge::serve(Listener(listener), api.router(), serving, CancellationToken::new()).await;
        Ok(())
    }

    /// Looks at it, or changes it, outside of any service.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Inventory) -> T) -> T {
        look(&mut self.lock().inventory)
    }

    /// From here on every commit is answered.
    pub(super) fn heal(&self) {
        self.lock().faulty = false;
    }

    fn ledger(&self) -> Ledger {
        let warehouse = self.clone();
        Arc::new(move |commands| {
            let warehouse = warehouse.clone();
            Box::pin(async move { warehouse.write(&commands).await })
        })
    }

    async fn write(&self, commands: &[Command]) -> Result<Applied, DbError> {
        let takes = self.lock().dice.between(1, 15);
        tokio::time::sleep(Duration::from_millis(takes)).await;
        let mut inner = self.lock();
        if inner.faulty && inner.dice.percent(3) {
            return Err(DbError::Io(io::ErrorKind::ConnectionReset.into()));
        }
        let order_ids: Vec<Uuid> = commands.iter().map(order_of).collect();
        let answers = inner.inventory.execute(commands, &order_ids);
        if inner.faulty && inner.dice.percent(3) {
            return Err(DbError::AnyDriverError(Box::new(CommitUnknown(DbError::WorkerCrashed))));
        }
        Ok(Applied { answers, ..Applied::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

fn order_of(command: &Command) -> Uuid {
    match command {
        Command::Reserve(reserve) => reserve.order_id,
        Command::Release { order_id, .. } => order_id.expect("a relay says whose it is"),
        Command::Commit { .. } => unreachable!("a relay ships nothing"),
    }
}
