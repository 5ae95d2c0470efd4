//! A database per test: one embedded server per test process, migrated once into a template, which
//! is copied in some 50 ms.
//!
//! [`stock_database`] stands on a server on which nothing is set: what our own server sets for itself is not there.
//!
//! `VALERIX_TEST_SERVER=stock` makes such a server everybody's. `VALERIX_TEST_DATABASE_URL` names a running server to use instead (its login must be allowed to
//! create databases).

mod compiled;
mod pgbouncer;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use schema_embedded::testing::TestServer;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

pub use compiled::{compiled_statements, warn_unless_stock_server_compiles};
pub use pgbouncer::{PgBouncer, PoolMode};

use crate::{Db, PoolConfig, migrate};

/// A migrated database that belongs to one test. Dropped with it.
pub struct TestDb {
    /// For a process under test, or a second pool.
    pub url: String,
    /// A pool with the house's defaults.
    pub db: Db,
    name: String,
    server: Server,
}

/// The URL of a database on one of the servers that tests use.
type Server = fn(&str) -> String;

/// A fresh copy of the database `migrator` makes. `template_name` is a plain lowercase name.
pub async fn fresh_database(template_name: &str, migrator: &Migrator) -> TestDb {
    database_on(server_url, template_name, migrator).await
}

/// The same on a server as `initdb` leaves it, whichever server the other tests use.
pub async fn stock_database(template_name: &str, migrator: &Migrator) -> TestDb {
    database_on(stock_server_url, template_name, migrator).await
}

async fn database_on(server: Server, template_name: &str, migrator: &Migrator) -> TestDb {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let template = ensure_template(server, template_name, migrator).await;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{template_name}_{}_{number}", std::process::id());
    let mut admin = admin(server).await;
    run(&mut admin, format!("drop database if exists {name} with (force)")).await;
    run(&mut admin, format!("create database {name} template {template}")).await;
    let url = server(&name);
    let db = Db::connect(&PoolConfig::new(&url, "test")).await.expect("the test database is there");
    TestDb { url, db, name, server }
}

/// The URL of a database on the test server. Starts the server when it is the first to ask.
pub fn server_url(database: &str) -> String {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    if let Ok(server) = std::env::var("VALERIX_TEST_DATABASE_URL") {
        let (base, _) = server.rsplit_once('/').expect("the URL names a database");
        return format!("{base}/{database}");
    }
    SERVER.get_or_init(|| TestServer::start().expect("a test server can be started")).url(database)
}

/// The URL of a database on the stock server. Starts it when it is the first to ask.
pub fn stock_server_url(database: &str) -> String {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    let start = || TestServer::start_stock().expect("a stock server can be started");
    SERVER.get_or_init(start).url(database)
}

impl TestDb {
    /// Does to it what no service would.
    pub async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(self.db.pool()).await.expect("the test server carries it out");
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let drop_it = format!("drop database if exists {} with (force)", self.name);
        let server = self.server;
        // A runtime cannot be entered from within another: a thread of its own does it.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime for one statement");
            runtime.block_on(async { run(&mut admin(server).await, drop_it).await });
        });
        // A database that is left over harms nobody.
        let _ = dropping.join();
    }
}

/// The template is named after the migrations' checksums: a changed migration makes a new one.
async fn ensure_template(server: Server, name: &str, migrator: &Migrator) -> String {
    let mut hasher = DefaultHasher::new();
    for migration in migrator.iter() {
        migration.checksum.hash(&mut hasher);
    }
    let template = format!("template_{name}_{:016x}", hasher.finish());
    let mut admin = admin(server).await;
    // Concurrent tests wait here for the first of them. The lock ends with the session.
    run(&mut admin, "select pg_advisory_lock(7203)".to_owned()).await;
    let there = sqlx::query("select exists (select from pg_database where datname = $1)")
        .bind(&template)
        .fetch_one(&mut admin)
        .await
        .expect("the test server answers")
        .get::<bool, _>(0);
    if !there {
        let building = format!("{template}_building");
        run(&mut admin, format!("drop database if exists {building} with (force)")).await;
        run(&mut admin, format!("create database {building}")).await;
        let config = PoolConfig::new(server(&building), "test-template");
        let db = Db::connect(&config).await.expect("the template can be opened");
        migrate(&db, migrator).await.expect("the migrations apply to an empty database");
        db.pool().close().await;
        run(&mut admin, format!("alter database {building} rename to {template}")).await;
    }
    admin.close().await.expect("the lock is given back");
    template
}

async fn admin(server: Server) -> PgConnection {
    PgConnection::connect(&server("postgres")).await.expect("the test server answers")
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql.as_str())).await.expect(&sql);
}
