//! A lock in shared memory that survives its holder's death.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::owner::Owner;
use crate::error::Error;

const FREE: u64 = 0;
/// Looks before the processor is given up; a decision takes about a microsecond.
const SPINS: u32 = 200;
const PAUSE: Duration = Duration::from_micros(50);
/// How long a holder is waited for before it is asked whether it lives.
const ASK_AFTER: Duration = Duration::from_millis(2);
/// A holder that lives and does not let go is stopped: then the limits cannot be asked.
const GIVE_UP_AFTER: Duration = Duration::from_millis(500);

/// In a lock's word a process is one holder, so its threads take turns here, also those that mapped one file twice.
static TURN: Mutex<()> = Mutex::new(());

/// The lock, while it is held.
pub(crate) struct Held<'a> {
    word: &'a AtomicU64,
    _turn: MutexGuard<'static, ()>,
}

impl<'a> Held<'a> {
    /// Takes the lock.
    pub fn take(word: &'a AtomicU64, me: Owner) -> Result<Self, Error> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        take(word, me)?;
        Ok(Self { word, _turn: turn })
    }
}

/// Takes it for the process.
fn take(word: &AtomicU64, me: Owner) -> Result<(), Error> {
    let mut holder = match try_take(word, FREE, me) {
        Ok(()) => return Ok(()),
        Err(holder) => holder,
    };
    let begun = Instant::now();
    let mut asked = begun;
    let mut looks = 0;
    loop {
        if holder == me.0 {
            // A panic left it: this process is not in it any more, since its threads take turns.
            return Ok(());
        }
        looks += 1;
        if looks < SPINS {
            spin_loop();
        } else {
            thread::sleep(PAUSE);
        }
        let expected = if asked.elapsed() < ASK_AFTER {
            FREE
        } else {
            asked = Instant::now();
            if Owner(holder).is_alive() { FREE } else { holder }
        };
        holder = match try_take(word, expected, me) {
            Ok(()) => return Ok(()),
            Err(FREE) => continue,
            Err(other) => other,
        };
        if begun.elapsed() > GIVE_UP_AFTER {
            return Err(Error::LimitsBusy);
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.word.store(FREE, Ordering::Release);
    }
}

fn try_take(word: &AtomicU64, expected: u64, me: Owner) -> Result<(), u64> {
    word.compare_exchange(expected, me.0, Ordering::Acquire, Ordering::Relaxed).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_holder_loses_it() {
        let word = AtomicU64::new(u64::from(u32::MAX) << 32 | 7);
        let held = Held::take(&word, Owner::this());
        assert!(held.is_ok());
        drop(held);
        assert_eq!(word.load(Ordering::Relaxed), FREE);
    }

    #[test]
    fn a_living_holder_that_never_lets_go_is_an_error_in_bounded_time() {
        let init = Owner(1 << 32 | Owner::this().0 & u64::from(u32::MAX));
        let alive = std::process::Command::new("sleep").arg("5").spawn();
        let Ok(mut child) = alive else { return };
        let holder = {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
            let ticks: u64 = stat
                .rsplit_once(')')
                .unwrap()
                .1
                .split_whitespace()
                .nth(19)
                .unwrap()
                .parse()
                .unwrap();
            u64::from(child.id()) << 32 | ticks & u64::from(u32::MAX)
        };
        let word = AtomicU64::new(holder);
        let begun = Instant::now();
        assert!(Held::take(&word, init).is_err());
        assert!(begun.elapsed() < GIVE_UP_AFTER * 10);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
