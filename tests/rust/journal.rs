//! The journal: what was recorded comes out, whole and once, whatever was cut or killed.

use proptest::prelude::*;
use sluicegate::error::Error;
use sluicegate::journal::{Drain, Journal, Options, RecordId, Row, RowKind, snapshot};
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const SMALL: Options = Options { segment_bytes: 4 << 10, max_bytes: 1 << 20 };

/// A directory of this test alone, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("journal-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).join("journal"))
    }

    fn files(&self, suffix: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.0)
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        files.retain(|path| path.to_str().unwrap().ends_with(suffix));
        files.sort();
        files
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn id(number: u32) -> RecordId {
    let mut request_id = [0; 16];
    request_id[12..].copy_from_slice(&number.to_be_bytes());
    RecordId { request_id, attempt: 1 }
}

fn row(number: u32, kind: RowKind, payload: &[u8]) -> Row {
    Row { id: id(number), kind, payload: payload.to_vec() }
}

fn drain(dir: &Dir) -> Drain {
    Drain::try_open(&dir.0).unwrap().expect("nobody else drains")
}

#[test]
fn a_settlement_is_drained_and_open_intents_of_the_living_are_not() {
    let dir = Dir::new();
    let mut journal = Journal::open(&dir.0, SMALL).unwrap();
    journal.intent(id(1), b"one").unwrap();
    journal.sent(id(1)).unwrap();
    journal.intent_sent(id(2), b"two").unwrap();
    journal.settle(id(1), b"done").unwrap();
    let settled = vec![row(1, RowKind::Settlement, b"done")];
    assert_eq!(snapshot(&dir.0).unwrap(), settled);
    let mut drain = drain(&dir);
    assert_eq!(drain.next_batch(10).unwrap(), settled);
    assert_eq!(drain.next_batch(10).unwrap(), []);
    drain.commit().unwrap();
    assert_eq!(snapshot(&dir.0).unwrap(), []);
    journal.settle(id(2), b"late").unwrap();
    assert_eq!(drain.next_batch(10).unwrap(), vec![row(2, RowKind::Settlement, b"late")]);
}

#[test]
fn what_a_dead_owner_left_open_is_unknown_if_sent_and_released_if_not() {
    let dir = Dir::new();
    let mut journal = Journal::open(&dir.0, SMALL).unwrap();
    journal.intent(id(1), b"unsent").unwrap();
    journal.intent_sent(id(3), b"sent at once").unwrap();
    journal.intent(id(2), b"sent").unwrap();
    journal.sent(id(2)).unwrap();
    journal.intent(id(4), b"taken back").unwrap();
    journal.release(id(4)).unwrap();
    drop(journal);
    let unknown = [row(2, RowKind::Unknown, b"sent"), row(3, RowKind::Unknown, b"sent at once")];
    assert_eq!(snapshot(&dir.0).unwrap(), unknown);
    let mut drain = drain(&dir);
    // In two batches, with a commit between: what is not yet handed out must not be lost.
    assert_eq!(
        drain.next_batch(2).unwrap(),
        [row(1, RowKind::Released, b"unsent"), unknown[0].clone()]
    );
    drain.commit().unwrap();
    assert_eq!(snapshot(&dir.0).unwrap(), unknown);
    assert_eq!(drain.next_batch(2).unwrap(), unknown[1..]);
    drain.commit().unwrap();
    assert_eq!(drain.next_batch(2).unwrap(), []);
    assert_eq!(snapshot(&dir.0).unwrap(), []);
    assert_eq!(dir.files("").len(), 1, "only drain.lock is left");
}

#[test]
fn without_a_commit_the_same_rows_come_again() {
    let dir = Dir::new();
    let mut journal = Journal::open(&dir.0, SMALL).unwrap();
    for number in 0..5 {
        journal.settle(id(number), b"row").unwrap();
    }
    let mut first = drain(&dir);
    let rows = first.next_batch(3).unwrap();
    first.rewind();
    assert_eq!(first.next_batch(3).unwrap(), rows);
    drop(first);
    assert_eq!(drain(&dir).next_batch(3).unwrap(), rows);
}

#[test]
fn one_drains_at_a_time() {
    let dir = Dir::new();
    let first = drain(&dir);
    assert!(Drain::try_open(&dir.0).unwrap().is_none());
    drop(first);
    assert!(Drain::try_open(&dir.0).unwrap().is_some());
}

