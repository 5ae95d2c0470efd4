//! The servers that teams have: settings of others, poolers, standbys, servers that stop taking writes.

use std::sync::OnceLock;

use failpoints::Site;
use schema_embedded::testing::TestServer;
use schema_pg::testing::{PgBouncer, PoolMode};
use schema_pg::{
    BoxFuture, Class, ConnectError, Db, PoolConfig, Unusable, check_suitability, classify,
    is_commit_unknown,
};
use sqlx::{Connection, Executor, PgConnection, Row};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Stock servers take a second to make: one that all use, each test in a database of its own.
fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start_stock().expect("a stock server can be started"))
}

async fn database(name: &'static str) -> String {
    let mut admin = admin(server()).await;
    admin
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}"))))
        .await
        .expect("new");
    server().url(name)
}

async fn admin(server: &TestServer) -> PgConnection {
    PgConnection::connect(&server.url("postgres")).await.expect("the test server answers")
}

fn config(url: &str) -> PoolConfig {
    PoolConfig { acquire_timeout_ms: 1_500, ..PoolConfig::new(url, "test") }
}

async fn setting(db: &Db, name: &'static str) -> String {
    let read: Result<String, sqlx::Error> = db
        .read(move |c| {
            Box::pin(async move {
                sqlx::query("select current_setting($1)").bind(name).fetch_one(c).await?.try_get(0)
            })
        })
        .await;
    read.expect("the test server answers")
}

async fn check_settings(db: &Db) {
    for (name, value) in [
        ("statement_timeout", "2s"),
        ("lock_timeout", "1s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_deferrable", "off"),
        ("jit", "off"),
    ] {
        assert_eq!(setting(db, name).await, value, "{name}");
    }
}

#[tokio::test]
async fn sessions_are_as_they_must_be_whatever_the_database_says() {
    let url = database("hostile").await;
    let hostile = "alter database hostile set statement_timeout = 0;
                   alter database hostile set lock_timeout = '10ms';
                   alter database hostile set default_transaction_isolation = serializable;
                   alter database hostile set default_transaction_deferrable = on;
                   alter database hostile set jit = on";
    sqlx::raw_sql(hostile).execute(&mut admin(server()).await).await.expect("altered");
    check_settings(&Db::connect(&config(&url)).await.expect("usable")).await;
}

#[tokio::test]
async fn sessions_are_as_they_must_be_through_a_session_pooler() {
    database("pooled").await;
    let bouncer = PgBouncer::start(server(), PoolMode::Session);
    let db =
        Db::connect(&config(&bouncer.url("pooled"))).await.expect("nothing has to be set in it");
    check_settings(&db).await;
}

#[tokio::test]
async fn a_transaction_pooler_is_refused() {
    database("shared").await;
    let bouncer = PgBouncer::start(server(), PoolMode::Transaction);
    let error = Db::connect(&config(&bouncer.url("shared"))).await.expect_err("refused");
    assert_eq!(error.unusable(), Some(Unusable::PooledByTransaction), "{error}");
    assert!(!error.is_passing(), "nobody waits for it");
    assert!(error.to_string().contains("pool_mode = session"), "{error}");
}

async fn write(db: &Db) -> Result<(), sqlx::Error> {
    db.transaction(|c| {
        Box::pin(async move { c.execute("insert into notes values (1)").await.map(drop) })
    })
    .await
}

/// A primary that was demoted, or whose disk is full: its old sessions must not be kept.
#[tokio::test]
async fn a_server_that_becomes_read_only_is_left_and_taken_again() {
    let own = TestServer::start_stock().expect("a server of its own");
    let mut admin = admin(&own).await;
    admin.execute("create table notes (n int)").await.expect("created");
    let db = Db::connect(&config(&own.url("postgres"))).await.expect("usable");
    write(&db).await.expect("written");

    admin.execute("alter system set default_transaction_read_only = on").await.expect("set");
    admin.execute("select pg_reload_conf()").await.expect("reloaded");
    let refused = loop {
        if let Err(error) = write(&db).await {
            break error;
        }
    };
    // By the statement, or before it, where the guard of the connection was faster.
    assert!(matches!(classify(&refused), Class::DropConnection | Class::Retry), "{refused}");
    let next = write(&db).await.expect_err("no session is opened there");
    assert_eq!(classify(&next), Class::Retry, "{next}");
    assert_eq!(db.unusable(), Some(Unusable::ReadOnly));
    match Db::connect(&config(&own.url("postgres"))).await {
        Err(error @ ConnectError::Unusable { why: Unusable::ReadOnly, .. }) => {
            assert!(error.is_passing());
        }
        other => panic!("must be refused: {other:?}"),
    }

    admin.execute("set default_transaction_read_only = off").await.expect("for this session");
    admin.execute("alter system reset default_transaction_read_only").await.expect("set");
    admin.execute("select pg_reload_conf()").await.expect("reloaded");
    while let Err(error) = write(&db).await {
        assert_ne!(classify(&error), Class::Bug, "{error}");
    }
    assert_eq!(db.unusable(), None);
}

