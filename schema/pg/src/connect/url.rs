//! A database URL as libpq reads it: one address or several, a host name or a socket's directory, parameters.
//!
//! Each thing that may stand in such a URL works or is refused with a sentence. Nothing is ignored: what somebody
//! wrote to be safer (`channel_binding=require`) must not be dropped in silence.
//!
//! Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fs::File;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::postgres::PgConnectOptions;

/// Parameters that sqlx understands as libpq does.
const HANDED_ON: [&str; 6] =
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "options", "statement-cache-capacity"];
/// Without `allow`, which is not spoken here.
const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];
/// Parameters that change nothing here when they have one of these values, and cannot be met otherwise.
const ONLY_AS: [(&str, &[&str]); 6] = [
    ("target_session_attrs", &["read-write", "primary", "any"]),
    ("gssencmode", &["disable", "prefer"]),
    ("channel_binding", &["disable", "prefer"]),
    ("sslnegotiation", &["postgres"]),
    ("load_balance_hosts", &["disable"]),
    ("client_encoding", &["UTF8", "utf8", "auto"]),
];

/// The addresses of the URL, in its order; `Err` says what is wrong with it. What it leaves out comes from the shell's
/// `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGPASSFILE`, `PGSSL…`, `PGOPTIONS`, as with libpq.
pub(super) fn parse(url: &str, application_name: &str) -> Result<Vec<PgConnectOptions>, String> {
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let rest = rest.ok_or("it does not start with postgres://")?;
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = before.split_once('/').unwrap_or((before, ""));
    if !authority.contains('@')
        && (path.contains('@') || query.contains('@') && authority.contains(':') && path.is_empty())
    {
        return Err(
            "a / or ? in its user or password has to be written as %2F or %3F (and @ as %40)"
                .to_owned(),
        );
    }
    // the last one: a password may hold anything else
    let (login, places) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let mut parameters = parameters(query)?;
    for (name, value) in [("user", user), ("password", password), ("dbname", path)] {
        if !value.is_empty() && !parameters.contains_key(name) {
            parameters.insert(name.to_owned(), decoded(value)?);
        }
    }
    if parameters.get("dbname").is_none_or(String::is_empty)
        && std::env::var_os("PGDATABASE").is_none()
    {
        return Err("it names no database".to_owned());
    }
    parameters.entry("application_name".to_owned()).or_insert_with(|| application_name.to_owned());
    let places = places_of(places, &mut parameters)?;
    check(&parameters)?;
    places.iter().map(|place| options_of(place, &parameters)).collect()
}

/// Where a server listens. Without a host it is the shell's `PGHOST`, or this machine.
struct Place {
    host: Option<String>,
    port: Option<String>,
}

fn parameters(query: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            "after the ? it has something that is not name=value (a ? in a password is written as %3F)".to_owned()
        })?;
        let (name, value) = (decoded(name)?, decoded(value)?);
        let (name, value) =
            match name.strip_prefix("options[").and_then(|rest| rest.strip_suffix(']')) {
                Some(setting) => ("options".to_owned(), format!("-c {setting}={value}")),
                None => (name, value),
            };
        let text: &mut String = found.entry(name.clone()).or_default();
        if name == "options" && !text.is_empty() {
            *text = format!("{text} {value}");
        } else {
            *text = value;
        }
    }
    Ok(found)
}

