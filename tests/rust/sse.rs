//! The stream parser: the standard's cases, recorded streams, and the promise that no cut changes anything.

#[path = "sse/corpus.rs"]
mod corpus;

use proptest::prelude::*;
use sluicegate::error::Error;
use sluicegate::sse::{Frame, Parser};

const MAX: usize = 64 << 20;

/// What a caller keeps of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    name: String,
    data: Vec<u8>,
    id: Option<Vec<u8>>,
    last_event_id: Vec<u8>,
}

/// All that came out of a parser.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Read {
    events: Vec<Seen>,
    tail: Option<Seen>,
    raw: Vec<u8>,
    frames: usize,
    retry: Option<u64>,
    last_event_id: Vec<u8>,
}

impl Read {
    fn take(&mut self, frame: &Frame<'_>) {
        self.raw.extend_from_slice(frame.raw);
        self.frames += 1;
        self.retry = frame.retry.or(self.retry);
        let seen = frame.event.as_ref().map(|event| Seen {
            name: event.name().to_owned(),
            data: event.data.to_vec(),
            id: event.id().map(<[u8]>::to_vec),
            last_event_id: event.last_event_id().to_vec(),
        });
        if frame.complete {
            self.events.extend(seen);
        } else {
            self.tail = seen;
        }
    }
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut parser = Parser::new(MAX);
    let mut read = Read::default();
    for piece in pieces {
        parser.feed(piece, |frame| read.take(&frame)).unwrap();
    }
    parser.finish(|frame| read.take(&frame));
    read.last_event_id = parser.last_event_id().to_vec();
    read
}

fn whole(wire: &[u8]) -> Read {
    read([wire])
}

/// Where frames begin may move by the LF of a divided CR LF; what they say may not.
fn meaning(read: Read) -> Read {
    Read { frames: 0, ..read }
}

fn data(wire: &[u8]) -> Vec<String> {
    let data = |seen: &Seen| String::from_utf8_lossy(&seen.data).into_owned();
    whole(wire).events.iter().map(data).collect()
}

/// Cut once at every offset, twice at every pair for short ones, byte by byte, and with empty pieces between.
fn assert_any_cut_reads_the_same(wire: &[u8]) {
    let expected = meaning(whole(wire));
    assert_eq!(expected.raw, wire, "the frames are the stream");
    assert_eq!(meaning(read(wire.chunks(1))), expected, "byte by byte");
    let spaced = wire.chunks(1).flat_map(|byte| [byte, &[][..]]);
    assert_eq!(meaning(read(spaced)), expected, "byte by byte, with empty pieces");
    for first in 0..=wire.len() {
        let (head, rest) = wire.split_at(first);
        assert_eq!(meaning(read([head, rest])), expected, "cut at {first}");
        if wire.len() <= 64 {
            for second in 0..=rest.len() {
                let (middle, end) = rest.split_at(second);
                assert_eq!(meaning(read([head, middle, end])), expected, "{first} + {second}");
            }
        }
    }
}

