//! Vectors of texts: answers of hosts read in whichever form, and written as the client's dialect has them.
//!
//! Numbers are text until somebody wants them in another coding, so that none changes on its way.

mod asked;
mod form;
mod items;
mod items_answer;
mod items_kept;
mod read;
mod texts;
mod vector;
mod write;

pub use asked::Wanted;
pub use form::{Form, is_predicted};
pub use items::{Gathering, Items};
pub use items_answer::Whole;
pub use read::{Answer, read};
pub use texts::count_tokens;
pub use vector::Vector;
pub use write::{Taken, take};
