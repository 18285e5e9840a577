//! Sets one field of an object.

use super::scan::for_each_field;
use super::splice::{Edit, splice};
use super::string::unescaped;
use super::walk::Unseen;

/// An object, which was scanned, with `key` set to `value`, which must be JSON; every other byte stays.
pub fn set(object: &[u8], key: &'static str, value: &[u8]) -> Vec<u8> {
    let mut edit = Edit::insert(key, value.to_vec());
    // An object that breaks off was refused when it was scanned.
    let _ = for_each_field(object, |walk, span| {
        let begin = walk.at;
        walk.value(&mut Unseen)?;
        if unescaped(object.get(span).unwrap_or_default()) == key {
            edit = Edit::replace(begin..walk.at, value.to_vec());
        }
        Ok(())
    });
    splice(object, &[edit])
}