#[test]
fn fields_and_line_ends() {
    let table: &[(&str, &[u8], &[&str])] = &[
        ("lf", b"data: a\n\n", &["a"]),
        ("cr", b"data: a\r\r", &["a"]),
        ("crlf", b"data: a\r\n\r\n", &["a"]),
        ("mixed", b"data: a\r\ndata: b\rdata: c\n\r", &["a\nb\nc"]),
        ("lf then crlf", b"data: a\n\r\ndata: b\n\n", &["a", "b"]),
        ("cr then crlf", b"data: a\r\r\ndata: b\n\n", &["a", "b"]),
        ("blank lines between", b"\n\r\r\n\ndata: a\n\n\n\ndata: b\n\n", &["a", "b"]),
        ("no space", b"data:a\n\n", &["a"]),
        ("one space only is taken", b"data:  a\n\n", &[" a"]),
        ("no colon", b"data\n\n", &[""]),
        ("empty", b"data:\n\n", &[""]),
        ("two empty", b"data\ndata\n\n", &["\n"]),
        ("joined", b"data: a\ndata: b\ndata:\n\n", &["a\nb\n"]),
        ("comments", b": ping\ndata: a\n:\n\n", &["a"]),
        ("comment alone", b": ping\n\n", &[]),
        ("name alone", b"event: x\n\n", &[]),
        ("unknown", b"datum: b\nDATA: c\n data: d\ndata: a\n\n", &["a"]),
        ("colons in the value", b"data: a: b:\n\n", &["a: b:"]),
        ("byte order mark", b"\xEF\xBB\xBFdata: a\n\n", &["a"]),
        ("only one mark", b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\ndata: b\n\n", &["b"]),
        ("mark not at the start", b"\n\xEF\xBB\xBFdata: a\n\ndata: b\n\n", &["b"]),
        ("half a mark", b"\xEF\xBBdata: a\n\ndata: b\n\n", &["b"]),
        ("unterminated", b"data: a\n\ndata: b\n", &["a"]),
        ("ends in half a crlf", b"data: a\r\n\r", &["a"]),
        ("crlf, then a blank line of cr", b"data: a\r\n\rdata: b\r\n\r", &["a", "b"]),
        ("nul and invalid utf-8 in a name", b"\x00\xFFdata: b\ndata: a\n\n", &["a"]),
        ("utf-8", "data: \u{1F600}\u{2028}\u{85}x\n\n".as_bytes(), &["\u{1F600}\u{2028}\u{85}x"]),
        ("nothing", b"", &[]),
    ];
    for (case, wire, expected) in table {
        assert_eq!(data(wire), *expected, "{case}");
        assert_any_cut_reads_the_same(wire);
    }
}

#[test]
fn the_type_is_message_unless_named() {
    let table: &[(&[u8], &str)] = &[
        (b"data: a\n\n", "message"),
        (b"event:\ndata: a\n\n", "message"),
        (b"event: ping\ndata: a\n\n", "ping"),
        (b"event: a\nevent: b\ndata: a\n\n", "b"),
        (b"event: a\nevent\ndata: a\n\n", "message"),
        (b"event: \xFF\ndata: a\n\n", "\u{FFFD}"),
        (b"event: x\n\ndata: a\n\n", "message"),
    ];
    for (wire, name) in table {
        assert_eq!(whole(wire).events[0].name, *name, "{}", String::from_utf8_lossy(wire));
    }
}

#[test]
fn retry_takes_digits_only() {
    let table: &[(&[u8], Option<u64>)] = &[
        (b"retry: 10\n\n", Some(10)),
        (b"retry:0010\n\n", Some(10)),
        (b"retry: 10\nretry: x\n\n", Some(10)),
        (b"retry\n\n", None),
        (b"retry: -1\n\n", None),
        (b"retry: +1\n\n", None),
        (b"retry: 1.5\n\n", None),
        (b"retry:  1\n\n", None),
        (b"retry: 99999999999999999999999\n\n", None),
        (b"retry: \xD9\xA1\n\n", None),
    ];
    for (wire, retry) in table {
        assert_eq!(whole(wire).retry, *retry, "{}", String::from_utf8_lossy(wire));
    }
}

#[test]
fn the_last_id_stays_until_another_comes() {
    let read = whole(b"data: 0\n\nid: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid: 3\n\ndata: d\n\nid\ndata: e\n\nid: 9\ndata: f");
    let last: Vec<&[u8]> = read.events.iter().map(|seen| seen.last_event_id.as_slice()).collect();
    assert_eq!(last, [&b""[..], b"1", b"1", b"1", b"3", b""]);
    let own: Vec<Option<&[u8]>> = read.events.iter().map(|seen| seen.id.as_deref()).collect();
    assert_eq!(own, [None, Some(&b"1"[..]), None, None, None, Some(&b""[..])]);
    assert_eq!(read.last_event_id, b"", "an unterminated frame sets nothing");
}

#[test]
fn a_comment_is_a_frame_at_its_blank_line() {
    let mut parser = Parser::new(MAX);
    let mut raws = Vec::new();
    parser
        .feed(b": keep\n\n: alive\n\nretry: 5\n\n: half", |frame| {
            assert!(frame.event.is_none() && frame.complete);
            raws.push((frame.raw.to_vec(), frame.retry));
        })
        .unwrap();
    let expected: [(&[u8], _); 3] =
        [(b": keep\n\n", None), (b": alive\n\n", None), (b"retry: 5\n\n", Some(5))];
    assert_eq!(raws, expected.map(|(raw, retry)| (raw.to_vec(), retry)));
    assert_eq!(parser.pending_bytes(), 6);
}

#[test]
fn an_event_waits_for_nothing_behind_its_blank_line() {
    for wire in [&b"data: a\n\n"[..], b"data: a\r\r", b"data: a\r\n\r\n", b"data: a\n\r\n"] {
        let mut parser = Parser::new(MAX);
        let mut frames = 0;
        parser.feed(wire, |_| frames += 1).unwrap();
        assert_eq!((frames, parser.pending_bytes()), (1, 0));
    }
}

#[test]
fn a_whole_frame_is_borrowed_from_its_piece() {
    let wire = b"ta: tail\n\ndata: a\n\ndata: b\n\ndata: c";
    let mut parser = Parser::new(MAX);
    parser.feed(b"da", |_| {}).unwrap();
    let inside = wire.as_ptr_range();
    let mut borrowed = Vec::new();
    parser.feed(wire, |frame| borrowed.push(inside.contains(&frame.raw.as_ptr()))).unwrap();
    assert_eq!(borrowed, [false, true, true], "only the frame that spans pieces is copied");
}

#[test]
fn the_tail_is_handed_out_as_incomplete() {
    let read = whole(b"data: a\n\nevent: e\ndata: b\ndata: c");
    assert_eq!(read.events.len(), 1);
    let tail = read.tail.unwrap();
    assert_eq!((tail.name.as_str(), tail.data.as_slice()), ("e", &b"b\nc"[..]));
}

#[test]
fn an_event_past_the_bound_is_an_error_for_any_cut() {
    let wire = b"data: ok\n\ndata: 0123456789\n\n"; // frames of 10 and 18 bytes
    for (max, fits) in [(9, 0), (10, 1), (17, 1), (18, 2)] {
        for size in 1..=wire.len() {
            let mut parser = Parser::new(max);
            let mut frames = 0;
            let result =
                wire.chunks(size).try_for_each(|piece| parser.feed(piece, |_| frames += 1));
            assert_eq!(frames, fits, "at most {max} bytes, pieces of {size}");
            let expected = Err(Error::EventTooLarge { max_event_bytes: max });
            assert_eq!(result, if fits == 2 { Ok(()) } else { expected });
        }
    }
    let mut parser = Parser::new(100);
    let endless = std::iter::repeat_n(&b"x"[..], 1000).try_for_each(|x| parser.feed(x, |_| {}));
    assert!(endless.is_err(), "a line without an end");
    assert_eq!(parser.pending_bytes(), 0, "what is refused is not kept");
}

#[test]
fn an_event_of_8_mib_byte_by_byte_is_linear() {
    let mut wire = b"data: ".to_vec();
    wire.resize(8 << 20, b'x');
    wire.extend_from_slice(b"\n\n");
    let begun = std::time::Instant::now();
    let mut parser = Parser::new(MAX);
    let mut length = 0;
    for byte in wire.chunks(1) {
        parser.feed(byte, |frame| length = frame.raw.len()).unwrap();
    }
    assert_eq!(length, wire.len());
    // Quadratic would be hours; a debug build on a slow core is not.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn the_conformance_cases_read_as_the_standard_says() {
    for case in corpus::conformance() {
        let read = whole(&case.wire);
        let events: Vec<_> = read
            .events
            .iter()
            .map(|seen| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                (seen.name.clone(), text(&seen.data), text(&seen.last_event_id))
            })
            .collect();
        assert_eq!(events, case.events, "{}", case.name);
        assert_eq!(read.retry, case.retry, "{}", case.name);
        assert_eq!(read.last_event_id, case.last_event_id.as_bytes(), "{}", case.name);
        if case.wire.len() < 4096 {
            assert_any_cut_reads_the_same(&case.wire);
        }
    }
}

