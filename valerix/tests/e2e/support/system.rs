//! Systems of processes: everything in one, or each service apart.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use checker::Subject;
use tempfile::TempDir;

use super::process::run;
use super::{Api, Ended, Process, Signal, free_port};

/// The first start makes a new database.
const START_MAX: Duration = Duration::from_mins(1);
/// A breaker that opened is to try again within the time of a test.
const BREAKER_OPEN_MS: u32 = 500;

/// `valerix up` on its own ports and directory.
pub(crate) struct Up {
    directory: TempDir,
    settings: Vec<(&'static str, String)>,
    pub(crate) orders: Api,
    pub(crate) inventory: Api,
}

impl Up {
    pub(crate) fn new() -> Up {
        let directory = directory();
        let (orders, inventory, relay) = (free_port(), free_port(), free_port());
        let settings = vec![
            ("VALERIX_DATA_DIR", data_dir(&directory)),
            ("ORDER_API_LISTEN", format!("127.0.0.1:{orders}")),
            ("INVENTORY_API_LISTEN", format!("127.0.0.1:{inventory}")),
            ("RELAY_LISTEN", format!("127.0.0.1:{relay}")),
            ("BREAKER_OPEN_MS", BREAKER_OPEN_MS.to_string()),
        ];
        Up { directory, settings, orders: Api::at(orders), inventory: Api::at(inventory) }
    }

    /// Starts it as somebody does who has read nothing, and waits for its banner.
    pub(crate) fn start(&self) -> Process {
        let process = self.process(&[]);
        process.line(START_MAX, |line| line.contains("curl -i").then_some(()));
        process
    }

    /// Starts it with other outputs than those that are read here, and waits for nothing.
    pub(crate) fn start_with(&self, output: Stdio, errors: Stdio) -> Process {
        Process::start_with(self.directory.path(), &[], &self.settings, output, errors)
    }

    /// One of the commands that talk to it, as Zoe.
    pub(crate) fn client(&self, arguments: &[&str]) -> Ended {
        run(self.directory.path(), arguments, &self.client_settings())
    }

    /// The same with an output of one's own.
    pub(crate) fn start_client(&self, arguments: &[&str], output: Stdio) -> Process {
        let (directory, settings) = (self.directory.path(), self.client_settings());
        Process::start_with(directory, arguments, &settings, output, Stdio::piped())
    }

    fn client_settings(&self) -> [(&'static str, String); 3] {
        [
            ("VALERIX_URL", format!("http://{}", self.orders.address)),
            ("VALERIX_INVENTORY_URL", format!("http://{}", self.inventory.address)),
            ("VALERIX_ACTOR", "Zoe".to_owned()),
        ]
    }

    /// A file in its directory.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_string_lossy().into_owned()
    }

