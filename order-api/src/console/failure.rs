//! A no, as a page: what is wrong, what to do, and the way back.

use askama::Template;
use axum::response::{IntoResponse, Response};
use edge::{Problem, TraceContext};

use super::assets;
use super::render::html;

/// A problem that a person reads.
pub(super) struct Failure(pub(super) Problem);

#[derive(Template)]
#[template(path = "failure.html")]
struct Page {
    style: String,
    status: u16,
    title: String,
    lines: Vec<String>,
    trace_id: Option<String>,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure(problem)
    }
}

/// Everything that a problem says, as one text.
pub(super) fn text_of(problem: &Problem) -> String {
    let mut text = capitalised(problem.title());
    for line in lines_of(problem) {
        text.push_str(". ");
        text.push_str(&line);
    }
    text.push('.');
    text
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Failure(problem) = self;
        let page = Page {
            style: assets::path("console.css"),
            status: problem.status().as_u16(),
            title: capitalised(problem.title()),
            lines: lines_of(&problem),
            trace_id: TraceContext::current().map(|context| context.trace_id_hex()),
        };
        html(problem.status(), &page)
    }
}

fn lines_of(problem: &Problem) -> Vec<String> {
    let detail = problem.detail().map(capitalised);
    let errors = problem.errors().iter().map(|error| {
        let place = error.pointer.trim_start_matches('/');
        if place.is_empty() {
            capitalised(&error.detail)
        } else {
            format!("{place}: {}", error.detail)
        }
    });
    detail.into_iter().chain(errors).collect()
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
