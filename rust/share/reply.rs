//! What the script answers.

use redis::Value;

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Names the server's memory: an empty one has another name.
    pub generation: String,
    /// Hosts that live.
    pub hosts: u64,
    /// Keys of counters that somebody lacks units of.
    pub wanted: Vec<String>,
    /// One for each operation.
    pub answers: Vec<Vec<Value>>,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// For each part: units that were granted; and units that are left, or of a rate microseconds until it is full.
    Granted(Vec<(u64, u64)>),
    /// Nothing was.
    NoRoom {
        /// The part that has no room, from 0.
        part: usize,
        /// Units of it that are left.
        remaining: u64,
        /// Microseconds until time alone brings back what is needed; None is never.
        wait_us: Option<u64>,
        /// It is spent for good.
        is_gone: bool,
        /// Hosts whose leases nobody will use up or give back.
        stale: Vec<String>,
    },
    /// Nothing was: a ledger must say first what was spent of this part.
    Unknown(usize),
    /// Nothing was: other hosts must say first what they have.
    Unheard,
}

impl Reply {
    /// The reply in what the server sent; None where it is another one.
    pub fn read(value: Value) -> Option<Self> {
        let [generation, hosts, wanted, answers]: [Value; 4] = array(value)?.try_into().ok()?;
        Some(Self {
            generation: text(&generation)?.to_owned(),
            hosts: number(&hosts)?,
            wanted: array(wanted)?.iter().filter_map(text).map(str::to_owned).collect(),
            answers: array(answers)?.into_iter().map(array).collect::<Option<_>>()?,
        })
    }
}

impl Decision {
    /// The decision in an answer.
    pub fn read(answer: &[Value]) -> Option<Self> {
        let (first, rest) = answer.split_first()?;
        match (text(first)?, rest) {
            ("1", grants) => {
                let pairs = grants.chunks_exact(2).map(|pair| match pair {
                    [units, other] => Some((number(units)?, number(other)?)),
                    _ => None,
                });
                pairs.collect::<Option<_>>().map(Self::Granted)
            }
            ("!", [_]) => Some(Self::Unheard),
            ("?", [part]) => Some(Self::Unknown(place(part)?)),
            ("0", [remaining, wait_us, is_gone, stale, part]) => Some(Self::NoRoom {
                part: place(part)?,
                remaining: number(remaining)?,
                wait_us: number(wait_us),
                is_gone: text(is_gone)? == "1",
                stale: array(stale.clone())?.iter().filter_map(text).map(str::to_owned).collect(),
            }),
            _ => None,
        }
    }
}

/// A whole number from 0.
pub(super) fn number(value: &Value) -> Option<u64> {
    text(value)?.parse().ok()
}

fn place(value: &Value) -> Option<usize> {
    usize::try_from(number(value)?).ok()?.checked_sub(1)
}

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}
