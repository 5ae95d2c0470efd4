use super::*;

async fn status(url: &str) -> u16 {
    reqwest::get(url).await.expect("it answers").status().as_u16()
}

#[tokio::test]
async fn says_that_it_lives_and_is_not_ready_and_gives_the_listener_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asking = {
        let url = url.clone();
        async move {
            assert_eq!(status(&format!("{url}/health/live")).await, 200);
            assert_eq!(status(&format!("{url}/health/ready")).await, 503);
            let answer = reqwest::Client::new().post(format!("{url}/api/orders")).send().await;
            let answer = answer.expect("it answers");
            assert_eq!(answer.status().as_u16(), 503);
            assert_eq!(answer.headers()["retry-after"], "1");
            "asked"
        }
    };
    let (listener, outcome) = answer_until(listener, asking).await.unwrap();
    assert_eq!(outcome, "asked");
    assert_eq!(format!("http://{}", listener.local_addr().unwrap()), url);
    let connecting = tokio::spawn(tokio::net::TcpStream::connect(listener.local_addr().unwrap()));
    listener.accept().await.expect("it still listens");
    connecting.await.unwrap().expect("connected");
}
