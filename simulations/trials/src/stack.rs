//! The whole product as real processes, on an embedded Postgres of its own.
//!
//! What a visitor runs is what is measured and crashed here: every service is the `valerix` binary
//! itself. Processes stand by name (`order-api-1`, `relay-2`), keep their addresses over restarts, and
//! write their logs into the stack's directory. Everything ends with the [`Stack`]. Start at
//! [`Stack::start`].

mod line;
mod options;
mod process;
#[cfg(test)]
pub(crate) mod questions;
mod spawner;
mod usage;

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use schema_embedded::{Durability, EmbeddedPostgres, Options};
use schema_pg::{Db, PoolConfig};
use tokio::task::spawn_blocking;

pub use line::{Line, Trouble};
pub use options::StackOptions;
pub(crate) use options::name_and_value;
pub use process::{Process, Signal};
pub use usage::{Usage, children_of, of_ended_children, of_machine, of_process, of_tree};

use process::Launch;
use spawner::Spawner;

const ORDERS: &str = "orders";
const INVENTORY: &str = "inventory";
/// Where the reference of a benchmark lives: the same server, none of our tables.
pub const REFERENCE: &str = "reference";
/// A service that is not ready by then has a fault.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a service gets to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// Which processes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `valerix up`: all services in one process.
    Together,
    /// One process for each service.
    Apart {
        /// Order services.
        order_apis: usize,
        /// Relays.
        relays: usize,
    },
}

#[derive(Debug, Clone)]
pub struct StackConfig {
    /// The `valerix` binary.
    pub binary: PathBuf,
    /// For data, sockets and logs.
    pub directory: PathBuf,
    /// Which processes there are.
    pub layout: Layout,
    /// Whose settings the Postgres server has.
    pub durability: Durability,
    /// Further settings of the Postgres server.
    pub postgres_settings: Vec<(String, String)>,
    /// Environment of the Postgres server.
    pub postgres_environment: Vec<(String, String)>,
    /// Environment of every service.
    pub environment: Vec<(String, String)>,
    /// Whether the services reach Postgres over a [`Line`].
    pub line: bool,
    /// Where the relays find inventory, and where it listens, where something stands between them.
    pub proxied_inventory: Option<(SocketAddr, SocketAddr)>,
    /// How often the server may die within a minute before it is given up.
    pub crashes_max: u32,
}

/// A running stack.
pub struct Stack {
    config: StackConfig,
    postgres: Arc<EmbeddedPostgres>,
    line: Option<Line>,
    spawner: Spawner,
    processes: Vec<Process>,
}

impl Stack {
    /// Starts the server, migrates both databases, and starts every service; returns when all are
    /// ready.
    pub async fn start(config: StackConfig) -> anyhow::Result<Self> {
        let mut options = Options::new(config.directory.join("postgres"));
        options.databases = [ORDERS, INVENTORY, REFERENCE].map(str::to_owned).to_vec();
        options.durability = config.durability;
        options.settings.clone_from(&config.postgres_settings);
        options.environment.clone_from(&config.postgres_environment);
        options.crashes_max = config.crashes_max;
        let postgres = spawn_blocking(move || EmbeddedPostgres::start(&options)).await??;
        let line = config.line.then(|| start_line(&config.directory, &postgres)).transpose()?;
        let mut stack = Self {
            config,
            postgres: Arc::new(postgres),
            line,
            spawner: Spawner::start()?,
            processes: vec![],
        };
        stack.migrate().await?;
        stack.start_services().await?;
        Ok(stack)
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        for (url, migrator) in [
            (self.orders_url(), &schema_orders::MIGRATOR),
            (self.inventory_url(), &schema_inventory::MIGRATOR),
        ] {
            let db = Db::connect(&PoolConfig::new(url, "valerix-stack")).await?;
            schema_pg::migrate(&db, migrator).await?;
            db.pool().close().await;
        }
        Ok(())
    }