#[test]
fn recorded_streams_have_their_published_digests() {
    for stream in corpus::streams() {
        for read in [whole(&stream.wire), read(stream.wire.chunks(1))] {
            assert_eq!(read.raw, stream.wire, "{}", stream.id);
            assert_eq!(read.events.len(), stream.n_events, "{}", stream.id);
            let events = read.events.iter().map(|seen| (seen.name.as_str(), &seen.data[..]));
            assert_eq!(corpus::digest(events), stream.data_sha256, "{}", stream.id);
        }
    }
}

/// A cut of every frame at every offset leaves the parser where it would be without it. What it does next depends on
/// where it is and on nothing else, so this is every cut of every stream, at the cost of the frames' squares only.
#[test]
fn recorded_streams_may_be_cut_at_every_offset() {
    for stream in corpus::streams() {
        let mut before = Parser::new(MAX);
        let mut ends = vec![0];
        before
            .feed(&stream.wire, |frame| ends.push(ends[ends.len() - 1] + frame.raw.len()))
            .unwrap();
        ends.push(stream.wire.len());

        let mut before = Parser::new(MAX);
        for bounds in ends.windows(2) {
            let raw = &stream.wire[bounds[0]..bounds[1]];
            let mut expected = Read::default();
            let mut after = before.clone();
            after.feed(raw, |frame| expected.take(&frame)).unwrap();
            for cut in 1..raw.len() {
                let mut parser = before.clone();
                let mut read = Read::default();
                parser.feed(&raw[..cut], |frame| read.take(&frame)).unwrap();
                parser.feed(&raw[cut..], |frame| read.take(&frame)).unwrap();
                assert!(read == expected, "{} at {} + {cut}", stream.id, bounds[0]);
                assert!(parser == after, "{} at {} + {cut}", stream.id, bounds[0]);
            }
            before = after;
        }
    }
}

