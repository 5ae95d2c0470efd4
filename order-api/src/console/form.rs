//! A form as a browser sends it, in a query or in a body: names and values, empty ones meaning nothing.

use axum::extract::{FromRequest, Request};
use edge::{Problem, is_plain_text, read_body};
use http::{StatusCode, header};

use super::failure::Failure;

/// Fields of one form; more are no form of ours.
const FIELDS_MAX: usize = 2_000;

/// The fields in the order they were sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(bytes: &[u8]) -> Fields {
        let pairs = form_urlencoded::parse(bytes).take(FIELDS_MAX);
        let filled = pairs.filter(|(_, value)| !value.trim().is_empty());
        Fields(filled.map(|(name, value)| (name.into_owned(), value.trim().to_owned())).collect())
    }

    /// The first of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first of this name, or nothing.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// The same, one field under another name, and whatever had that name gone.
    pub(super) fn renamed(&self, from: &str, to: &str) -> Fields {
        let others = self.0.iter().filter(|(name, _)| name != to);
        let renamed = others.map(|(name, value)| {
            (if name == from { to.to_owned() } else { name.clone() }, value.clone())
        });
        Fields(renamed.collect())
    }

    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value of another type; `Ok(None)`: the field is empty.
    pub(super) fn read<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let wrong = |_| Problem::invalid(name, "invalid-value", "this is not what belongs here");
        self.get(name).map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// Text with control characters can neither be stored nor searched for.
    fn check(self) -> Result<Fields, Problem> {
        match self.0.iter().find(|(_, value)| !is_plain_text(value)) {
            None => Ok(self),
            Some((name, _)) => {
                Err(Problem::invalid(name, "control-character", "has a control character"))
            }
        }
    }

    /// Of a query string.
    pub(super) fn of_query(query: Option<&str>) -> Result<Fields, Problem> {
        Fields::parse(query.unwrap_or_default().as_bytes()).check()
    }
}

/// The body of a POST.
impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Fields, Failure> {
        let media_type = request.headers().get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !media_type.starts_with("application/x-www-form-urlencoded") {
            let title = "the console takes forms only";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported-media-type", title).into());
        }
        let body = read_body(request.into_body()).await?;
        Ok(Fields::parse(&body).check()?)
    }
}