    async fn start_services(&mut self) -> anyhow::Result<()> {
        match self.config.layout {
            Layout::Together => self.start_together().await,
            Layout::Apart { order_apis, relays } => {
                self.start_inventory_api().await?;
                for _ in 0..relays {
                    self.start_relay().await?;
                }
                for _ in 0..order_apis {
                    self.start_order_api().await?;
                }
                Ok(())
            }
        }
    }

    async fn start_together(&mut self) -> anyhow::Result<()> {
        let [orders, inventory, relay] = free_addresses()?;
        let mut arguments = vec!["up".to_owned()];
        for (option, value) in [
            ("--order-api-listen", orders),
            ("--inventory-api-listen", inventory),
            ("--relay-listen", relay),
        ] {
            arguments.extend([option.to_owned(), value.to_string()]);
        }
        self.launch("up", arguments, orders).await
    }

    async fn start_inventory_api(&mut self) -> anyhow::Result<()> {
        let [address] = match self.config.proxied_inventory {
            Some((_, behind)) => [behind],
            None => free_addresses()?,
        };
        let listen = ["--inventory-api-listen".to_owned(), address.to_string()];
        let arguments = [vec!["inventory-api".to_owned()], listen.to_vec()].concat();
        self.launch("inventory-api", arguments, address).await
    }

    /// One more order service; answers where it is.
    pub async fn start_order_api(&mut self) -> anyhow::Result<()> {
        let [address] = free_addresses()?;
        let name = self.next_name("order-api");
        let listen = ["--order-api-listen".to_owned(), address.to_string()];
        let arguments = [vec!["order-api".to_owned()], listen.to_vec()].concat();
        self.launch(&name, arguments, address).await
    }

    /// One more relay.
    pub async fn start_relay(&mut self) -> anyhow::Result<()> {
        let [address] = free_addresses()?;
        let name = self.next_name("relay");
        let listen = ["--relay-listen".to_owned(), address.to_string()];
        let arguments = [vec!["relay".to_owned()], listen.to_vec()].concat();
        self.launch(&name, arguments, address).await
    }

    async fn launch(
        &mut self,
        name: &str,
        arguments: Vec<String>,
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        let launch = Launch {
            name: name.to_owned(),
            binary: self.config.binary.clone(),
            arguments,
            environment: self.environment(),
            log: self.config.directory.join(format!("{name}.log")),
            address,
        };
        let mut process = Process::new(launch, self.spawner.clone());
        process.start().await?;
        process.wait_ready(READY_WITHIN).await?;
        self.processes.push(process);
        Ok(())
    }

    fn environment(&self) -> Vec<(String, String)> {
        let proxy = self.config.proxied_inventory.map(|(front, _)| front);
        let inventory = proxy.or_else(|| self.address("inventory-api"));
        let mut environment = vec![
            ("ORDER_DATABASE_URL".to_owned(), self.url_for_services(ORDERS)),
            ("INVENTORY_DATABASE_URL".to_owned(), self.url_for_services(INVENTORY)),
            ("RUST_LOG".to_owned(), "info".to_owned()),
            // The load comes from one caller.
            ("ORDER_API_RATE_PER_S".to_owned(), "0".to_owned()),
        ];
        if let Some(inventory) = inventory {
            environment.push(("INVENTORY_SERVICE_URL".to_owned(), format!("http://{inventory}")));
        }
        environment.extend(self.config.environment.iter().cloned());
        environment
    }

    fn next_name(&self, kind: &str) -> String {
        format!("{kind}-{}", self.named(kind).count() + 1)
    }

