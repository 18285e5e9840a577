//! What is held of a stream for those who follow it: all of it while more may join, then what one of them has yet to take.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::outbox::ROOM_BYTES;

/// Who follows may be so far behind, however small the answers are that may be kept: some reads of the upstream's.
const MIN_LAG_BYTES: usize = 256 * 1024;

/// A stream on its way to several readers.
#[derive(Debug)]
pub(super) struct Held {
    pieces: VecDeque<Piece>,
    /// Bytes of the stream so far.
    total: usize,
    readers: HashMap<u64, Reader>,
    next: u64,
    max_bytes: usize,
    /// Its beginning is there no more, so that nobody can join.
    is_long: bool,
    /// Nobody waits any more for the leader's client to take what it is given.
    is_leader_stalled: bool,
}

#[derive(Debug)]
struct Piece {
    /// Where in the stream it ends.
    end: usize,
    bytes: Bytes,
}

#[derive(Debug, Default)]
struct Reader {
    taken: usize,
    /// Nobody waits for it any more, until it takes something.
    is_stalled: bool,
    /// Where the stream ends for it, while it goes on for others.
    end: Option<usize>,
}

impl Reader {
    /// How much there is for it that it has not taken, where so much came.
    fn lag(&self, total: usize) -> usize {
        self.end.unwrap_or(total) - self.taken
    }
}

/// What there is for a reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Nothing,
    Pieces(Vec<Bytes>),
    /// It was so far behind that the next of it is gone.
    Lost,
    /// The stream goes on without it.
    Ended,
}

/// Whether more of the stream is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Go,
    /// One who takes something is far behind: it is waited for a while.
    Slow,
    /// Nobody has room for more.
    Stand,
}

