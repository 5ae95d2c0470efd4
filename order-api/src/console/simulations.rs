//! /console/simulations: saved reports of crash runs, as `valerix simulate run --report` writes them.

mod report;

use std::path::{Path as File, PathBuf};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use edge::Problem;
use http::StatusCode;

use self::report::Report;
use super::failure::Failure;
use super::frame::{Frame, Screen, clock};
use super::render::html;
use super::visit::Visit;
use crate::OrderApi;

/// Reports of one list.
const REPORTS_MAX: usize = 100;
/// A report that is larger is not read.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Template)]
#[template(path = "simulations.html")]
struct ListPage {
    frame: Frame,
    directory: String,
    reports: Vec<Report>,
    unreadable: usize,
}

#[derive(Template)]
#[template(path = "simulation.html")]
struct Page {
    frame: Frame,
    report: Report,
}

pub(super) async fn list(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
) -> Result<Response, Failure> {
    let directory = api.config.simulations_dir.clone();
    let read = tokio::task::spawn_blocking(move || read_all(&directory)).await;
    let (reports, unreadable) = read.map_err(|_| Problem::internal())?;
    let frame = Frame::new(&api, &visit, Screen::Simulations, clock(&api).await?);
    let directory = api.config.simulations_dir.display().to_string();
    Ok(html(StatusCode::OK, &ListPage { frame, directory, reports, unreadable }))
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    Path(name): Path<String>,
    visit: Visit,
) -> Result<Response, Failure> {
    let directory = api.config.simulations_dir.clone();
    // the name is compared with what is there, and never becomes part of a path
    let read = tokio::task::spawn_blocking(move || {
        let places = places(&directory);
        let place = places.into_iter().find(|(known, _)| *known == name)?;
        read_one(&place)
    });
    let absent = || Problem::not_found("there is no saved report of this name");
    let report = read.await.map_err(|_| Problem::internal())?.ok_or_else(absent)?;
    let frame = Frame::new(&api, &visit, Screen::Simulations, clock(&api).await?);
    Ok(html(StatusCode::OK, &Page { frame, report }))
}

fn read_all(directory: &File) -> (Vec<Report>, usize) {
    let places = places(directory);
    let reports: Vec<Report> = places.iter().filter_map(read_one).collect();
    let unreadable = places.len() - reports.len();
    (reports, unreadable)
}

/// `NAME.json`, and `NAME/report.json`, by name, the last name first.
fn places(directory: &File) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let place = |path: PathBuf| {
        let name = path.file_stem()?.to_string_lossy().into_owned();
        if path.is_dir() {
            let report = path.join("report.json");
            return report
                .is_file()
                .then_some((path.file_name()?.to_string_lossy().into_owned(), report));
        }
        path.extension().is_some_and(|extension| extension == "json").then_some((name, path))
    };
    let mut places: Vec<_> = entries.filter_map(|entry| place(entry.path())).collect();
    places.sort_unstable_by(|a, b| b.cmp(a));
    places.truncate(REPORTS_MAX);
    places
}

fn read_one((name, path): &(String, PathBuf)) -> Option<Report> {
    let size = std::fs::metadata(path).ok()?.len();
    if size > BYTES_MAX {
        return None;
    }
    Report::read(name, &std::fs::read(path).ok()?)
}
