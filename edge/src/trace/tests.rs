use super::*;

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn goes_on_with_the_callers_trace_in_a_span_of_its_own() {
    let context = TraceContext::continued_from(GIVEN).unwrap();
    assert_eq!(context.trace_id_hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(context.parent_id, Some(0x00f0_67aa_0ba9_02b7));
    assert_ne!(Some(context.span_id), context.parent_id);
    let onward = TraceContext::continued_from(&context.traceparent()).unwrap();
    assert_eq!((onward.trace_id, onward.parent_id), (context.trace_id, Some(context.span_id)));
}

#[test]
fn begins_a_new_trace_where_the_header_is_malformed() {
    let malformed = [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ];
    for header in malformed {
        assert_eq!(TraceContext::continued_from(header), None, "{header}");
    }
}

#[test]
fn reads_a_later_version_by_its_first_four_parts() {
    let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more";
    assert!(TraceContext::continued_from(later).is_some());
}

#[test]
fn is_current_only_inside_its_request() {
    let context = TraceContext::mint();
    assert_eq!(TraceContext::current(), None);
    assert_eq!(context.enter(TraceContext::current), Some(context));
}

#[test]
fn begins_a_new_trace_where_the_header_is_repeated() {
    let mut headers = HeaderMap::new();
    headers.append("traceparent", GIVEN.parse().unwrap());
    assert_eq!(TraceContext::from_headers(&headers).parent_id, Some(0x00f0_67aa_0ba9_02b7));
    headers.append("traceparent", GIVEN.parse().unwrap());
    assert_eq!(TraceContext::from_headers(&headers).parent_id, None);
}

#[test]
fn passes_on_no_flag_it_does_not_know() {
    let context = TraceContext::continued_from(&GIVEN.replace("-01", "-ff")).unwrap();
    assert!(context.is_sampled());
    assert!(context.traceparent().ends_with("-03"));
}
