//! The ledger's columns in the order of the export.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A text, or JSON as text.
    Json,
    /// A whole number of 64 bits. Truth is 1.
    Integer,
    /// US dollars as a decimal text of up to 15 whole digits and 12 places.
    Money,
}

impl Kind {
    /// Its name outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Integer => "integer",
            Self::Money => "money",
        }
    }

    /// What a value that cannot be held is not.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "readable JSON",
            Self::Integer => "whole number of 64 bits",
            Self::Money => "sum of money",
        }
    }
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// As the journal, the store and the export have it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// All of them.
pub const COLUMNS: [Column; 50] = [
    text("request_id"),
    text("client_ref"),
    integer("attempt"),
    text("parent_run"),
    text("run"),
    text("key_name"),
    text("organisation"),
    text("team"),
    text("project"),
    text("user"),
    json("tags"),
    json("metadata"),
    text("time"),
    text("operation"),
    text("dialect"),
    text("provider"),
    text("requested_model"),
    text("routed_model"),
    text("response_model"),
    text("upstream_request_id"),
    text("upstream_dialect"),
    integer("stream"),
    integer("status"),
    integer("client_status"),
    text("outcome"),
    text("error_code"),
    text("basis"),
    integer("input_tokens"),
    integer("cached_input_tokens"),
    integer("cache_write_tokens"),
    integer("cache_write_1h_tokens"),
    integer("output_tokens"),
    integer("reasoning_tokens"),
    integer("audio_tokens"),
    integer("image_tokens"),
    integer("counted_output_tokens"),
    money("cost_usd"),
    money("saved_usd"),
    text("price_version"),
    integer("latency_ms"),
    integer("first_token_ms"),
    text("cache"),
    text("tool"),
    text("response_id"),
    text("finish_reason"),
    integer("is_byok"),
    integer("saved_input_tokens"),
    integer("saved_output_tokens"),
    integer("saved_ms"),
    money("prompt_cache_saved_usd"),
];

pub(super) const REQUEST_ID: usize = 0;
pub(super) const ATTEMPT: usize = 2;
/// The place of `time`, which every row has.
pub const TIME: usize = 12;
pub(super) const STREAM: usize = 21;

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn json(name: &'static str) -> Column {
    Column { name, kind: Kind::Json }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: Kind::Integer }
}

const fn money(name: &'static str) -> Column {
    Column { name, kind: Kind::Money }
}

/// Finds columns by name. Rows are written in one order, so it looks first at what came next in the row before.
#[derive(Debug)]
pub(super) struct Finder {
    next: [usize; COLUMNS.len() + 1],
    last: usize,
}

impl Finder {
    pub(super) const fn new() -> Self {
        Self { next: [0; COLUMNS.len() + 1], last: COLUMNS.len() }
    }

    /// A row begins.
    pub(super) const fn begin(&mut self) {
        self.last = COLUMNS.len();
    }

    /// The place of the row's next column, where there is such a column.
    pub(super) fn find(&mut self, name: &str) -> Option<usize> {
        let is_it = |place: &usize| COLUMNS.get(*place).is_some_and(|column| column.name == name);
        let next = self.next.get_mut(self.last)?;
        let place = Some(*next).filter(is_it).or_else(|| (0..COLUMNS.len()).find(is_it))?;
        (*next, self.last) = (place, place);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_their_names() {
        for (place, name) in
            [(REQUEST_ID, "request_id"), (ATTEMPT, "attempt"), (TIME, "time"), (STREAM, "stream")]
        {
            assert_eq!(Finder::new().find(name), Some(place));
        }
    }

    #[test]
    fn a_column_is_found_in_any_order() {
        let mut finder = Finder::new();
        for names in [["time", "run", "user"], ["time", "run", "tool"], ["user", "colour", "time"]]
        {
            finder.begin();
            for name in names {
                let place = COLUMNS.iter().position(|column| column.name == name);
                assert_eq!(finder.find(name), place, "{name}");
            }
        }
    }
}