    /// Every process whose name begins so.
    pub fn named(&self, kind: &str) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(move |process| process.name().starts_with(kind))
    }

    /// All of them, in the order they were started.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// One of them, to start, stop or kill it.
    pub fn process_mut(&mut self, name: &str) -> anyhow::Result<&mut Process> {
        let found = self.processes.iter_mut().find(|process| process.name() == name);
        found.with_context(|| format!("there is no process named {name}"))
    }

    fn address(&self, name: &str) -> Option<SocketAddr> {
        self.processes.iter().find(|process| process.name() == name).map(Process::address)
    }

    /// Where orders are placed.
    pub fn order_addresses(&self) -> Vec<SocketAddr> {
        let takes_orders =
            |process: &&Process| process.name() == "up" || process.name().starts_with("order-api");
        self.processes.iter().filter(takes_orders).map(Process::address).collect()
    }

    /// The orders database.
    pub fn orders_url(&self) -> String {
        self.postgres.url(ORDERS)
    }

    /// The inventory database.
    pub fn inventory_url(&self) -> String {
        self.postgres.url(INVENTORY)
    }

    fn url_for_services(&self, database: &str) -> String {
        match &self.line {
            Some(line) => schema_embedded::url(line.directory(), database),
            None => self.postgres.url(database),
        }
    }

    /// The line between the services and the server, where there is one.
    pub fn line(&self) -> Option<&Line> {
        self.line.as_ref()
    }

    pub fn postgres(&self) -> &Arc<EmbeddedPostgres> {
        &self.postgres
    }

    /// Where everything is kept.
    pub fn directory(&self) -> &Path {
        &self.config.directory
    }

    /// Fails when a process has ended that nobody has stopped.
    pub fn check_all_running(&mut self) -> anyhow::Result<()> {
        self.check_others_running("")
    }

    /// The same, but for one that may end.
    pub fn check_others_running(&mut self, may_end: &str) -> anyhow::Result<()> {
        for process in self.processes.iter_mut().filter(|process| process.name() != may_end) {
            if let Some(status) = process.ended_unasked() {
                let (name, log) = (process.name(), process.log_tail());
                bail!("{name} ended by itself ({status}); the end of its log:\n{log}");
            }
        }
        Ok(())
    }

    /// Stops the services from above, then the server.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for process in self.processes.iter_mut().rev() {
            process.stop(STOP_WITHIN).await?;
        }
        let postgres = Arc::clone(&self.postgres);
        spawn_blocking(move || postgres.stop()).await?;
        Ok(())
    }
}

/// A directory for it that only we enter, since whoever reaches the socket is let in.
fn start_line(room: &Path, postgres: &EmbeddedPostgres) -> anyhow::Result<Line> {
    let directory = room.join("line");
    std::fs::create_dir(&directory)?;
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o700))?;
    Line::start(&directory, postgres.socket_directory()).context("the line cannot be laid")
}

/// `valerix up` on an embedded Postgres of its own, not started yet.
pub fn lone_up(binary: &Path, data_dir: &Path) -> anyhow::Result<Process> {
    let [orders, inventory, relay] = free_addresses()?;
    let mut arguments = vec!["up".to_owned()];
    for (option, value) in [
        ("--order-api-listen", orders.to_string()),
        ("--inventory-api-listen", inventory.to_string()),
        ("--relay-listen", relay.to_string()),
        ("--data-dir", data_dir.to_string_lossy().into_owned()),
    ] {
        arguments.extend([option.to_owned(), value]);
    }
    std::fs::create_dir_all(data_dir)?;
    let launch = Launch {
        name: "up".to_owned(),
        binary: binary.to_owned(),
        arguments,
        environment: vec![],
        log: data_dir.join("up.log"),
        address: orders,
    };
    Ok(Process::new(launch, Spawner::start()?))
}

/// Ports that nobody listens on now. Another process may take one meanwhile: then a service says so.
pub fn free_addresses<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let mut taken = Vec::with_capacity(N);
    for _ in 0..N {
        taken.push(TcpListener::bind(("127.0.0.1", 0))?);
    }
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for (address, listener) in addresses.iter_mut().zip(&taken) {
        *address = listener.local_addr()?;
    }
    Ok(addresses)
}
