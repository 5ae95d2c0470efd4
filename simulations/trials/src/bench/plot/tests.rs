use super::*;

#[test]
fn axes_end_at_round_figures() {
    let cases = [(0.0, 1.0), (1.0, 1.0), (7.0, 10.0), (11_900.0, 20_000.0), (240.0, 250.0)];
    for (value, wanted) in cases {
        assert!((nice(value) - wanted).abs() < 1e-6, "{value} gives {}", nice(value));
    }
}

#[test]
fn every_series_is_drawn_and_text_cannot_break_out() {
    let at = |at_s| Point { at_s, orders_per_s: 100.0, p50_ms: 1.0, p99_ms: 3.0 };
    let series = [Series { name: "orders/s", color: BLUE, figure: |point| point.orders_per_s }];
    let drawn = panel(0.0, "<64 clients>", &[at(0.0), at(0.5), at(1.0)], &series);
    assert_eq!(drawn.matches("<path").count(), 1);
    assert_eq!(drawn.matches('L').count(), 2, "{drawn}");
    assert!(drawn.contains("&lt;64 clients&gt;"));
}
