//! What `Db` promises, against a real Postgres.

use schema_pg::testing::{TestDb, fresh_database};
use schema_pg::{
    Db, DurabilityError, PoolConfig, check_durability, is_commit_unknown, is_migrated,
};
use sqlx::migrate::Migrator;
use sqlx::{Executor, PgConnection};

async fn database() -> TestDb {
    let database = fresh_database("empty", &Migrator::DEFAULT).await;
    database.db.pool().execute("create table notes (id int primary key)").await.expect("created");
    database
}

async fn write(connection: &mut PgConnection, id: i32) -> Result<(), sqlx::Error> {
    sqlx::query("insert into notes values ($1)").bind(id).execute(connection).await.map(drop)
}

async fn count(db: &Db) -> i64 {
    sqlx::query_scalar("select count(*) from notes").fetch_one(db.pool()).await.expect("answers")
}

async fn kill_all_sessions(db: &Db) {
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()";
    db.pool().execute(sql).await.expect("killed");
}

#[tokio::test]
async fn commits_what_ends_well_and_rolls_back_what_does_not() {
    let TestDb { db, .. } = &database().await;
    let done: Result<(), sqlx::Error> = db.transaction(|c| Box::pin(write(c, 1))).await;
    done.expect("committed");
    let failed: Result<(), sqlx::Error> = db
        .transaction(|c| {
            Box::pin(async move {
                write(c, 2).await?;
                write(c, 1).await
            })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(count(db).await, 1);
}

#[tokio::test]
async fn a_panic_rolls_back_and_continues_in_the_caller() {
    let TestDb { db, .. } = &database().await;
    let work = db.clone();
    let caller = tokio::spawn(async move {
        work.transaction::<(), sqlx::Error, _>(|c| {
            Box::pin(async move {
                write(c, 1).await?;
                panic!("planted")
            })
        })
        .await
    });
    assert!(caller.await.expect_err("panicked").is_panic());
    assert_eq!(count(db).await, 0);
}

#[tokio::test]
async fn a_pool_survives_the_loss_of_every_connection() {
    let database = database().await;
    let other = Db::connect(&PoolConfig::new(&database.url, "test")).await.expect("up");
    let work = |id| other.transaction(move |c| Box::pin(write(c, id)));
    let (a, b, c) = tokio::join!(work(1), work(2), work(3));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    kill_all_sessions(&database.db).await;
    work(4).await.expect("a fresh connection is opened");
    kill_all_sessions(&database.db).await;
    let seen: Result<(), sqlx::Error> = other.read(|c| Box::pin(write(c, 5))).await;
    seen.expect("a fresh connection is opened");
    assert_eq!(count(&database.db).await, 5);
}

#[tokio::test]
async fn a_commit_without_an_answer_is_told_from_a_rollback() {
    let database = database().await;
    // A deferred check that ends its own session: the server falls silent inside COMMIT.
    let sql = "create function fall_silent() returns trigger language plpgsql as
                   'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
               create constraint trigger silent after insert on notes
                   deferrable initially deferred for each row execute function fall_silent()";
    sqlx::raw_sql(sql).execute(database.db.pool()).await.expect("planted");
    let lost: Result<(), sqlx::Error> = database.db.transaction(|c| Box::pin(write(c, 1))).await;
    assert!(is_commit_unknown(&lost.expect_err("no answer")));
    let refused: Result<(), sqlx::Error> = database
        .db
        .transaction(|c| Box::pin(async move { c.execute("nonsense").await.map(drop) }))
        .await;
    assert!(!is_commit_unknown(&refused.expect_err("refused")));
}

#[tokio::test]
async fn a_statement_is_cut_off_at_its_limit() {
    let database = database().await;
    let config = PoolConfig { statement_timeout_ms: 50, ..PoolConfig::new(&database.url, "test") };
    let db = Db::connect(&config).await.expect("up");
    let slow: Result<(), sqlx::Error> = db
        .read(|c| Box::pin(async move { c.execute("select pg_sleep(10)").await.map(drop) }))
        .await;
    assert_eq!(schema_pg::classify(&slow.expect_err("cut off")), schema_pg::Class::Retry);
}

#[tokio::test]
async fn refuses_a_server_that_forgets() {
    let database = database().await;
    let separator = if database.url.contains('?') { '&' } else { '?' };
    let forgetful = format!("{}{separator}options=-csynchronous_commit%3Doff", database.url);
    let db = Db::connect(&PoolConfig::new(forgetful, "test")).await.expect("up");
    match check_durability(&db).await {
        Err(DurabilityError::Unsafe { value, .. }) => assert_eq!(value, "off"),
        other => panic!("must be refused: {other:?}"),
    }
}

#[tokio::test]
async fn an_empty_database_is_one_that_is_not_migrated() {
    static NOTHING: Migrator = Migrator::DEFAULT;
    let TestDb { db, .. } = &database().await;
    db.pool().execute("drop table _sqlx_migrations").await.expect("dropped");
    assert!(!is_migrated(db, &NOTHING).await.expect("no error"));
}
