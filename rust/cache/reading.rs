//! What a body says to the cache, and a memory of it: agents send the same long bodies again byte by byte, and one pass
//! over bytes costs less than a canonical form and the digest of that.

use std::sync::{Mutex, PoisonError};

use super::canonical::{OF_FORM, canonical};
use super::key::{Key, KeyMaker};
use super::request::Nature;
use crate::error::Error;

/// Shorter bodies are read as fast as they are looked up.
const MIN_BYTES: usize = 2048;
/// Places for bodies, of 88 bytes each.
const PLACES: usize = 4096;

/// What a body says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Of its canonical form.
    pub digest: Key,
    /// What decides whether its answer is kept.
    pub nature: Nature,
}

impl Reading {
    /// Cost: a pass over the body, a copy, and its hash.
    fn of(body: &[u8]) -> Result<Self, Error> {
        let body = canonical(body, &OF_FORM)?;
        let nature = Nature::of(&body);
        Ok(Self { digest: KeyMaker::new("body").part(&body).finish(), nature })
    }
}

/// What was read last. Each body has one place, which it takes from whoever had it before.
#[derive(Debug, Default)]
pub struct Readings(Mutex<Box<[Place]>>);

/// What a body said, by the name of the body.
type Place = Option<(Key, Reading)>;

impl Readings {
    /// What a body says. What one tenant sent is no faster to read for another, who would learn of it by that.
    ///
    /// Cost: a hash of the body where the same bytes were read before; else that and a reading.
    pub fn read(&self, tenant: &str, body: &[u8]) -> Result<Reading, Error> {
        if body.len() < MIN_BYTES {
            return Reading::of(body);
        }
        let name = named(tenant, body);
        if let Some(reading) = self.find(&name) {
            return Ok(reading);
        }
        let reading = Reading::of(body)?;
        self.keep(name, reading);
        Ok(reading)
    }

    fn find(&self, name: &Key) -> Option<Reading> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, reading) = places.get(place(name))?.as_ref()?;
        (known == name).then_some(*reading)
    }

    fn keep(&self, name: Key, reading: Reading) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.is_empty() {
            *places = vec![None; PLACES].into(); // not before there is a long body
        }
        if let Some(place) = places.get_mut(place(&name)) {
            *place = Some((name, reading));
        }
    }
}

/// The digest of a tenant's bytes: one that nobody can bring about twice.
fn named(tenant: &str, body: &[u8]) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(tenant.len() as u64).to_be_bytes());
    hasher.update(tenant.as_bytes());
    hasher.update(body);
    hasher.finalize().into()
}

fn place(name: &Key) -> usize {
    usize::from(u16::from_be_bytes([name[0], name[1]])) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str, temperature: &str) -> Vec<u8> {
        let long = "x".repeat(2 * MIN_BYTES);
        format!(r#"{{"stream":true,"temperature":{temperature},"text":"{long}{text}"}}"#)
            .into_bytes()
    }

    fn taken(readings: &Readings) -> usize {
        readings.0.lock().unwrap().iter().flatten().count()
    }

    #[test]
    fn the_second_look_says_what_the_first_said() {
        let readings = Readings::default();
        let (one, other) = (body("one", "0.5"), body("other", "1"));
        for body in [&one, &other] {
            let said = readings.read("team a", body).unwrap();
            assert_eq!(said, Reading::of(body).unwrap());
            assert_eq!(readings.read("team a", body).unwrap(), said);
        }
        assert_eq!(taken(&readings), 2);
        assert_eq!(readings.read("team a", &one).unwrap().nature.temperature, Some(0.5));
    }

    #[test]
    fn other_bytes_that_say_the_same_have_the_same_digest() {
        let readings = Readings::default();
        let one = body("one", "0.5");
        let other = String::from_utf8(one.clone()).unwrap().replace("\"stream\":true,", " ");
        let said = [&one[..], other.as_bytes()].map(|it| readings.read("team a", it).unwrap());
        assert_eq!(said[0], said[1]);
        assert_eq!(taken(&readings), 2);
    }

    #[test]
    fn tenants_do_not_share_what_was_read() {
        let readings = Readings::default();
        let body = body("one", "0.5");
        readings.read("team a", &body).unwrap();
        assert_eq!(readings.find(&named("team b", &body)), None);
        // Nor where a tenant's name and a body together are written like another's.
        let whole = [b"x", &body[..]].concat();
        assert_ne!(named("team a", &whole), named("team ax", &body));
    }

    #[test]
    fn a_place_is_the_last_one_s() {
        let readings = Readings::default();
        let reading = Reading { digest: [1; 32], nature: Nature::default() };
        let (mut one, mut other) = ([0; 32], [0; 32]);
        (one[31], other[31]) = (1, 2);
        readings.keep(one, reading);
        readings.keep(other, reading);
        assert_eq!((readings.find(&one), readings.find(&other)), (None, Some(reading)));
    }

    #[test]
    fn short_bodies_and_broken_ones_take_no_place() {
        let readings = Readings::default();
        readings.read("team a", br#"{"a":1}"#).unwrap();
        assert!(readings.read("team a", &vec![b'['; 2 * MIN_BYTES]).is_err());
        assert_eq!(taken(&readings), 0);
    }
}
