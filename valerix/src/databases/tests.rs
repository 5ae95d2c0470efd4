use super::*;

fn urls(orders: Option<&str>, inventory: Option<&str>) -> DatabaseUrls {
    DatabaseUrls {
        order_database_url: orders.map(str::to_owned),
        inventory_database_url: inventory.map(str::to_owned),
    }
}

#[test]
fn no_url_means_the_embedded_server_and_an_empty_one_is_none() {
    assert!(given(&urls(None, None)).unwrap().is_none());
    assert!(given(&urls(Some(""), Some(" "))).unwrap().is_none());
}

#[test]
fn one_url_without_the_other_names_the_missing_one() {
    let text = given(&urls(Some("postgres://a/b"), None)).unwrap_err().to_string();
    assert!(text.contains("INVENTORY_DATABASE_URL is not"), "{text}");
    let text = given(&urls(None, Some("postgres://a/b"))).unwrap_err().to_string();
    assert!(text.contains("ORDER_DATABASE_URL is not"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_in_one_line_once_patience_ends() {
    let config = PoolConfig::new("postgres://nobody@127.0.0.1:1/orders", "test");
    let error = connect(&config, Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains('\n'));
}