    /// Other settings than its own, or further ones.
    pub(crate) fn set(&mut self, settings: &[(&'static str, &str)]) {
        for &(name, value) in settings {
            self.settings.retain(|(known, _)| *known != name);
            self.settings.push((name, value.to_owned()));
        }
    }

    /// Whether it has a database server of its own.
    pub(crate) fn has_data(&self) -> bool {
        Path::new(&data_dir(&self.directory)).exists()
    }

    pub(crate) fn process(&self, arguments: &[&str]) -> Process {
        Process::start(self.directory.path(), arguments, &self.settings)
    }
}

/// Each service in a process of its own.
pub(crate) struct Apart {
    directory: TempDir,
    further: Vec<(&'static str, String)>,
    /// `None`: somebody else's.
    postgres: Option<Process>,
    pub(crate) subject: Subject,
    pub(crate) orders: Api,
    pub(crate) inventory: Api,
}

impl Apart {
    /// Starts the databases; the services are started one by one.
    pub(crate) fn new() -> Apart {
        let directory = directory();
        let postgres = Process::start(directory.path(), &["postgres"], &data_setting(&directory));
        let subject = subject(&postgres);
        let (orders, inventory) = (Api::at(free_port()), Api::at(free_port()));
        let postgres = Some(postgres);
        Apart { directory, further: Vec::new(), postgres, subject, orders, inventory }
    }

    /// The same on databases that are there already.
    pub(crate) fn on(subject: Subject) -> Apart {
        let (orders, inventory) = (Api::at(free_port()), Api::at(free_port()));
        let directory = directory();
        Apart { directory, further: Vec::new(), postgres: None, subject, orders, inventory }
    }

    /// One setting more for every service that starts from now on.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.further.push((name, value.to_owned()));
    }

    pub(crate) fn order_api(&self) -> Process {
        self.service("order-api", vec![("ORDER_API_LISTEN", self.orders.address.to_string())])
    }

    pub(crate) fn inventory_api(&self) -> Process {
        let listen = self.inventory.address.to_string();
        self.service("inventory-api", vec![("INVENTORY_API_LISTEN", listen)])
    }

    /// A command that looks at the databases and ends by itself; how it ended.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Option<i32> {
        self.tool_at(arguments, &self.subject.orders_url, &self.subject.inventory_url)
    }

    /// The same at other URLs of these databases.
    pub(crate) fn tool_at(&self, arguments: &[&str], orders: &str, inventory: &str) -> Option<i32> {
        let settings = [
            ("ORDER_DATABASE_URL", orders.to_owned()),
            ("INVENTORY_DATABASE_URL", inventory.to_owned()),
        ];
        Process::start(self.directory.path(), arguments, &settings).wait().code()
    }

    /// The same, and the gremlin may be switched on.
    pub(crate) fn inventory_api_with_gremlin(&self) -> Process {
        let listen = self.inventory.address.to_string();
        let settings =
            vec![("INVENTORY_API_LISTEN", listen), ("GREMLIN_ENABLED", "true".to_owned())];
        self.service("inventory-api", settings)
    }

    /// A relay and where its face is.
    pub(crate) fn relay(&self) -> (Process, Api) {
        let face = Api::at(free_port());
        (self.relay_at(&face), face)
    }

    /// A relay whose face is there.
    pub(crate) fn relay_at(&self, face: &Api) -> Process {
        let listen = face.address.to_string();
        let breaker = BREAKER_OPEN_MS.to_string();
        let settings = vec![("RELAY_LISTEN", listen), ("BREAKER_OPEN_MS", breaker)];
        self.service("relay", settings)
    }

    /// The process of the database server itself, as it is now.
    pub(crate) fn server_pid(&self) -> u32 {
        let file = Path::new(&data_dir(&self.directory)).join("postgres/data/postmaster.pid");
        let text = std::fs::read_to_string(&file).expect("a server runs there");
        text.lines().next().and_then(|line| line.parse().ok()).expect("its first line is the pid")
    }

    /// Stops the databases for a while.
    pub(crate) fn stop_databases(&mut self) {
        let postgres = self.postgres.as_mut().expect("it has a server of its own");
        postgres.signal(Signal::Interrupt);
        let status = postgres.wait();
        assert!(status.success(), "{status}\n{}", postgres.log());
    }

    /// They are where they were.
    pub(crate) fn start_databases(&mut self) {
        let settings = data_setting(&self.directory);
        let postgres = Process::start(self.directory.path(), &["postgres"], &settings);
        let found = subject(&postgres);
        self.postgres = Some(postgres);
        assert_eq!(found.orders_url, self.subject.orders_url);
    }

    /// Stops the databases for good.
    pub(crate) fn stop(mut self) {
        self.stop_databases();
    }

    fn service(&self, name: &str, mut settings: Vec<(&'static str, String)>) -> Process {
        settings.extend([
            ("ORDER_DATABASE_URL", self.subject.orders_url.clone()),
            ("INVENTORY_DATABASE_URL", self.subject.inventory_url.clone()),
            ("INVENTORY_SERVICE_URL", format!("http://{}", self.inventory.address)),
        ]);
        settings.extend(self.further.iter().cloned());
        let process = Process::start(self.directory.path(), &[name], &settings);
        process.line(START_MAX, |line| line.contains("listens on").then_some(()));
        process
    }
}

impl Up {
    /// Its databases, served without it; it must not run meanwhile.
    pub(crate) fn databases(&self) -> (Process, Subject) {
        let settings = data_setting(&self.directory);
        let postgres = Process::start(self.directory.path(), &["postgres"], &settings);
        let subject = subject(&postgres);
        (postgres, subject)
    }
}

/// What `valerix postgres` prints.
fn subject(postgres: &Process) -> Subject {
    let url = |variable: &str| {
        let prefix = format!("{variable}=");
        postgres.line(START_MAX, |line| line.strip_prefix(&prefix).map(str::to_owned))
    };
    Subject { orders_url: url("ORDER_DATABASE_URL"), inventory_url: url("INVENTORY_DATABASE_URL") }
}

/// A server that steps down from root must be able to pass through.
fn directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("valerix-e2e-")
        .permissions(Permissions::from_mode(0o711))
        .tempdir()
        .expect("a directory")
}

fn data_dir(directory: &TempDir) -> String {
    directory.path().join("data").to_string_lossy().into_owned()
}

fn data_setting(directory: &TempDir) -> [(&'static str, String); 1] {
    [("VALERIX_DATA_DIR", data_dir(directory))]
}