/// The hosts of the authority, or of `host`, `hostaddr` and `port` among the parameters, which win.
fn places_of(
    authority: &str,
    parameters: &mut BTreeMap<String, String>,
) -> Result<Vec<Place>, String> {
    let mut places: Vec<Place> = Vec::new();
    for place in authority.split(',').filter(|_| !authority.is_empty()) {
        let (host, port) = match place.rsplit_once(':') {
            // The colons of an address in brackets are its own.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (place, None),
        };
        places.push(Place {
            host: (!host.is_empty()).then(|| decoded(host)).transpose()?,
            port: port.filter(|port| !port.is_empty()).map(str::to_owned),
        });
    }
    let (named, address) = (parameters.remove("host"), parameters.remove("hostaddr"));
    if named.is_some() && address.is_some() {
        return Err("it has both host and hostaddr: name the host alone".to_owned());
    }
    if let Some(hosts) = named.or(address) {
        let ports: Vec<_> = places.iter().map(|place| place.port.clone()).collect();
        let hosts =
            hosts.split(',').map(|host| Some(host.to_owned()).filter(|host| !host.is_empty()));
        let port_of = |number: usize| ports.get(number).or(ports.first()).cloned().flatten();
        places = hosts.enumerate().map(|(n, host)| Place { host, port: port_of(n) }).collect();
    }
    if places.is_empty() {
        places.push(Place { host: None, port: None });
    }
    if let Some(ports) = parameters.remove("port") {
        let ports: Vec<&str> = ports.split(',').collect();
        if ports.len() != 1 && ports.len() != places.len() {
            return Err(format!("it has {} hosts and {} ports", places.len(), ports.len()));
        }
        for (number, place) in places.iter_mut().enumerate() {
            place.port = Some(ports.get(number).unwrap_or(&ports[0]).to_string());
        }
    }
    for port in places.iter().filter_map(|place| place.port.as_deref()) {
        port.parse::<u16>().map_err(|_| format!("{port:?} is no port number"))?;
    }
    Ok(places)
}

fn check(parameters: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in parameters {
        let known = ["user", "password", "dbname", "application_name"];
        if known.contains(&name.as_str()) {
            continue;
        }
        if let Some((_, values)) = ONLY_AS.iter().find(|(only, _)| only == name) {
            if !values.contains(&value.as_str()) {
                let values = values.join(" or ");
                return Err(format!("{name}={value} cannot be met here: only {values}"));
            }
            continue;
        }
        if !HANDED_ON.contains(&name.as_str()) {
            return Err(format!("its parameter {name:?} is not known here: take it out"));
        }
        if name == "sslmode" && !SSL_MODES.contains(&value.as_str()) {
            return Err(format!("sslmode={value} is not one of {}", SSL_MODES.join(", ")));
        }
        if name.starts_with("ssl") && name != "sslmode" && !value.contains("-----BEGIN") {
            File::open(value)
                .map_err(|error| format!("its {name} {value} cannot be read: {error}"))?;
        }
    }
    if parameters.contains_key("sslcert") != parameters.contains_key("sslkey") {
        return Err("sslcert and sslkey belong together".to_owned());
    }
    Ok(())
}

fn options_of(
    place: &Place,
    parameters: &BTreeMap<String, String>,
) -> Result<PgConnectOptions, String> {
    let is_socket = place.host.as_deref().is_some_and(|host| host.starts_with('/'));
    let mut written: Vec<(&str, &str)> = Vec::new();
    written.extend(place.host.as_deref().map(|host| ("host", host)));
    written.extend(place.port.as_deref().map(|port| ("port", port)));
    for (name, value) in parameters {
        // On a socket there is no TLS, whatever is said (PGSSLMODE of the shell, too).
        let changes_nothing = ONLY_AS.iter().any(|(only, _)| only == name);
        if !changes_nothing && (name != "sslmode" || !is_socket) {
            written.push((name, value));
        }
    }
    if is_socket {
        written.push(("sslmode", "disable"));
    }
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let written: Vec<_> =
        written.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let options = PgConnectOptions::from_str(&format!("postgres:///?{}", written.join("&")));
    // Poolers let no such start-up parameter pass, and nothing here reads floats as text.
    let options = options.map(|options| options.extra_float_digits(None));
    options.map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

fn decoded(text: &str) -> Result<String, String> {
    let is_escape =
        |rest: &str| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    if !text.split('%').skip(1).all(is_escape) {
        return Err("a % that stands for itself is written as %25".to_owned());
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| "its escapes (%..) are not UTF-8".to_owned())
}

/// The URL without its passwords, for messages and the printed configuration.
pub(super) fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(not a URL)".to_owned() };
    // the login first: a password may hold anything, also a question mark
    let rest = match rest.rsplit_once('@') {
        Some((login, place)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{user}@{place}")
        }
        None => rest.to_owned(),
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((&rest, ""));
    let is_open = |parameter: &&str| {
        !parameter.is_empty()
            && !parameter.contains("password")
            && !parameter.contains("-----BEGIN")
    };
    let shown: Vec<&str> = parameters.split('&').filter(is_open).collect();
    let mark = if shown.is_empty() { "" } else { "?" };
    format!("{scheme}://{place}{mark}{}", shown.join("&"))
}

#[cfg(test)]
mod tests;
