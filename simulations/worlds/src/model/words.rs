//! Actions in words, for whoever reads a trace.

use super::step::{Action, Parcel};
use super::world::Call;
use super::world::network::Message;
use std::fmt;

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Submit(order) => write!(f, "order {order} is submitted and answered"),
            Action::SubmitUnanswered(order) => {
                write!(f, "order {order} is submitted; the answer is lost")
            }
            Action::SubmitClaimed(order, relay) => {
                write!(f, "order {order} is submitted, claimed by relay {relay} and answered")
            }
            Action::SubmitClaimedUnanswered(order, relay) => {
                write!(f, "order {order} is submitted and claimed by relay {relay}; nobody is told")
            }
            Action::SubmitLost(order) => write!(f, "order {order}'s commit is lost"),
            Action::Cancel(order) => write!(f, "order {order} is cancelled"),
            Action::DeadlinePasses(order) => write!(f, "order {order}'s deadline passes"),
            Action::Claim(relay, order) => write!(f, "relay {relay} claims order {order}"),
            Action::ClaimUnanswered(relay, order) => {
                write!(f, "relay {relay} claims order {order} and does not learn of it")
            }
            Action::Send(relay) => write!(f, "relay {relay} makes its call"),
            Action::Deliver(parcel) => write!(f, "{parcel} arrives"),
            Action::Lose(parcel) => write!(f, "{parcel} is lost"),
            Action::Double(parcel) => write!(f, "{parcel} is doubled"),
            Action::Refuse(parcel) => write!(f, "{parcel} is refused"),
            Action::AnswerByProxy(parcel) => write!(f, "a proxy answers {parcel}"),
            Action::TimeOut(relay) => write!(f, "relay {relay} stops waiting"),
            Action::Record(relay) => write!(f, "relay {relay} records the outcome"),
            Action::RecordUnanswered(relay) => {
                write!(f, "relay {relay} records the outcome and does not learn of it")
            }
            Action::RecordTorn(relay) => write!(f, "relay {relay} dies in mid-record"),
            Action::Crash(relay) => write!(f, "relay {relay} crashes"),
            Action::Suspect(relay) => write!(f, "relay {relay} is taken for dead"),
            Action::HandOver(relay) => write!(f, "relay {relay} hands over"),
            Action::BreakerHalfOpens => f.write_str("the breaker half-opens"),
            Action::Repair(order, repair) => write!(f, "staff: {repair:?} of order {order}"),
        }
    }
}

impl fmt::Display for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, call) = match &self.0 {
            Message::Request(call) => ("the", call),
            Message::Checked(call) => ("the second half of the", call),
            Message::Answer(call, outcome) => {
                write!(f, "\"{outcome:?}\" to ")?;
                ("the", call)
            }
        };
        let Call { order, reservation, kind, relay, epoch } = call;
        let kind = format!("{kind:?}").to_lowercase();
        write!(f, "{what} {kind} of order {order} (id {reservation}, relay {relay}, epoch {epoch})")
    }
}