impl Held {
    /// Of a stream whose beginning is held up to a size.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            pieces: VecDeque::new(),
            total: 0,
            readers: HashMap::new(),
            next: 0,
            max_bytes,
            is_long: false,
            is_leader_stalled: false,
        }
    }

    /// A reader from the beginning; `None` where that is gone.
    pub fn join(&mut self) -> Option<u64> {
        if self.is_long {
            return None;
        }
        self.next += 1;
        self.readers.insert(self.next, Reader::default());
        Some(self.next)
    }

    pub fn leave(&mut self, reader: u64) {
        self.readers.remove(&reader);
        self.trim();
    }

    /// Whether anybody has the rest of it too.
    pub fn has_readers(&self) -> bool {
        self.readers.values().any(|reader| reader.end.is_none())
    }

    /// A reader has all of it up to here, and no more.
    pub fn end(&mut self, reader: u64) {
        let total = self.total;
        if let Some(reader) = self.readers.get_mut(&reader) {
            reader.end.get_or_insert(total);
        }
    }

    /// Adds to it. Whether anybody has it, or may join yet.
    pub fn give(&mut self, bytes: &[u8]) -> bool {
        self.total += bytes.len();
        self.is_long |= self.total > self.max_bytes;
        let is_wanted = !self.is_long || self.has_readers();
        if is_wanted && !bytes.is_empty() {
            let bytes = Bytes::copy_from_slice(bytes);
            self.pieces.push_back(Piece { end: self.total, bytes });
        }
        self.trim();
        is_wanted
    }

    /// The next pieces for a reader, as many as a client has room for.
    pub fn take(&mut self, reader: u64) -> Taken {
        let begins = self.begins();
        let Some(reader) = self.readers.get_mut(&reader) else { return Taken::Lost };
        let end = reader.end.unwrap_or(usize::MAX);
        if reader.taken >= end {
            return Taken::Ended;
        }
        if reader.taken < begins {
            return Taken::Lost;
        }
        let at = self.pieces.partition_point(|piece| piece.end <= reader.taken);
        let room = end.min(reader.taken + ROOM_BYTES);
        let mut taken = Vec::new();
        for piece in self.pieces.range(at..) {
            if reader.taken >= room {
                break;
            }
            reader.taken = piece.end;
            taken.push(piece.bytes.clone());
        }
        if taken.is_empty() {
            return Taken::Nothing;
        }
        reader.is_stalled = false;
        self.trim();
        Taken::Pieces(taken)
    }

    /// How fast the stream is to be read, where so much waits for the leader's client; `None` where that is gone.
    pub fn pace(&mut self, leader: Option<usize>) -> Pace {
        self.is_leader_stalled &= leader.is_some_and(|lag| lag >= ROOM_BYTES);
        let open = self.readers.values().filter(|reader| reader.end.is_none());
        let mut lags = open.map(|reader| reader.lag(self.total)).chain(leader);
        if leader.is_none() && !self.has_readers() {
            return Pace::Go; // it ends
        }
        if !lags.any(|lag| lag < ROOM_BYTES) {
            return Pace::Stand;
        }
        let is_far = |lag: usize| lag > self.max_lag() / 2;
        let waits = leader.is_some_and(is_far) && !self.is_leader_stalled
            || self.readers.values().any(|r| !r.is_stalled && is_far(r.lag(self.total)));
        if waits { Pace::Slow } else { Pace::Go }
    }

    /// Those who are far behind have taken nothing for a while: they are waited for no more.
    pub fn pass_over(&mut self) {
        let (total, far) = (self.total, self.max_lag() / 2);
        self.is_leader_stalled = true;
        for reader in self.readers.values_mut() {
            reader.is_stalled |= reader.lag(total) > far;
        }
    }

    /// How far a reader may be behind.
    pub fn max_lag(&self) -> usize {
        self.max_bytes.max(MIN_LAG_BYTES)
    }

    /// Whether a reader takes less than others, so that it may have no more of it soon.
    pub fn is_far(&self, reader: u64) -> bool {
        let far = self.max_lag() / 2;
        self.readers.get(&reader).is_none_or(|reader| reader.lag(self.total) > far)
    }

    /// Whether the next for a reader is gone.
    pub fn has_lost(&self, reader: u64) -> bool {
        self.readers.get(&reader).is_none_or(|reader| reader.taken < self.begins())
    }

    /// Where in the stream begins what is held.
    fn begins(&self) -> usize {
        self.pieces.front().map_or(self.total, |piece| piece.end - piece.bytes.len())
    }

    /// Drops what is needed no more.
    fn trim(&mut self) {
        if !self.is_long {
            return;
        }
        let wanting = self.readers.values().filter(|reader| reader.lag(self.total) > 0);
        let last = wanting.map(|reader| reader.taken).min().unwrap_or(self.total);
        let from = last.max(self.total.saturating_sub(self.max_lag()));
        while self.pieces.front().is_some_and(|piece| piece.end <= from) {
            self.pieces.pop_front();
        }
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Held {
        fn bytes(&self) -> usize {
            self.pieces.iter().map(|piece| piece.bytes.len()).sum()
        }
    }

    fn taken(held: &mut Held, reader: u64) -> Vec<u8> {
        match held.take(reader) {
            Taken::Pieces(pieces) => pieces.concat(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_long_stream_is_held_for_those_who_follow_it_and_for_nobody_else() {
        let mut alone = Held::new(10);
        assert!(alone.give(b"0123456789"));
        let late = alone.join().unwrap();
        alone.leave(late);
        assert!(!alone.give(b"a"));
        assert!(alone.join().is_none());
        assert_eq!(alone.bytes(), 0);

        let mut shared = Held::new(10);
        let other = shared.join().unwrap();
        assert!(shared.give(b"0123456789") && shared.give(b"a"));
        assert!(shared.join().is_none());
        assert_eq!(taken(&mut shared, other), b"0123456789a");
        assert_eq!(shared.bytes(), 0, "all have it");
        assert_eq!(shared.take(other), Taken::Nothing);
    }

    #[test]
    fn who_is_too_far_behind_loses_it_and_holds_nobody_back() {
        let mut held = Held::new(10);
        let (quick, idle) = (held.join().unwrap(), held.join().unwrap());
        let piece = vec![b'x'; ROOM_BYTES / 2];
        let far = MIN_LAG_BYTES / 2 / piece.len();
        for _ in 0..far {
            held.give(&piece);
            taken(&mut held, quick);
        }
        assert_eq!(held.pace(None), Pace::Go);
        held.give(&piece);
        assert_eq!(held.pace(None), Pace::Slow, "it may be about to take something");
        held.pass_over();
        assert_eq!(held.pace(None), Pace::Go);
        for _ in 0..far {
            taken(&mut held, quick);
            held.give(&piece);
        }
        assert!(held.has_lost(idle) && held.is_far(idle));
        assert_eq!(held.take(idle), Taken::Lost);
        assert!(!held.has_lost(quick) && !held.is_far(quick));
        assert!(held.bytes() <= MIN_LAG_BYTES);
    }

    #[test]
    fn who_is_ended_has_all_that_came_until_then_and_wants_nothing_more() {
        let mut held = Held::new(10);
        let (ended, other) = (held.join().unwrap(), held.join().unwrap());
        held.give(b"0123456789");
        held.end(ended);
        held.give(b"abc");
        held.end(ended); // the first holds
        assert_eq!(taken(&mut held, ended), b"0123456789");
        assert_eq!(held.take(ended), Taken::Ended);
        assert_eq!(taken(&mut held, other), b"0123456789abc");
        assert!(held.has_readers());
        held.end(other);
        assert!(!held.has_readers());
        assert_eq!(held.take(other), Taken::Ended);
    }

    #[test]
    fn who_is_ended_gives_a_stream_no_room() {
        let mut held = Held::new(1 << 20);
        let (ended, slow) = (held.join().unwrap(), held.join().unwrap());
        held.give(&vec![b'x'; ROOM_BYTES]);
        held.end(ended);
        taken(&mut held, ended);
        assert_eq!(held.pace(None), Pace::Stand);
        taken(&mut held, slow);
        assert_eq!(held.pace(None), Pace::Go);
    }

    #[test]
    fn who_is_ended_and_takes_little_slows_nobody() {
        let mut held = Held::new(10);
        let (ended, other) = (held.join().unwrap(), held.join().unwrap());
        held.give(&vec![b'x'; ROOM_BYTES]);
        held.end(ended);
        for _ in 0..MIN_LAG_BYTES / ROOM_BYTES - 1 {
            held.give(&vec![b'x'; ROOM_BYTES]);
            taken(&mut held, other);
        }
        taken(&mut held, other);
        assert_eq!(held.pace(None), Pace::Go, "what comes is none of its business");
        taken(&mut held, ended);
        assert_eq!(held.bytes(), 0, "nobody wants anything of it any more");
    }

    #[test]
    fn a_stream_stands_where_nobody_has_room() {
        let mut held = Held::new(1 << 20);
        let follower = held.join().unwrap();
        held.give(&vec![b'x'; ROOM_BYTES]);
        for (leader, pace) in
            [(Some(0), Pace::Go), (Some(ROOM_BYTES), Pace::Stand), (None, Pace::Stand)]
        {
            assert_eq!(held.pace(leader), pace, "{leader:?}");
        }
        taken(&mut held, follower);
        assert_eq!(held.pace(Some(ROOM_BYTES)), Pace::Go);
        assert_eq!(held.pace(Some(MIN_LAG_BYTES * 4)), Pace::Slow);
        held.pass_over();
        assert_eq!(held.pace(Some(MIN_LAG_BYTES * 4)), Pace::Go);
        held.leave(follower);
        assert_eq!(held.pace(Some(ROOM_BYTES)), Pace::Stand);
        assert_eq!(held.pace(None), Pace::Go);
    }

    /// What 200 readers do by turns.
    #[derive(Debug, Clone)]
    enum Turn {
        Give(usize),
        Join,
        Take(prop::sample::Index),
        End(prop::sample::Index),
        Leave(prop::sample::Index),
    }

    fn turn() -> impl Strategy<Value = Turn> {
        prop_oneof![
            4 => (1..90_000_usize).prop_map(Turn::Give),
            2 => Just(Turn::Join),
            6 => any::<prop::sample::Index>().prop_map(Turn::Take),
            1 => any::<prop::sample::Index>().prop_map(Turn::End),
            1 => any::<prop::sample::Index>().prop_map(Turn::Leave),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whoever joins, leaves and is ended, each reader has the stream from its beginning to its end without a gap, or is
        /// told that it has not; and no more is held than may be.
        #[test]
        fn readers_have_all_of_it_or_know(turns in prop::collection::vec(turn(), 1..400), max in 0..600_000_usize) {
            let mut held = Held::new(max);
            let mut said: Vec<u8> = Vec::new();
            // What each has of it, and where it ends for it.
            let mut readers: Vec<(u64, usize, Option<usize>)> = Vec::new();
            for turn in turns {
                match turn {
                    Turn::Give(size) => {
                        let more: Vec<u8> = (0..=250).cycle().skip(said.len() % 251).take(size).collect();
                        held.give(&more);
                        said.extend(more);
                        prop_assert!(held.bytes() <= held.max_lag() + 90_000);
                    }
                    Turn::Join if readers.len() < 200 => {
                        let joined = held.join();
                        prop_assert_eq!(joined.is_some(), said.len() <= max);
                        readers.extend(joined.map(|id| (id, 0, None)));
                    }
                    Turn::Take(which) if !readers.is_empty() => {
                        let (id, at, end) = readers[which.index(readers.len())];
                        let is_lost = held.has_lost(id) && end != Some(at);
                        let taken = held.take(id);
                        prop_assert_eq!(is_lost, taken == Taken::Lost);
                        match taken {
                            Taken::Nothing => prop_assert_eq!((at, end), (said.len(), None)),
                            Taken::Ended => prop_assert_eq!(end, Some(at)),
                            Taken::Lost => {
                                prop_assert!(said.len() - at > held.max_lag());
                                held.leave(id);
                                readers.retain(|reader| reader.0 != id);
                            }
                            Taken::Pieces(pieces) => {
                                let got = pieces.concat();
                                prop_assert_eq!(&got, &said[at..at + got.len()]);
                                prop_assert!(end.is_none_or(|end| at + got.len() <= end));
                                for reader in readers.iter_mut().filter(|reader| reader.0 == id) {
                                    reader.1 += got.len();
                                }
                            }
                        }
                    }
                    Turn::End(which) if !readers.is_empty() => {
                        let at = which.index(readers.len());
                        held.end(readers[at].0);
                        readers[at].2.get_or_insert(said.len());
                    }
                    Turn::Leave(which) if !readers.is_empty() => {
                        let (id, ..) = readers.swap_remove(which.index(readers.len()));
                        held.leave(id);
                    }
                    _ => {}
                }
            }
            for (id, ..) in readers {
                held.leave(id);
            }
            prop_assert!(said.len() <= max || held.bytes() == 0);
        }
    }
}
