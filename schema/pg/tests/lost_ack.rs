//! The acknowledged write that sqlx 0.9.0 loses, and that our pool does not.
//!
//! A caller is cancelled inside `begin` while the server's answer is on its way. The connection
//! goes back to the pool with a transaction that sqlx knows nothing of; the next autocommit write
//! on it is answered "ok", seen by nobody, and rolled back when the connection ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schema_pg::testing::{TestDb, fresh_database};
use schema_pg::{Db, PoolConfig};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

const ANSWER_DELAY_MS: u64 = 300;

#[tokio::test]
async fn a_plain_pool_loses_an_acknowledged_write() {
    let world = World::new().await;
    let pool = PgPoolOptions::new().max_connections(1).connect(&world.slow_url).await.expect("up");
    world.cancel_inside_begin(&pool).await;
    pool.execute("insert into acknowledged values (42)").await.expect("acknowledged");
    pool.close().await;
    assert_eq!(world.rows().await, 0, "sqlx has been mended: the guard can go");
}

#[tokio::test]
async fn our_pool_closes_the_connection_and_loses_nothing() {
    let world = World::new().await;
    let config = PoolConfig { connections_max: 1, ..PoolConfig::new(&world.slow_url, "test") };
    let db = Db::connect(&config).await.expect("up");
    world.cancel_inside_begin(db.pool()).await;
    insert(&db).await.expect("acknowledged");
    db.pool().close().await;
    assert_eq!(world.rows().await, 1);
}

#[tokio::test]
async fn a_cancelled_caller_does_not_cancel_the_work() {
    let world = World::new().await;
    let config = PoolConfig { connections_max: 1, ..PoolConfig::new(&world.slow_url, "test") };
    let db = Db::connect(&config).await.expect("up");
    world.delay_ms.store(ANSWER_DELAY_MS, Ordering::SeqCst);
    let cancelled = tokio::time::timeout(Duration::from_millis(ANSWER_DELAY_MS / 2), insert(&db));
    assert!(cancelled.await.is_err());
    while world.rows().await == 0 {
        tokio::task::yield_now().await;
    }
}

async fn insert(db: &Db) -> Result<(), sqlx::Error> {
    db.transaction(|connection| {
        Box::pin(async move {
            connection.execute("insert into acknowledged values (42)").await?;
            Ok(())
        })
    })
    .await
}

/// A database with one table, and a way to it on which answers can be held back.
struct World {
    database: TestDb,
    slow_url: String,
    delay_ms: Arc<AtomicU64>,
}

impl World {
    async fn new() -> Self {
        let database = fresh_database("empty", &Migrator::DEFAULT).await;
        database.db.pool().execute("create table acknowledged (id int)").await.expect("created");
        let options = database.db.pool().connect_options();
        let (port, delay_ms) = slow_proxy(Server::of(&options)).await;
        let name = options.get_database().expect("a database in the URL");
        let slow_url = format!("postgres://{}@127.0.0.1:{port}/{name}", options.get_username());
        Self { database, slow_url, delay_ms }
    }

    /// What a client that hangs up does to a handler that opens its own transaction.
    #[expect(clippy::disallowed_methods, reason = "this is the fault being shown")]
    async fn cancel_inside_begin(&self, pool: &PgPool) {
        self.delay_ms.store(ANSWER_DELAY_MS, Ordering::SeqCst);
        // A pool may ping on acquire, so wait until `begin` itself is on its way.
        let beginning = tokio::spawn({
            let pool = pool.clone();
            async move { pool.begin().await.map(drop) }
        });
        while self.sessions_in_transaction().await == 0 {
            tokio::task::yield_now().await;
        }
        beginning.abort();
        assert!(beginning.await.is_err_and(|e| e.is_cancelled()));
        self.delay_ms.store(0, Ordering::SeqCst);
    }

    async fn sessions_in_transaction(&self) -> i64 {
        let sql = "select count(*) from pg_stat_activity
                   where datname = current_database() and state like 'idle in transaction%'";
        sqlx::query_scalar(sql).fetch_one(self.database.db.pool()).await.expect("answers")
    }

    async fn rows(&self) -> i64 {
        let sql = "select count(*) from acknowledged";
        sqlx::query_scalar(sql).fetch_one(self.database.db.pool()).await.expect("answers")
    }
}

/// Where the test server listens.
#[derive(Clone)]
enum Server {
    Socket(PathBuf),
    Tcp(String),
}

impl Server {
    fn of(options: &PgConnectOptions) -> Self {
        match options.get_socket() {
            Some(path) => Self::Socket(path.join(format!(".s.PGSQL.{}", options.get_port()))),
            None => Self::Tcp(format!("{}:{}", options.get_host(), options.get_port())),
        }
    }
}

/// Forwards to the server, and holds its answers back by so many milliseconds.
async fn slow_proxy(server: Server) -> (u16, Arc<AtomicU64>) {
    let delay_ms = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let delay = delay_ms.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let delay = delay.clone();
            match &server {
                Server::Socket(path) => {
                    let server = UnixStream::connect(path).await.expect("the server is up");
                    tokio::spawn(forward(client, server, delay));
                }
                Server::Tcp(address) => {
                    let server = TcpStream::connect(address).await.expect("the server is up");
                    tokio::spawn(forward(client, server, delay));
                }
            }
        }
    });
    (port, delay_ms)
}

async fn forward<S>(client: TcpStream, server: S, delay_ms: Arc<AtomicU64>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut client_read, mut client_write) = client.into_split();
    let (mut server_read, mut server_write) = tokio::io::split(server);
    tokio::spawn(async move { tokio::io::copy(&mut client_read, &mut server_write).await });
    let mut buffer = vec![0; 65_536];
    while let Ok(n @ 1..) = server_read.read(&mut buffer).await {
        tokio::time::sleep(Duration::from_millis(delay_ms.load(Ordering::SeqCst))).await;
        if client_write.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
}
