//! Which tool call a fragment belongs to.
//!
//! `OpenAI` gives every call an `index` and names it once. Other hosts leave the index out and send
//! calls whole, send every parallel call under index 0 (Gemini's compatible endpoint), or repeat the
//! name, with a new id, in every fragment (vLLM with a named tool).

use crate::stream::nesting::Nesting;

/// The tool calls of one stream.
#[derive(Debug, Default)]
pub(super) struct Tools {
    calls: Vec<Call>,
}

/// Far above what any model calls in one answer; bounds what a hostile host can make us keep.
const MAX_CALLS: usize = 4096;

#[derive(Debug)]
pub(super) struct Call {
    choice: u32,
    index: Option<u32>,
    /// Its place among the calls of its choice.
    pub tool: u32,
    pub id: String,
    pub name: String,
    /// Whether its start was handed out.
    pub started: bool,
    arguments: Nesting,
}

impl Tools {
    /// Whether `more` fragments could all be new calls.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.calls.len().saturating_add(more) <= MAX_CALLS
    }

    /// The call that a fragment belongs to, made if it is a new one.
    pub(super) fn place(
        &mut self,
        choice: u32,
        index: Option<u32>,
        id: &str,
        name: &str,
    ) -> Option<&mut Call> {
        let known = self
            .calls
            .iter()
            .rposition(|call| call.choice == choice && (index.is_none() || call.index == index));
        let known = known
            .filter(|&at| !self.calls.get(at).is_some_and(|c| c.is_followed_by(index, id, name)));
        if let Some(at) = known {
            return self.calls.get_mut(at);
        }
        let tool = self.calls.iter().filter(|call| call.choice == choice).count();
        self.calls.push(Call {
            choice,
            index,
            tool: u32::try_from(tool).unwrap_or(u32::MAX),
            id: String::new(),
            name: String::new(),
            started: false,
            arguments: Nesting::default(),
        });
        self.calls.last_mut()
    }
}

impl Call {
    /// Whether a fragment that could be this call's begins another one instead.
    fn is_followed_by(&self, index: Option<u32>, id: &str, name: &str) -> bool {
        let other_id = !id.is_empty() && !self.id.is_empty() && id != self.id;
        let other_name = !name.is_empty() && self.started && name != self.name;
        let named_again = !name.is_empty() && self.started && index.is_none();
        let goes_on = self.arguments.is_open() && !other_name;
        (other_id || other_name || named_again) && !goes_on
    }

    /// Notes more of its arguments.
    pub(super) fn push_arguments(&mut self, fragment: &str) {
        self.arguments.push(fragment);
    }
}
