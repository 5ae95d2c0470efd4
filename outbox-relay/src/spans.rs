//! The spans of calls to inventory, in the trace of their order.
//!
//! A call's span id follows from the order and the version of its intent. So a relay that takes a saga
//! over can name the span of the call it repeats, although its maker was killed before it could tell
//! anybody of it; what inventory did for that call names the same span as its parent.

use std::time::Duration;

use edge::{Span, SpanKind, TraceContext};
use relay_core::answer::Answer;
use relay_core::decide::Call;
use saga::Effect;
use uuid::Uuid;

const SCOPE: &str = "relay";

/// What this call hands on to inventory.
pub(crate) fn traceparent(call: &Call) -> Option<String> {
    Some(context(call)?.traceparent())
}

/// A call has been answered, or given up.
pub(crate) fn ended(relay: i64, call: &Call, answer: &Answer, took: Duration) {
    if !Span::are_wanted() {
        return;
    }
    let span = context(call).and_then(|context| {
        let span = Span::of(context, SCOPE, SpanKind::Client)?;
        let before = span_id(call.loaded.order_id, call.loaded.version - 1);
        Some(if call.taken_over { span.linked_to(context.trace_id, before) } else { span })
    });
    let Some(span) = span else { return };
    let span = span
        .named(name(&call.effect))
        .with("valerix.order_id", call.loaded.order_id.to_string())
        .with("valerix.relay", relay)
        .with("valerix.epoch", call.loaded.epoch)
        .with("valerix.attempt", i64::from(call.loaded.saga.attempt))
        .with("valerix.taken_over", call.taken_over)
        .with("valerix.answer", answer.name());
    let span = if answer.is_executed() { span } else { span.failed(answer.name()) };
    span.end(took);
}

pub(crate) fn name(effect: &Effect) -> &'static str {
    if matches!(effect, Effect::ReleaseStock { .. }) { "release_stock" } else { "reserve_stock" }
}

fn context(call: &Call) -> Option<TraceContext> {
    let order = TraceContext::continued_from(call.traceparent.as_deref()?)?;
    Some(TraceContext { span_id: span_id(call.loaded.order_id, call.loaded.version), ..order })
}

/// Splitmix64 over both: the same in every process, and as good as random.
fn span_id(order_id: Uuid, version: i32) -> u64 {
    let (high, low) = order_id.as_u64_pair();
    let mut mixed = high ^ low.rotate_left(32) ^ u64::from(version.cast_unsigned());
    for factor in [0xBF58_476D_1CE4_E5B9_u64, 0x94D0_49BB_1331_11EB] {
        mixed = mixed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(factor);
    }
    (mixed ^ (mixed >> 31)).max(1)
}

#[cfg(test)]
mod tests;
