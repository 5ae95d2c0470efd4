//! What is on its way between the relays and inventory: a bag without order. Delay is free (any
//! message may be the next or the last to arrive); loss and doubling are faults.

use crate::model::world::{Call, Outcome};

/// Messages on their way, sorted, so that equal bags are equal states.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::model) struct Network {
    messages: Vec<Message>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::model) enum Message {
    /// A call on its way to inventory.
    Request(Call),
    /// A reserve that has seen enough stock and takes it later; only a planted flaw does that.
    Checked(Call),
    /// Inventory's answer on its way back.
    Answer(Call, Outcome),
}

impl Message {
    fn call(self) -> Call {
        match self {
            Message::Request(call) | Message::Checked(call) | Message::Answer(call, _) => call,
        }
    }
}

impl Network {
    pub(in crate::model) fn send(&mut self, message: Message) {
        let at = self.messages.partition_point(|other| *other <= message);
        self.messages.insert(at, message);
    }

    pub(in crate::model) fn take(&mut self, message: Message) {
        if let Ok(at) = self.messages.binary_search(&message) {
            self.messages.remove(at);
        }
    }

    /// Answers that nobody waits for are gone: keeping them would only multiply states.
    pub(in crate::model) fn forget_answers(&mut self, to: Call) {
        self.messages.retain(|message| !matches!(message, Message::Answer(call, _) if *call == to));
    }

    /// Whether anything of this call is still on its way.
    pub(in crate::model) fn carries(&self, call: Call) -> bool {
        self.messages.iter().any(|message| message.call() == call)
    }

    /// Each message that differs, once.
    pub(in crate::model) fn distinct(&self) -> impl Iterator<Item = Message> + '_ {
        let messages = &self.messages;
        (0..messages.len())
            .filter(|&at| at == 0 || messages[at - 1] != messages[at])
            .map(|at| messages[at])
    }

    pub(in crate::model) fn map(&self, with: impl Fn(Call) -> Call) -> Network {
        let mut messages: Vec<Message> = self
            .messages
            .iter()
            .map(|message| match *message {
                Message::Request(call) => Message::Request(with(call)),
                Message::Checked(call) => Message::Checked(with(call)),
                Message::Answer(call, outcome) => Message::Answer(with(call), outcome),
            })
            .collect();
        messages.sort_unstable();
        Network { messages }
    }
}
