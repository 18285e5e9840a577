//! Memory that the processes of a host share: words in a mapped file, a lock that survives its holder, who is alive.

mod lock;
mod owner;
mod words;

pub(crate) use lock::Held;
pub(crate) use owner::Owner;
pub(crate) use words::Words;