#[test]
fn a_long_request_does_not_keep_every_segment() {
    let dir = Dir::new();
    let mut journal = Journal::open(&dir.0, SMALL).unwrap();
    let mut drain = drain(&dir);
    journal.intent_sent(id(0), b"long").unwrap();
    for number in 1..200 {
        journal.settle(id(number), &[b'x'; 200]).unwrap();
        assert_eq!(drain.next_batch(10).unwrap().len(), 1);
        drain.commit().unwrap();
        assert!(dir.files(".seg").len() <= 2);
    }
    drop((journal, drain));
    assert_eq!(snapshot(&dir.0).unwrap(), [row(0, RowKind::Unknown, b"long")]);
    let mut drain = self::drain(&dir);
    assert_eq!(drain.next_batch(10).unwrap(), [row(0, RowKind::Unknown, b"long")]);
}

#[test]
fn a_full_journal_refuses_intents_takes_settlements_and_recovers() {
    let dir = Dir::new();
    let options = Options { segment_bytes: 8 << 10, max_bytes: 64 << 10 };
    let mut journal = Journal::open(&dir.0, options).unwrap();
    let mut open = 0;
    let refused = loop {
        match journal.intent(id(open), &[b'i'; 300]) {
            Ok(()) => open += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::JournalFull { max_bytes: 65_536, .. }), "{refused:?}");
    for number in 0..open {
        journal.settle(id(number), &[b's'; 700]).unwrap();
    }
    assert!(journal.used_bytes() <= options.max_bytes);
    assert!(journal.fill_ratio() > 0.7);
    let mut drain = drain(&dir);
    assert_eq!(drain.next_batch(usize::MAX).unwrap().len(), open as usize);
    drain.commit().unwrap();
    journal.intent(id(open), &[b'i'; 300]).unwrap();
    assert!(journal.fill_ratio() < 0.3);
}

#[test]
fn a_directory_that_vanishes_is_an_error_and_its_return_a_recovery() {
    let dir = Dir::new();
    let mut journal = Journal::open(&dir.0, SMALL).unwrap();
    let aside = dir.0.with_extension("aside");
    std::fs::rename(&dir.0, &aside).unwrap();
    let mut number = 0;
    let error = loop {
        match journal.settle(id(number), &[b'x'; 500]) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Journal(_)), "{error:?}");
    std::fs::rename(&aside, &dir.0).unwrap();
    journal.settle(id(number), b"again").unwrap();
    assert_eq!(snapshot(&dir.0).unwrap().len(), number as usize + 1);
}

/// Needs a file system of at most 64 MiB of its own, such as a tmpfs mounted for it.
#[test]
fn a_full_disk_refuses_intents_settles_what_is_open_and_recovers() {
    let Some(disk) = std::env::var_os("SLUICEGATE_SMALL_DISK").map(PathBuf::from) else {
        eprintln!(
            "SKIPPED: set SLUICEGATE_SMALL_DISK to an empty directory on a small file system"
        );
        return;
    };
    let dir = Dir(disk.join("journal-test/journal"));
    let options = Options { segment_bytes: 1 << 20, max_bytes: 512 << 20 };
    let mut journal = Journal::open(&dir.0, options).unwrap();
    let filler = dir.0.with_extension("filler");
    let mut disk = std::fs::File::create(&filler).unwrap();
    while disk.write_all(&[b'x'; 4096]).is_ok() {}
    let mut open = 0;
    let refused = loop {
        match journal.intent(id(open), &[b'i'; 500]) {
            Ok(()) => open += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Journal(_)), "{refused:?}");
    assert!(open > 100);
    for number in 0..open {
        journal.sent(id(number)).unwrap();
    }
    // A quarter of a segment is kept free for them; past that space would be needed.
    let settled =
        (0..open).take_while(|number| journal.settle(id(*number), &[b's'; 900]).is_ok()).count();
    assert!(settled > 200, "{settled} of {open} settled");
    assert!(journal.intent(id(open), &[b'i'; 500]).is_err());
    std::fs::remove_file(&filler).unwrap();
    drop(disk);
    journal.intent(id(open), &[b'i'; 500]).unwrap();
    drop(journal);
    let rows = drain(&dir).next_batch(usize::MAX).unwrap();
    assert_eq!(rows.iter().filter(|row| row.kind == RowKind::Settlement).count(), settled);
    assert_eq!(rows.len(), open as usize + 1);
}

