//! What tokens, pictures, sound and searches cost, exactly: decimal texts in, integers all the way, one rounding at the end.
//!
//! A [`Book`] finds a model's [`Schedule`] of dated prices; the schedule gives the [`Sheet`] that holds
//! when a request begins; the sheet prices its [`Tokens`]. Looking up is for configuration time, pricing
//! for every row.

mod book;
mod clause;
mod factor;
mod money;
mod picture;
mod schedule;
mod sheet;
mod slot;
mod spec;
mod tokens;
mod units;

pub use book::{Book, BookError};
pub use factor::Factor;
pub use money::{dollars, pico_of};
pub use picture::Asked as AskedPicture;
pub use schedule::Schedule;
pub use sheet::{Bound, Reach, Sheet};
pub use spec::{PriceSet, SpecError};
pub use tokens::Tokens;
pub use units::{Unit, Units};
