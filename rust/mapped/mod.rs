//! Memory that the processes of a host share: words in a mapped file, a lock that survives its holder, who is alive.

mod file;
mod lock;
mod owner;
mod words;

pub(crate) use file::{Kind, Mapped};
pub(crate) use lock::Held;
pub(crate) use owner::Owner;
