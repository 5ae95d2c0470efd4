use super::*;
use crate::cli::{InventoryDatabase, OrderDatabase};

fn urls(orders: Option<&str>, inventory: Option<&str>) -> DatabaseUrls {
    DatabaseUrls {
        orders: OrderDatabase { url: orders.map(str::to_owned) },
        inventory: InventoryDatabase { url: inventory.map(str::to_owned) },
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