#[test]
fn a_row_larger_than_a_segment_gets_one_of_its_own_and_one_past_the_bound_is_refused() {
    let dir = Dir::new();
    let mut journal = Journal::open(&dir.0, SMALL).unwrap();
    let large = vec![b'x'; 200_000];
    journal.settle(id(1), b"small").unwrap();
    journal.settle(id(2), &large).unwrap();
    journal.settle(id(3), b"small").unwrap();
    assert!(matches!(journal.settle(id(4), &vec![0; 17 << 20]), Err(Error::Journal(_))));
    let rows = snapshot(&dir.0).unwrap();
    assert_eq!(rows.iter().map(|row| row.payload.len()).collect::<Vec<_>>(), [5, 200_000, 5]);
}

#[test]
fn segments_are_really_allocated_and_private() {
    use std::os::unix::fs::MetadataExt;
    let dir = Dir::new();
    let _journal = Journal::open(&dir.0, Options::default()).unwrap();
    let segment = dir.files(".seg")[0].metadata().unwrap();
    assert_eq!(segment.len(), 8 << 20);
    assert!(segment.blocks() * 512 >= 8 << 20, "a sparse file could run out of space");
    assert_eq!(segment.mode() & 0o777, 0o600);
    assert_eq!(dir.0.metadata().unwrap().mode() & 0o777, 0o700);
}

#[test]
fn no_directory_is_an_empty_journal() {
    assert_eq!(snapshot(Path::new("/nonexistent/journal")).unwrap(), []);
}

#[test]
fn a_record_copied_to_another_place_is_no_record() {
    let dir = Dir::new();
    let mut journal = Journal::open(&dir.0, SMALL).unwrap();
    journal.settle(id(1), b"row").unwrap();
    let end = usize::try_from(journal.used_bytes()).unwrap();
    drop(journal);
    let segment = &dir.files(".seg")[0];
    let mut bytes = std::fs::read(segment).unwrap();
    bytes.copy_within(..end, end);
    std::fs::write(segment, bytes).unwrap();
    assert_eq!(snapshot(&dir.0).unwrap(), [row(1, RowKind::Settlement, b"row")]);
}

/// What a test does to the journal.
#[derive(Debug, Clone)]
enum Step {
    Intent(u32, Vec<u8>),
    IntentSent(u32, Vec<u8>),
    Sent(u32),
    Settle(u32, Vec<u8>),
    Release(u32),
    Batch(usize),
    Commit,
    Rewind,
    NewDrainer,
    Snapshot,
}

fn write_step() -> impl Strategy<Value = Step> {
    let payload = || proptest::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        (0..6u32, payload()).prop_map(|(id, payload)| Step::Intent(id, payload)),
        (0..6u32, payload()).prop_map(|(id, payload)| Step::IntentSent(id, payload)),
        (0..6u32).prop_map(Step::Sent),
        (0..6u32, payload()).prop_map(|(id, payload)| Step::Settle(id, payload)),
        (0..6u32).prop_map(Step::Release),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => write_step(),
        2 => (1..4usize).prop_map(Step::Batch),
        1 => Just(Step::Commit),
        1 => Just(Step::Rewind),
        1 => Just(Step::NewDrainer),
        1 => Just(Step::Snapshot),
    ]
}

/// What the written steps mean: settlements in order, and what is open, with whether it was sent.
#[derive(Default)]
struct Model {
    settlements: Vec<Row>,
    open: BTreeMap<u32, (bool, Vec<u8>)>,
}

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Intent(number, payload) => {
                self.open.insert(*number, (false, payload.clone()));
            }
            Step::IntentSent(number, payload) => {
                self.open.insert(*number, (true, payload.clone()));
            }
            Step::Sent(number) => {
                if let Some((sent, _)) = self.open.get_mut(number) {
                    *sent = true;
                }
            }
            Step::Settle(number, payload) => {
                self.open.remove(number);
                self.settlements.push(row(*number, RowKind::Settlement, payload));
            }
            Step::Release(number) => _ = self.open.remove(number),
            _ => {}
        }
    }

    /// All rows that come out if the owner dies here.
    fn rows_after_death(&self) -> Vec<Row> {
        let left = self.open.iter().map(|(number, (sent, payload))| {
            row(*number, if *sent { RowKind::Unknown } else { RowKind::Released }, payload)
        });
        self.settlements.iter().cloned().chain(left).collect()
    }
}