/// Bytes that parsers stumble over, more often than chance would have them.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            &b"\n"[..], b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"data", b"data: ", b"data:x", b":", b" ", b"event: e",
            b"id: 1", b"id", b"retry: 7", b"\xEF\xBB\xBF", b"\xEF", b"\0", b"\xF0\x9F\x98\x80", b"\xFF",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_cut_changes_what_is_read(wire in wire(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        at.extend([0, wire.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|bounds| &wire[bounds[0]..bounds[1]]);
        let expected = meaning(whole(&wire));
        prop_assert_eq!(&expected.raw, &wire);
        prop_assert_eq!(meaning(read(pieces)), expected);
    }

    #[test]
    fn the_parser_agrees_with_a_plain_reading(wire in wire()) {
        let events: Vec<_> = whole(&wire).events.into_iter().map(|seen| (seen.name, seen.data)).collect();
        prop_assert_eq!(events, plain_reading(&wire));
    }
}

/// The standard's algorithm, word by word, on the whole stream.
fn plain_reading(wire: &[u8]) -> Vec<(String, Vec<u8>)> {
    let wire = wire.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(wire);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    for (at, byte) in wire.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && wire[at - 1] == b'\r' => {}
            b'\n' | b'\r' => lines.push(std::mem::take(&mut line)),
            _ => line.push(*byte),
        }
    }
    let (mut name, mut data, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        if line.is_empty() {
            if data.pop().is_some() {
                let name = if name.is_empty() {
                    "message"
                } else {
                    std::str::from_utf8(&name).unwrap_or("\u{FFFD}")
                };
                events.push((name.to_owned(), std::mem::take(&mut data)));
            }
            name.clear();
            data.clear();
            continue;
        }
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let field = halves.next().unwrap();
        let value = halves.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => name = value.to_vec(),
            b"data" => {
                data.extend_from_slice(value);
                data.push(b'\n');
            }
            _ => {}
        }
    }
    events
}
