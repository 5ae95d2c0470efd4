use std::time::Instant;

use axum::Extension;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    done: JoinHandle<()>,
}

async fn serve_here(router: Router, config: ServeConfig) -> Served {
    let listener = bind(([127, 0, 0, 1], 0).into(), "TEST_LISTEN").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let done = tokio::spawn(serve(listener, router, config, stop.clone()));
    Served { address, stop, done }
}

fn hasty() -> ServeConfig {
    let header_timeout = Duration::from_millis(200);
    let drain_timeout = Duration::from_millis(300);
    ServeConfig { header_timeout, drain_timeout, ..ServeConfig::default() }
}

async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // a reset after the answer is as good as an end
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn echo() -> Router {
    Router::new().route("/", post(async |body: String| body))
}

#[tokio::test]
async fn closes_a_connection_whose_head_does_not_arrive() {
    let served = serve_here(echo(), hasty()).await;
    let begun = Instant::now();
    let answer = exchange(served.address, b"POST / HTTP/1.1\r\nHost: x\r\n").await;
    assert_eq!(answer, "");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn cuts_the_connection_in_place_of_an_answer() {
    let router = echo().route("/cut", get(async || (Extension(CutConnection), "never seen")));
    let served = serve_here(router, hasty()).await;
    let request = b"GET /cut HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(exchange(served.address, request).await, "");
    let request = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
    assert!(exchange(served.address, request).await.ends_with("hi"), "others are not cut");
}

#[tokio::test]
async fn bounds_the_head() {
    let served = serve_here(echo(), hasty()).await;
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Big: {}\r\n\r\n", "a".repeat(100_000));
    assert!(exchange(served.address, large.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = "X-More: 1\r\n".repeat(100);
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert!(exchange(served.address, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn refuses_two_lengths() {
    let served = serve_here(echo(), hasty()).await;
    let two = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}";
    assert!(exchange(served.address, two).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_request_has_one_host() {
    let router = Router::new().route("/", get(async || "fine"));
    let served = serve_here(router, hasty()).await;
    for (head, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200"),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
    ] {
        let answer = exchange(served.address, head.as_bytes()).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{head:?}: {answer}");
        assert_eq!(answer.contains("\"code\":\"invalid-host\""), status == "400", "{answer}");
    }
}

#[tokio::test]
async fn probes_are_answered_while_every_place_is_held() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, hear) = (entered.clone(), release.clone());
    let slow = get(async move || {
        tell.notify_one();
        hear.notified().await;
    });
    let router = echo()
        .route("/wait", slow)
        .route("/health/live", get(async || "alive"))
        .route("/metrics", get(async || "figures"));
    let served = serve_here(router, ServeConfig { connections_max: 2, ..hasty() }).await;
    let request = "GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".as_bytes();
    let waiting = [(); 2].map(|()| tokio::spawn(exchange(served.address, request)));
    for _ in &waiting {
        entered.notified().await;
    }

    for (path, text) in [("/health/live", "alive"), ("/metrics", "figures")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = exchange(served.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(text), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    let request = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
    let answer = exchange(served.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    release.notify_waiters();
    for waiting in waiting {
        assert!(waiting.await.unwrap().starts_with("HTTP/1.1 200"));
    }
    assert!(exchange(served.address, request).await.ends_with("hi"));
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_connection() {
    let router = echo().route("/large", get(async || vec![b'x'; 32 * 1024 * 1024]));
    let write_timeout = Duration::from_millis(200);
    let config = ServeConfig { write_timeout, connections_max: 1, ..hasty() };
    let served = serve_here(router, config).await;
    let mut deaf = TcpStream::connect(served.address).await.unwrap();
    deaf.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    deaf.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let request = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
    let begun = Instant::now();
    while !exchange(served.address, request).await.ends_with("hi") {
        assert!(begun.elapsed() < Duration::from_secs(10), "its place is not free again");
    }
    let mut rest = Vec::new();
    let _ = deaf.read_to_end(&mut rest).await;
    assert!(rest.len() < 32 * 1024 * 1024, "it was cut");
}

#[tokio::test]
async fn lets_requests_under_way_finish_at_a_stop() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, hear) = (entered.clone(), release.clone());
    let slow = get(async move || {
        tell.notify_one();
        hear.notified().await;
        "done"
    });
    let served = serve_here(Router::new().route("/", slow), ServeConfig::default()).await;
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = tokio::spawn(exchange(served.address, request));
    entered.notified().await;
    served.stop.cancel();
    release.notify_one();
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    served.done.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err(), "still listening");
}

#[tokio::test]
async fn cuts_what_does_not_finish_in_time() {
    let entered = Arc::new(Notify::new());
    let tell = entered.clone();
    let stuck = get(async move || {
        tell.notify_one();
        std::future::pending::<()>().await;
    });
    let served = serve_here(Router::new().route("/", stuck), hasty()).await;
    let answer = tokio::spawn(exchange(served.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    entered.notified().await;
    served.stop.cancel();
    served.done.await.unwrap();
    assert_eq!(answer.await.unwrap(), "");
}

#[tokio::test]
async fn says_what_to_do_about_a_port_in_use() {
    let first = bind(([127, 0, 0, 1], 0).into(), "ORDER_API_LISTEN").await.unwrap();
    let address = first.local_addr().unwrap();
    let error = bind(address, "ORDER_API_LISTEN").await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "cannot listen on {address} (ORDER_API_LISTEN): \
             the port is in use; stop that process or choose another"
        )
    );
}
