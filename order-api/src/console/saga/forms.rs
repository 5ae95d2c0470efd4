//! The forms of what staff can do: exactly those actions that this state takes.

use http::StatusCode;
use saga::explain::Action;

/// An action that was asked for and not carried out: what was typed is kept, and what was said.
pub(in crate::console) struct Tried {
    pub(in crate::console) kind: String,
    pub(in crate::console) reason: String,
    pub(in crate::console) evidence: String,
    pub(in crate::console) finding: String,
    pub(in crate::console) said: String,
    pub(in crate::console) status: StatusCode,
}

pub(super) struct ActForm {
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) button: &'static str,
    pub(super) version: i32,
    pub(super) reason: String,
    pub(super) evidence: String,
    pub(super) finding: String,
    pub(super) said: Option<String>,
}

/// A form whose action the state does not take any more stays, when it was just used: its answer belongs there.
pub(super) fn of(actions: &[Action], version: i32, tried: Option<&Tried>) -> Vec<ActForm> {
    let all = [Action::Retry, Action::Cancel, Action::Resolve, Action::Note];
    let was_tried = |form: &ActForm| tried.is_some_and(|tried| tried.kind == form.kind);
    let forms = all.into_iter().map(|action| (actions.contains(&action), form(action, version)));
    let shown = forms.filter(|(is_taken, form)| *is_taken || was_tried(form));
    shown
        .map(|(_, form)| match tried.filter(|tried| tried.kind == form.kind) {
            None => form,
            Some(tried) => ActForm {
                reason: tried.reason.clone(),
                evidence: tried.evidence.clone(),
                finding: tried.finding.clone(),
                said: Some(tried.said.clone()),
                ..form
            },
        })
        .collect()
}

fn form(action: Action, version: i32) -> ActForm {
    let (kind, title, about, button) = match action {
        Action::Retry => ("retry", "Retry", "Tries again now.", "Retry now"),
        Action::Cancel => {
            ("cancel", "Cancel", "Releases its stock and cancels it.", "Cancel the order")
        }
        Action::Resolve => {
            ("resolve", "Resolve", "Only if you have checked inventory yourself.", "Resolve")
        }
        Action::Note => ("note", "Note", "Visible to colleagues only.", "Add note"),
    };
    let (reason, evidence, finding) = (String::new(), String::new(), String::new());
    ActForm { kind, title, about, button, version, reason, evidence, finding, said: None }
}
