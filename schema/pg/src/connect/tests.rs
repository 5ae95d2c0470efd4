use super::*;
use crate::Db;
use crate::testing::server_url;

async fn complaint(url: &str) -> String {
    let error = Db::connect(&PoolConfig::new(url, "test")).await.expect_err("must not connect");
    let text = error.to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    text
}

#[tokio::test]
async fn says_what_is_wrong_with_a_url() {
    let text = complaint("mysql://root:s3cret@localhost/orders").await;
    assert!(text.contains("does not start with postgres://"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    assert!(complaint("postgres://localhost:port/orders").await.contains("cannot be used"));
    assert!(complaint("postgres://me@localhost:5432/").await.contains("names no database"));
}

#[tokio::test]
async fn says_where_nobody_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let text = complaint(&format!("postgres://me@{address}/orders")).await;
    assert!(text.contains("no Postgres answers at 127.0.0.1:"), "{text}");
}

#[tokio::test]
async fn says_which_database_is_missing() {
    let text = complaint(&server_url("no_such_database")).await;
    assert!(text.contains(r#"has no database "no_such_database"; create it"#), "{text}");
}
