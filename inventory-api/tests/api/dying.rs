//! The service on a real socket, and as a process of its own that really dies.

use std::process::Stdio;
use std::time::Duration;

use inventory_api::{Config, Deps};
use schema_pg::{Db, PoolConfig};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{World, defaults, reserve_body};

/// Names the database, and makes this test serve instead.
const SERVE: &str = "INVENTORY_API_TEST_SERVES";
const TEST: &str = "dying::the_process_dies_after_its_commit_and_before_its_answer";
const READY: &str = "serving on ";
const PATIENCE: Duration = Duration::from_secs(30);

#[expect(clippy::print_stdout, reason = "the parent reads the address")]
async fn serve(url: &str) {
    let config = Config { gremlin_enabled: Some(true), ..defaults() };
    let db = Db::connect(&PoolConfig::new(url, "test-child")).await.expect("the parent's database");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{READY}{}", listener.local_addr().expect("an address"));
    let deps = Deps { db, metrics: None };
    inventory_api::serve(config, deps, listener, CancellationToken::new()).await;
}

/// This very test in a process of its own, serving; and its address.
async fn spawn(url: &str) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env(SERVE, url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let ready = async {
        loop {
            let line = lines.next_line().await.expect("readable").expect("it says where it serves");
            if let Some((_, address)) = line.split_once(READY) {
                return address.to_owned();
            }
        }
    };
    let address = tokio::time::timeout(PATIENCE, ready).await.expect("it serves in time");
    (child, format!("http://{address}"))
}

async fn put(base: &str, id: Uuid) -> Result<u16, reqwest::Error> {
    let response = client()
        .put(format!("{base}/api/inventory/reservations/{id}"))
        .header("saga-epoch", 1)
        .json(&reserve_body(id, &[("ps5", 1)]))
        .send()
        .await?;
    Ok(response.status().as_u16())
}

async fn switch_on(base: &str, settings: serde_json::Value) {
    let sending = client().post(format!("{base}/api/admin/chaos")).json(&settings).send();
    assert_eq!(sending.await.expect("an answer").status().as_u16(), 200);
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client")
}

#[tokio::test]
async fn the_process_dies_after_its_commit_and_before_its_answer() {
    if let Ok(url) = std::env::var(SERVE) {
        return serve(&url).await;
    }
    let world = World::with_stock(&[("ps5", 10)]).await;
    let (mut child, base) = spawn(&world.database.url).await;
    // every second call: the first goes through
    let settings = json!({"partial_failure_rate": 0.5, "partial_failure_kinds": ["exit"]});
    switch_on(&base, settings).await;
    assert_eq!(put(&base, Uuid::now_v7()).await.expect("an answer"), 201);
    let id = Uuid::now_v7();
    let error = put(&base, id).await.expect_err("the process died");
    assert!(!error.is_connect() && !error.is_timeout(), "it broke off: {error}");
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("dead in time");
    assert!(!status.expect("waited").success());
    assert_eq!(world.level("ps5").await, (10, 2), "committed before it died");
    let (_child, base) = spawn(&world.database.url).await;
    let off = client().delete(format!("{base}/api/admin/chaos")).send().await.expect("an answer");
    assert_eq!(off.status().as_u16(), 200);
    assert_eq!(put(&base, id).await.expect("an answer"), 200, "the replay finds it done");
    assert_eq!(world.level("ps5").await, (10, 2));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn a_cut_is_seen_as_a_broken_connection() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let config = Config { gremlin_enabled: Some(true), ..defaults() };
    let deps = Deps { db: world.database.db.clone(), metrics: None };
    let stop = CancellationToken::new();
    let served = tokio::spawn(inventory_api::serve(config, deps, listener, stop.clone()));
    switch_on(&base, json!({"partial_failure_rate": 0.5, "partial_failure_kinds": ["cut"]})).await;
    let (through, cut) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(put(&base, through).await.expect("an answer"), 201);
    let error = put(&base, cut).await.expect_err("cut");
    assert!(error.is_request() && !error.is_connect() && !error.is_timeout(), "{error:?}");
    assert_eq!(put(&base, cut).await.expect("an answer"), 200);
    assert_eq!(world.level("ps5").await, (10, 2));
    stop.cancel();
    tokio::time::timeout(PATIENCE, served).await.expect("drained in time").expect("joined");
}
