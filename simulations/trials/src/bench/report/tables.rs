//! The tables of a report.

use std::collections::BTreeMap;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use super::{Goal, Row};

pub(in crate::bench) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

pub(super) fn speed(rows: &[Row]) -> Table {
    let mut table = table(&[
        "load", "orders/s", "÷ one", "÷ b100", "p50 ms", "p90", "p99", "p99.9", "max", "retries",
    ]);
    for row in rows {
        let ratio =
            |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        table.add_row([
            row.label.clone(),
            format!("{:.0}", row.orders_per_s),
            ratio(row.ratio_one),
            ratio(row.ratio_b100),
            format!("{:.1}", row.p50_ms),
            format!("{:.1}", row.p90_ms),
            format!("{:.1}", row.p99_ms),
            format!("{:.1}", row.p999_ms),
            format!("{:.0}", row.max_ms),
            row.retries.to_string(),
        ]);
    }
    table
}

/// What the server alone could do around each load, and what else the machine did.
pub(super) fn limit(rows: &[Row]) -> Table {
    let mut table = table(&[
        "around it",
        "one /s",
        "b100 /s",
        "CPU µs, one",
        "CPU µs, b100",
        "our CPU ÷ b100's",
        "others' cores then",
        "and during the load",
    ]);
    for row in rows {
        let Some(limit) = row.limit else { continue };
        table.add_row([
            row.label.clone(),
            format!("{:.0}", limit.one_per_s),
            format!("{:.0}", limit.b100_per_s),
            format!("{:.0}", limit.one_cpu_us),
            format!("{:.0}", limit.b100_cpu_us),
            format!("{:.2}", row.cpu_times_b100.unwrap_or_default()),
            format!("{:.2}", limit.others_cores),
            format!("{:.2}", row.others_cores),
        ]);
    }
    table
}

pub(super) fn cost(rows: &[Row]) -> Table {
    let mut table = table(&["per order", "commits", "log bytes", "dead rows", "HOT updates"]);
    for row in rows {
        table.add_row([
            row.label.clone(),
            format!("{:.3}", row.commits_per_order),
            format!("{:.0}", row.wal_bytes_per_order),
            format!("{:.2}", row.dead_rows_per_order),
            format!("{:.0} %", 100.0 * row.hot_share),
        ]);
    }
    table
}

pub(super) fn process(rows: &[Row]) -> Table {
    let mut table =
        table(&["load", "process", "CPU µs per order", "of a core", "peak MiB", "MiB at the end"]);
    for row in rows {
        for (name, us) in &row.cpu_us_per_order {
            let of = |figures: &BTreeMap<String, f64>| figures.get(name).copied().unwrap_or(0.0);
            table.add_row([
                row.label.clone(),
                name.clone(),
                format!("{us:.0}"),
                format!("{:.0} %", 100.0 * of(&row.cpu_share)),
                format!("{:.0}", of(&row.peak_mib)),
                format!("{:.0}", of(&row.last_mib)),
            ]);
        }
        if let Some(share) = row.generator_share {
            let share = format!("{:.0} %", 100.0 * share);
            table.add_row([&row.label, "the load itself", "", &share, "", ""]);
        }
    }
    table
}

pub(super) fn goal(goals: &[Goal]) -> Table {
    let mut table = table(&["", "measured", "first", "", "aim", ""]);
    for goal in goals {
        let figure = |of: Option<f64>| figure(of, goal.unit);
        let met = |bound: Option<f64>| match goal.meets(bound) {
            None => "",
            Some(true) => "met",
            Some(false) => "missed",
        };
        table.add_row([
            goal.what.clone(),
            figure(goal.measured),
            figure(goal.first),
            met(goal.first).to_owned(),
            figure(goal.aim),
            met(goal.aim).to_owned(),
        ]);
    }
    table
}

/// With its unit; empty where there is none.
pub(in crate::bench) fn figure(figure: Option<f64>, unit: &str) -> String {
    match figure {
        None => String::new(),
        Some(figure) if figure.abs() >= 100.0 => format!("{figure:.0} {unit}"),
        Some(figure) => format!("{figure:.3} {unit}"),
    }
}
