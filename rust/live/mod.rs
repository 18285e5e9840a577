//! What passes in a realtime session, and what its messages say: pure reading, whoever carries them.

mod context;
mod event;
mod line;
mod message;
mod upgrade;
mod words;

pub use context::{Context, spoken};
pub use event::{Asked, Bound, Done, Said, Unreadable, Update, read_client, read_upstream};
pub use line::Line;
pub use message::{Closing, Message, Utf8Bytes};
pub use upgrade::{UpgradeError, agrees, check, config, is_websocket, new_key};
pub use words::{CANCEL, Wrong, error_event, renamed};
