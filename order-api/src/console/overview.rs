//! /console: is it fine, and what needs me?

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use edge::{Light, WindowSnapshot};
use http::StatusCode;
use saga::StateName;
use saga::explain::Action;

use super::chart::Chart;
use super::failure::Failure;
use super::frame::{Frame, Screen};
use super::render::html;
use super::visit::Visit;
use super::when::{When, length};
use super::words::{self, Icon, Mark, count, grouped};
use crate::OrderApi;
use crate::staff::breakers::list_breakers;
use crate::staff::relays::{MemberAnswer, RelaysAnswer, show_relays};
use crate::staff::sagas::{GroupAnswer, StatsAnswer, groups, stats};

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    verdict: Verdict,
    tiles: Vec<Tile>,
    light: LightWords,
    chart: Chart,
    work: Work,
    breaker: Mark,
    relays: Vec<Relay>,
    no_relay: Mark,
    groups: Vec<Group>,
}

struct Verdict {
    tone: &'static str,
    icon: Icon,
    headline: String,
    lines: Vec<Line>,
}

struct Line {
    text: String,
    link: &'static str,
}

struct Tile {
    link: String,
    count: String,
    mark: Mark,
    oldest: String,
}

/// The traffic light with its words; grey where there is nothing to judge by.
pub(super) struct LightWords {
    pub(super) mark: Mark,
    pub(super) average: String,
    pub(super) requests: String,
}

struct Work {
    messages: String,
    waiting: String,
    held: String,
    oldest: String,
    overdue: String,
}

/// A relay in a list.
pub(super) struct Relay {
    pub(super) mark: Mark,
    pub(super) name: String,
    pub(super) held: i64,
    pub(super) heard: When,
}

struct Group {
    mark: Mark,
    link: String,
    fingerprint: String,
    headline: String,
    advice: &'static str,
    count: String,
    oldest: When,
    can_retry: bool,
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
) -> Result<Response, Failure> {
    let (stats, groups, relays, breakers) = tokio::try_join!(
        stats(State(api.clone())),
        groups(State(api.clone())),
        show_relays(State(api.clone())),
        list_breakers(State(api.clone())),
    )?;
    let breaker = words::of_breaker(breakers.items.first().and_then(|breaker| breaker.state));
    let window = api.window.snapshot();
    let page = Page {
        frame: Frame::new(&api, &visit, Screen::Overview, relays.as_of),
        verdict: judge(&stats, &relays, breaker, &window),
        tiles: stats.states.iter().map(Tile::of).collect(),
        light: LightWords::of(&window),
        chart: Chart::of(&window, &[]),
        work: Work::of(&relays),
        breaker,
        relays: relays.members.iter().map(|member| Relay::of(member, &relays)).collect(),
        no_relay: words::bad("none"),
        groups: groups.items.iter().map(|group| Group::of(group, &relays)).collect(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// The worst thing first; what needs a person always with the way to it.
fn judge(
    stats: &StatsAnswer,
    relays: &RelaysAnswer,
    breaker: Mark,
    window: &WindowSnapshot,
) -> Verdict {
    let mut lines = Vec::new();
    let mut say = |text: String, link| lines.push(Line { text, link });
    let stuck = stats.stuck.count;
    let is_relay_absent = !relays.members.iter().any(|member| member.alive);
    if stuck > 0 {
        say(
            format!("{} need attention: parked or overdue", orders(stuck)),
            "/console/orders?view=attention",
        );
    }
    if stats.in_doubt.count > 0 {
        let text = format!(
            "{} in doubt: resolved automatically by repeating the call",
            orders(stats.in_doubt.count)
        );
        say(text, "/console/orders?view=doubt");
    }
    if breaker.tone != "good" {
        say(format!("Inventory's breaker is {}", breaker.word), "/console/health");
    }
    if window.status != Light::Green {
        say("Order requests are slow".to_owned(), "/console/health");
    }
    let (mark, headline) = if is_relay_absent {
        (words::bad(""), "No relay is alive. Orders are accepted and wait.")
    } else if stuck > 0 {
        (words::bad(""), "Action needed.")
    } else if breaker.tone == "bad" {
        (words::waiting(""), "Calls to inventory are paused. Orders are accepted and wait.")
    } else if window.status != Light::Green {
        (words::waiting(""), "Slow, but nothing is stuck.")
    } else {
        (words::good(""), "Everything is healthy. No action needed.")
    };
    Verdict { tone: mark.tone, icon: mark.icon(), headline: headline.to_owned(), lines }
}

fn orders(count: i64) -> String {
    if count == 1 { "1 order".to_owned() } else { format!("{} orders", grouped(count)) }
}

impl Tile {
    fn of(state: &crate::staff::sagas::StateAnswer) -> Tile {
        let is_final = StateName::parse(&state.state).is_some_and(StateName::is_final);
        let oldest = state.oldest_age_ms.filter(|_| !is_final && state.number.count > 0);
        Tile {
            link: format!("/console/orders?state={}", state.state),
            count: count(state.number.count, state.number.counted),
            mark: words::of_state(&state.state),
            oldest: oldest.map(|ms| format!("oldest {}", length(ms))).unwrap_or_default(),
        }
    }
}

impl LightWords {
    pub(super) fn of(window: &WindowSnapshot) -> LightWords {
        let Some(average_ms) = window.average_ms else {
            let average = "no orders in the last 30 s".to_owned();
            return LightWords { mark: words::quiet("grey"), average, requests: String::new() };
        };
        let mark = match window.status {
            Light::Green => words::good("green"),
            Light::Yellow => words::waiting("yellow"),
            Light::Red => words::bad("red"),
        };
        let requests = format!("over {}", orders(i64::from(window.count)));
        LightWords { mark, average: format!("{average_ms:.0} ms on average"), requests }
    }
}

impl Work {
    fn of(relays: &RelaysAnswer) -> Work {
        let outbox = &relays.outbox;
        let since = |ms: i64| if outbox.messages == 0 { "–".to_owned() } else { length(ms) };
        Work {
            messages: grouped(outbox.messages),
            waiting: grouped(outbox.waiting),
            held: grouped(outbox.held),
            oldest: since(outbox.oldest_age_ms),
            overdue: since(outbox.overdue_ms),
        }
    }
}

impl Relay {
    pub(super) fn of(member: &MemberAnswer, relays: &RelaysAnswer) -> Relay {
        Relay {
            mark: if member.alive { words::good("alive") } else { words::crossed("silent") },
            name: member.name.clone(),
            held: member.held,
            heard: When::new(member.heartbeat_at, relays.as_of),
        }
    }
}

impl Group {
    fn of(group: &GroupAnswer, relays: &RelaysAnswer) -> Group {
        let reason = group.reason.replace('_', " ");
        Group {
            mark: words::of_state(&group.state),
            link: format!("/console/orders?error={}", group.fingerprint),
            fingerprint: group.fingerprint.clone(),
            headline: group.headline.clone().unwrap_or(reason),
            advice: group.advice.unwrap_or_default(),
            count: count(group.count, group.counted),
            oldest: When::new(group.oldest.created_at, relays.as_of),
            can_retry: group.actions.contains(&Action::Retry),
        }
    }
}