#[tokio::test]
async fn of_several_addresses_the_one_that_takes_writes_is_used_and_found_again() {
    let (standby, primary) = (TestServer::start_standby().expect("it starts"), server());
    let url = database("orders").await;
    let error = Db::connect(&config(&standby.url("orders"))).await.expect_err("a standby");
    assert_eq!(error.unusable(), Some(Unusable::Standby), "{error}");
    assert!(error.is_passing(), "it may be promoted");

    let hosts = [standby.socket_directory(), primary.socket_directory()];
    let hosts = hosts.map(|host| host.display().to_string()).join(",");
    let both = format!(
        "postgres:///orders?user=postgres&port=5432&host={hosts}&target_session_attrs=read-write"
    );
    let db = Db::connect(&config(&both)).await.expect("one of them takes writes");
    // The server's list has its names in quotes.
    let listed = |server: &TestServer| format!("\"{}\"", server.socket_directory().display());
    assert_eq!(setting(&db, "unix_socket_directories").await, listed(primary));

    // The primary closes its doors, and the standby is promoted.
    let mut old = PgConnection::connect(&server().url("postgres")).await.expect("it answers");
    old.execute("alter database orders allow_connections false").await.expect("closed");
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'orders'";
    old.execute(end).await.expect("ended");
    let mut new = PgConnection::connect(&standby.url("postgres")).await.expect("it answers");
    new.execute("select pg_promote()").await.expect("promoted");
    drop(url);
    let found: Result<String, sqlx::Error> = db
        .read(|c| {
            Box::pin(async move { c.fetch_one("show unix_socket_directories").await?.try_get(0) })
        })
        .await;
    assert_eq!(found.expect("found at once"), listed(&standby));
}

#[tokio::test]
async fn a_database_that_cannot_keep_every_text_or_has_no_place_for_tables_is_refused() {
    let mut admin = admin(server()).await;
    let made =
        "create database ascii encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0";
    admin.execute(made).await.expect("created");
    let url = database("nowhere").await;
    admin.execute("alter database nowhere set search_path = missing").await.expect("altered");
    let complaint = async |url: &str| {
        let db = Db::connect(&config(url)).await.expect("usable");
        check_suitability(&db).await.expect_err("refused").to_string()
    };
    assert!(complaint(&server().url("ascii")).await.contains("encoding SQL_ASCII"));
    assert!(complaint(&url).await.contains("search_path (missing) leads to no schema"));
}

/// As an operator "helps" commits that wait for a standby that is gone: Postgres answers success, and warns.
#[tokio::test]
async fn a_commit_whose_wait_for_a_standby_was_cancelled_is_not_known_to_be_committed() {
    let server = TestServer::start_stock().expect("a stock server can be started");
    let _heard = tracing_subscriber::registry().with(schema_pg::watch_commits()).set_default();
    let db = Db::connect(&config(&server.url("postgres"))).await.expect("up");
    let mut admin = admin(&server).await;
    admin.execute("set synchronous_commit = local").await.expect("set");
    admin.execute("create table taken (id int)").await.expect("created");
    await_standby(&db).await.expect("there is none to wait for");
    for setting in ["set synchronous_standby_names = 'ghost'", "set log_min_messages = fatal"] {
        admin.execute(sqlx::AssertSqlSafe(format!("alter system {setting}"))).await.expect("set");
    }
    admin.execute("select pg_reload_conf()").await.expect("reloaded");
    while setting(&db, "synchronous_standby_names").await != "ghost" {
        tokio::task::yield_now().await;
    }

    let pinned = db.dedicated();
    let ended = [
        cancelled(&mut admin, db.transaction(insert)).await,
        cancelled(&mut admin, db.write_one(Site::InsertOrders, insert)).await,
        cancelled(&mut admin, pinned.write_one(Site::InsertOrders, insert)).await,
        cancelled(&mut admin, pinned.write(Site::InsertOrders, insert)).await,
        cancelled(&mut admin, await_standby(&db)).await,
    ];
    for (nth, ended) in ended.iter().enumerate() {
        assert!(ended.as_ref().is_err_and(is_commit_unknown), "{nth}: {ended:?}");
    }
    let rows = admin.fetch_one("select count(*) from taken").await.expect("read");
    assert_eq!(rows.get::<i64, _>(0), 4, "on this server they are there");
}

fn insert(connection: &mut PgConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
    Box::pin(async move { connection.execute("insert into taken values (1)").await.map(|_| ()) })
}

async fn await_standby(db: &Db) -> Result<(), sqlx::Error> {
    db.read(|connection| Box::pin(schema_pg::await_standby(connection))).await
}

/// What comes of `work` when whatever waits for a standby is cancelled.
async fn cancelled(
    admin: &mut PgConnection,
    work: impl Future<Output = Result<(), sqlx::Error>>,
) -> Result<(), sqlx::Error> {
    let cancel = async {
        loop {
            let waiting =
                "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
            admin.execute(waiting).await.expect("asked");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = work => ended,
        never = cancel => never,
    }
}

/// A standby that stays away: the server goes on waiting for it though nobody waits for the server any more.
#[tokio::test]
async fn sessions_that_were_given_up_do_not_gather_at_the_server() {
    const AT_ONCE: u32 = 4;
    let server = TestServer::start_stock().expect("a stock server can be started");
    let db = Db::connect(&config(&server.url("postgres"))).await.expect("up");
    let mut admin = admin(&server).await;
    admin.execute("set synchronous_commit = local").await.expect("set");
    admin.execute("create table taken (id int)").await.expect("created");
    admin.execute("alter system set synchronous_standby_names = 'ghost'").await.expect("set");
    admin.execute("select pg_reload_conf()").await.expect("reloaded");
    while setting(&db, "synchronous_standby_names").await != "ghost" {
        tokio::task::yield_now().await;
    }
    let waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    for round in 0..2 {
        let writes = (0..AT_ONCE).map(|_| db.transaction(insert));
        for ended in futures_util::future::join_all(writes).await {
            assert!(ended.as_ref().is_err_and(is_commit_unknown), "{round}: {ended:?}");
        }
    }
    let began = std::time::Instant::now();
    loop {
        let left: i64 = admin.fetch_one(waiting).await.expect("read").get(0);
        if left == 0 {
            break;
        }
        assert!(left <= i64::from(AT_ONCE), "they gather: {left}");
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{left} are left");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
