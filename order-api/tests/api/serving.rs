//! On a real socket: clients that leave, and a stop that drains.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use in_process::NotifyScope;
use order_api::{Deps, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::idempotency::OpenOrder;
use crate::relay::{DONE, Relay};
use crate::world::{World, config, eventually, one_ps5};

#[tokio::test]
async fn an_order_whose_client_leaves_while_it_is_written_is_taken_all_the_same() {
    let world = World::new().await;
    let served = Served::start(&world, &[]).await;
    let held = OpenOrder::begin(&world.database.db, "k").await;
    let mut client = served.client().await;
    client.write_all(post("k").as_bytes()).await.unwrap();
    held.blocks(&world.database.db).await;
    drop(client);
    held.roll_back().await;
    let relay = Relay::of(&world).await;
    relay.settle_next(DONE).await;
    let mut again = served.client().await;
    again.write_all(post("k").as_bytes()).await.unwrap();
    let answer = read_answer(&mut again).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(answer.contains("idempotent-replayed: true"), "{answer}");
    served.stop().await;
}

#[tokio::test]
async fn a_stop_lets_requests_under_way_have_their_answer() {
    let world = World::new().await;
    let served = Served::start(&world, &["--order-api-wait-ms=30000"]).await;
    let mut client = served.client().await;
    client.write_all(post("k").as_bytes()).await.unwrap();
    let relay = Relay::of(&world).await;
    let claimed = eventually("an order to claim", async || relay.claim().await.pop()).await;
    served.stop.cancel();
    eventually("a closed door", async || TcpStream::connect(served.address).await.err()).await;
    relay.answer(&claimed, DONE).await.unwrap();
    let answer = read_answer(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    served.stop().await;
}

#[tokio::test]
async fn requests_that_do_not_finish_are_cut_at_the_bound_and_their_orders_stay() {
    let world = World::new().await;
    let served =
        Served::start(&world, &["--order-api-wait-ms=30000", "--order-api-drain-ms=50"]).await;
    let mut client = served.client().await;
    client.write_all(post("k").as_bytes()).await.unwrap();
    let relay = Relay::of(&world).await;
    eventually("an order to claim", async || relay.claim().await.pop()).await;
    served.stop().await;
    assert_eq!(read_answer(&mut client).await, "", "cut");
    assert_eq!(world.get("/api/orders").await.json()["items"][0]["status"], "reserving");
}

#[tokio::test]
async fn posts_and_probes_are_answered_while_everybody_else_long_polls() {
    let world = World::new().await;
    let served = Served::start(&world, &["--order-api-connections-max=16"]).await;
    let mut client = served.client().await;
    client.write_all(post_async("waits").as_bytes()).await.unwrap();
    let answer = read_answer(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let orders = world.get("/api/orders").await.json();
    let id = orders["items"][0]["id"].as_str().unwrap();

    let poll = format!("GET /api/orders/{id}?wait=30 HTTP/1.1\r\nhost: test\r\n\r\n");
    let mut polls = JoinSet::new();
    for _ in 0..12 {
        let mut client = served.client().await;
        client.write_all(poll.as_bytes()).await.unwrap();
        polls.spawn(async move { read_answer(&mut client).await });
    }
    // Six may wait, and six are answered at once and let go.
    for _ in 0..6 {
        let answer = polls.join_next().await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }

    let begun = Instant::now();
    let mut client = served.client().await;
    client.write_all(post_async("more").as_bytes()).await.unwrap();
    let answer = read_answer(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let mut client = served.client().await;
    client
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(read_answer(&mut client).await.starts_with("HTTP/1.1 200 "));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(polls.len(), 6);
    polls.abort_all();
    served.stop().await;
}

pub(crate) struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(world: &World, arguments: &[&str]) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let deps = Deps {
            db: world.database.db.clone(),
            hints: world.hints.clone(),
            notify_scope: NotifyScope::ThisProcess,
            metrics: None,
            inventory_url: None,
        };
        let task = tokio::spawn(serve(config(arguments), deps, listener, stop.clone()));
        Served { address, stop, task }
    }

    pub(crate) async fn client(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(crate::world::PATIENCE, self.task).await.unwrap().unwrap();
    }
}

fn post(key: &str) -> String {
    let body = one_ps5().to_string();
    format!(
        "POST /api/orders HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
         idempotency-key: {key}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One that waits for nothing.
fn post_async(key: &str) -> String {
    post(key).replace("connection: close", "prefer: respond-async\r\nconnection: close")
}

async fn read_answer(client: &mut TcpStream) -> String {
    let mut answer = String::new();
    // a connection that is cut may end in a reset
    let _ = client.read_to_string(&mut answer).await;
    answer
}
