use super::*;
use crate::databases::ORDERS;

#[tokio::test]
async fn a_server_that_is_not_there_is_told_in_one_line_once_patience_ends() {
    let config = PoolConfig::new("postgres://nobody@127.0.0.1:1/orders", "test");
    let patience = Patience::For(Duration::from_millis(300));
    let error = ORDERS.open_patiently(&config, patience).await.unwrap_err();
    let text = describe(&error);
    assert!(text.contains("no Postgres answers at 127.0.0.1:1"), "{text}");
    assert!(text.contains("ORDER_DATABASE_URL"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[tokio::test]
async fn a_wrong_url_is_not_waited_for() {
    let config = PoolConfig::new("http://127.0.0.1/orders", "test");
    let error = ORDERS.open_patiently(&config, Patience::Endless).await.unwrap_err();
    assert!(describe(&error).contains("does not start with postgres://"));
}
