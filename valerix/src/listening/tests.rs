use super::*;

#[test]
fn an_address_that_means_every_interface_is_shown_as_one_that_can_be_called() {
    assert_eq!(url("0.0.0.0:3001".parse().unwrap()), "http://127.0.0.1:3001");
    assert_eq!(url("[::]:3001".parse().unwrap()), "http://[::1]:3001");
    assert_eq!(url("10.1.2.3:80".parse().unwrap()), "http://10.1.2.3:80");
}

#[tokio::test]
async fn a_port_in_use_names_the_variable_and_what_to_do() {
    let first = bind("127.0.0.1:0".parse().unwrap(), "ORDER_API_LISTEN").await.unwrap();
    let taken = first.local_addr().unwrap();
    let text = bind(taken, "ORDER_API_LISTEN").await.unwrap_err().to_string();
    assert!(text.contains(&taken.to_string()) && text.contains("ORDER_API_LISTEN"), "{text}");
    assert!(text.contains("the port is in use"), "{text}");
}