fn write(journal: &mut Journal, step: &Step) -> Result<(), Error> {
    match step {
        Step::Intent(number, payload) => journal.intent(id(*number), payload),
        Step::IntentSent(number, payload) => journal.intent_sent(id(*number), payload),
        Step::Sent(number) => journal.sent(id(*number)),
        Step::Settle(number, payload) => journal.settle(id(*number), payload),
        Step::Release(number) => journal.release(id(*number)),
        _ => Ok(()),
    }
}

/// Upserts as a store does.
fn upsert(store: &mut BTreeMap<RecordId, Row>, rows: Vec<Row>) {
    for row in rows {
        if row.kind == RowKind::Settlement {
            store.insert(row.id, row);
        } else {
            store.entry(row.id).or_insert(row);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 5, ..ProptestConfig::default() })]

    /// Cut, zeroed from, or broken at any byte: the records before are there and no others are.
    #[test]
    fn at_any_damage_the_whole_records_before_it_come_out(
        steps in proptest::collection::vec(write_step(), 1..10),
    ) {
        let dir = Dir::new();
        let mut journal = Journal::open(&dir.0, Options { segment_bytes: 16 << 10, ..SMALL }).unwrap();
        let mut ends = Vec::new();
        for step in &steps {
            write(&mut journal, step).unwrap();
            ends.push(usize::try_from(journal.used_bytes()).unwrap());
        }
        drop(journal);
        let segment = dir.files(".seg").remove(0);
        let lock = dir.files(".lock").remove(0);
        let whole = std::fs::read(&segment).unwrap();
        let written = ends.last().copied().unwrap();
        for at in 0..=written {
            for damage in 0..3 {
                let mut bytes = whole.clone();
                match damage {
                    0 => bytes.truncate(at),
                    1 => bytes[at..].fill(0),
                    _ => bytes[at] ^= 0x41,
                }
                // Zeros over zeros are no damage: a record that ends in them is still whole.
                let same = whole.iter().zip(&bytes).take_while(|(was, is)| was == is).count();
                let mut model = Model::default();
                for (step, _) in steps.iter().zip(&ends).filter(|(_, end)| **end <= same) {
                    model.apply(step);
                }
                let expected = model.rows_after_death();
                std::fs::write(&segment, bytes).unwrap();
                std::fs::write(&lock, []).unwrap();
                let mut drain = drain(&dir);
                prop_assert_eq!(&drain.next_batch(usize::MAX).unwrap(), &expected, "at {} by {}", at, damage);
                drain.commit().unwrap();
                prop_assert!(dir.files(".seg").is_empty());
            }
        }
    }

    /// Any interleaving of writing, draining, failing and looking loses and invents nothing.
    #[test]
    fn any_interleaving_ends_in_the_same_store(
        steps in proptest::collection::vec(any_step(), 1..200),
    ) {
        let dir = Dir::new();
        let options = Options { segment_bytes: 1 << 10, max_bytes: 8 << 20 };
        let mut journal = Journal::open(&dir.0, options).unwrap();
        let mut drain = Some(drain(&dir));
        let (mut model, mut store) = (Model::default(), BTreeMap::new());
        for step in &steps {
            write(&mut journal, step).unwrap();
            model.apply(step);
            let drainer = drain.as_mut().unwrap();
            match step {
                Step::Batch(rows) => upsert(&mut store, drainer.next_batch(*rows).unwrap()),
                Step::Commit => drainer.commit().unwrap(),
                Step::Rewind => drainer.rewind(),
                Step::NewDrainer => {
                    drop(drain.take());
                    drain = Some(self::drain(&dir));
                }
                Step::Snapshot => {
                    let mut seen = store.clone();
                    upsert(&mut seen, snapshot(&dir.0).unwrap());
                    let mut expected = BTreeMap::new();
                    upsert(&mut expected, model.settlements.clone());
                    prop_assert_eq!(seen, expected);
                }
                _ => {}
            }
        }
        drop(journal);
        let drainer = drain.as_mut().unwrap();
        while let Some(rows) = Some(drainer.next_batch(2).unwrap()).filter(|rows| !rows.is_empty()) {
            upsert(&mut store, rows);
            drainer.commit().unwrap();
        }
        drainer.commit().unwrap();
        let mut expected = BTreeMap::new();
        upsert(&mut expected, model.rows_after_death());
        prop_assert_eq!(store, expected);
        prop_assert_eq!(dir.files("").len(), 1);
    }
}

