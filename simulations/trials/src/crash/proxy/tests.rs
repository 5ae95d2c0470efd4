use super::*;
use crate::stack::questions::{answer, ask, until};

/// A server that answers `yes` to every `?`, and remembers how many came.
async fn server() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move { answer(stream, &counted).await });
        }
    });
    (address, asked)
}

async fn proxied() -> (Proxy, Arc<AtomicU64>) {
    let (target, asked) = server().await;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    (Proxy::start(any, target).await.unwrap(), asked)
}

#[tokio::test]
async fn passes_questions_and_answers() {
    let (proxy, asked) = proxied().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut stream).await.unwrap();
    ask(&mut stream).await.unwrap();
    assert_eq!(asked.load(Relaxed), 2);
}

#[tokio::test]
async fn a_swallowed_answer_was_asked_for_and_never_comes() {
    let (proxy, asked) = proxied().await;
    proxy.set(Rule::SwallowAnswers);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ask(&mut stream).await.is_err());
    assert_eq!(asked.load(Relaxed), 1);
    assert_eq!(proxy.counts().swallowed.load(Relaxed), 1);
}

#[tokio::test]
async fn refusing_cuts_what_is_open_and_what_comes() {
    let (proxy, asked) = proxied().await;
    let mut open = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut open).await.unwrap();
    proxy.set(Rule::Refuse);
    until("the open connection is cut", || proxy.counts().cut.load(Relaxed) >= 1).await;
    assert!(ask(&mut open).await.is_err());
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ask(&mut new).await.is_err());
    assert_eq!(asked.load(Relaxed), 1);
    proxy.set(Rule::Pass);
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut new).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_sent_again_arrives_twice_and_is_answered_once() {
    let (proxy, asked) = proxied().await;
    proxy.set(Rule::SendAgain(Duration::from_millis(1)));
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut stream).await.unwrap();
    until("the duplicate arrives", || asked.load(Relaxed) == 2).await;
    proxy.set(Rule::Pass);
    ask(&mut stream).await.unwrap();
    assert_eq!(asked.load(Relaxed), 3);
}

#[tokio::test]
async fn a_delayed_answer_comes_after_the_delay() {
    let (proxy, _) = proxied().await;
    let delay = Duration::from_millis(40);
    proxy.set(Rule::DelayAnswers(delay));
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let began = tokio::time::Instant::now();
    ask(&mut stream).await.unwrap();
    assert!(began.elapsed() >= delay);
}
