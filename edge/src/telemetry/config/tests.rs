use super::*;

fn named(endpoint: &str) -> TelemetryConfig {
    TelemetryConfig { otel_endpoint: Some(endpoint.to_owned()), ..TelemetryConfig::default() }
}

#[test]
fn is_off_until_a_collector_is_named() {
    assert_eq!(TelemetryConfig::default().endpoint().unwrap(), None);
    assert_eq!(named(" ").endpoint().unwrap(), None);
}

#[test]
fn appends_the_path_to_the_general_endpoint_only() {
    for base in ["http://collector:4318", "http://collector:4318/"] {
        let endpoint = named(base).endpoint().unwrap();
        assert_eq!(endpoint.as_deref(), Some("http://collector:4318/v1/traces"));
    }
    let whole = Some("http://other/spans".to_owned());
    let own = TelemetryConfig { otel_traces_endpoint: whole.clone(), ..named("http://collector") };
    assert_eq!(own.endpoint().unwrap(), whole);
}

#[test]
fn can_be_switched_off_by_the_standard_ways() {
    let on = || named("http://collector:4318");
    let disabled = TelemetryConfig { otel_sdk_disabled: Some("TRUE".to_owned()), ..on() };
    let none = TelemetryConfig { otel_traces_exporter: Some("none".to_owned()), ..on() };
    assert_eq!((disabled.endpoint().unwrap(), none.endpoint().unwrap()), (None, None));
}

#[test]
fn refuses_what_it_cannot_speak() {
    for endpoint in ["https://collector:4318", "collector:4318", "http://"] {
        assert!(
            matches!(named(endpoint).endpoint(), Err(TelemetryError::Endpoint(_))),
            "{endpoint}"
        );
    }
    let grpc = Some("grpc".to_owned());
    let grpc = TelemetryConfig { otel_protocol: grpc, ..named("http://collector:4317") };
    assert!(matches!(grpc.endpoint(), Err(TelemetryError::Protocol(_))));
}

#[test]
fn takes_the_default_for_a_number_that_is_none() {
    let config = TelemetryConfig {
        otel_queue_max: Some("many".to_owned()),
        otel_batch_max: Some("99999999".to_owned()),
        ..TelemetryConfig::default()
    };
    assert_eq!(config.queue_max(), 16_384);
    let pace = Pace { every: Duration::from_secs(5), batch_max: 10_000 };
    assert_eq!(config.pace(), pace);
}