/// The environment variable that turns the next test into the process to be killed.
const CHILD_DIR: &str = "SLUICEGATE_JOURNAL_CHILD_DIR";

/// Not a test by itself: writes, telling what has returned, until it is killed.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let options = Options { segment_bytes: 64 << 10, max_bytes: 512 << 20 };
    let mut journal = Journal::open(Path::new(&dir), options).unwrap();
    let mut out = std::io::stdout().lock();
    for number in 0.. {
        journal.intent(id(number), &[b'i'; 400]).unwrap();
        writeln!(out, "\nintent {number}").unwrap();
        journal.sent(id(number)).unwrap();
        writeln!(out, "sent {number}").unwrap();
        if number % 3 != 0 {
            journal.settle(id(number), &[b's'; 500]).unwrap();
            writeln!(out, "settled {number}").unwrap();
        }
    }
}

#[test]
fn after_kill_9_everything_that_returned_is_there() {
    for lines in [1, 500, 1001, 2003] {
        let dir = Dir::new();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD_DIR, &dir.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut sent, mut settled) = (HashSet::new(), HashSet::new());
        let mut note = |line: &str| match line.split_once(' ') {
            Some(("sent", number)) => _ = sent.insert(number.parse::<u32>().unwrap()),
            Some(("settled", number)) => _ = settled.insert(number.parse::<u32>().unwrap()),
            _ => {}
        };
        told.by_ref().take(lines).for_each(|line| note(&line.unwrap()));
        // Alive, its intents are its own.
        let alive = snapshot(&dir.0).unwrap();
        assert!(alive.iter().all(|row| row.kind == RowKind::Settlement));
        child.kill().unwrap();
        child.wait().unwrap();
        told.map_while(Result::ok).for_each(|line| note(&line));

        let rows = drain(&dir).next_batch(usize::MAX).unwrap();
        let of = |kind| {
            rows.iter()
                .filter(move |row| row.kind == kind)
                .map(|row| row.id)
                .collect::<HashSet<_>>()
        };
        let ids = |numbers: &HashSet<u32>| {
            numbers.iter().map(|number| id(*number)).collect::<HashSet<_>>()
        };
        let (rows_settled, rows_unknown) = (of(RowKind::Settlement), of(RowKind::Unknown));
        assert!(rows_settled.is_superset(&ids(&settled)));
        assert!(ids(&sent).iter().all(|id| rows_settled.contains(id) || rows_unknown.contains(id)));
        // At most one call of each kind had been made and not told.
        assert!(rows_settled.len() <= settled.len() + 1);
        assert!(rows.len() <= sent.len() + 1, "{} rows, {} sent", rows.len(), sent.len());
    }
}

#[test]
fn a_snapshot_beside_a_writer_and_a_drainer_never_misses_a_settlement() {
    const ROWS: u32 = 3000;
    let dir = Dir::new();
    let options = Options { segment_bytes: 4 << 10, max_bytes: 64 << 20 };
    let mut journal = Journal::open(&dir.0, options).unwrap();
    let store = std::sync::Mutex::new(HashSet::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..ROWS {
                journal.intent_sent(id(number), &[b'i'; 100]).unwrap();
                journal.settle(id(number), &[b's'; 100]).unwrap();
            }
            drop(journal);
        });
        scope.spawn(|| {
            let mut drain = drain(&dir);
            while store.lock().unwrap().len() < ROWS as usize {
                let rows = drain.next_batch(37).unwrap();
                assert!(rows.iter().all(|row| row.kind == RowKind::Settlement));
                store.lock().unwrap().extend(rows.iter().map(|row| row.id));
                drain.commit().unwrap();
            }
        });
        let mut most = 0;
        while most < ROWS as usize {
            let rows = snapshot(&dir.0).unwrap();
            assert!(
                rows.iter().all(|row| row.kind == RowKind::Settlement),
                "an outcome was invented"
            );
            let mut seen: HashSet<RecordId> = rows.iter().map(|row| row.id).collect();
            seen.extend(store.lock().unwrap().iter());
            assert!(seen.len() >= most);
            let highest = seen
                .iter()
                .map(|id| u32::from_be_bytes(id.request_id[12..].try_into().unwrap()))
                .max();
            assert_eq!(highest.map_or(0, |highest| highest as usize + 1), seen.len(), "a gap");
            most = seen.len();
        }
    });
}
