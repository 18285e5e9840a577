//! AWS's binary messages: whatever the cut, and whatever is wrong with them.

use proptest::prelude::*;
use sluicegate::aws::{Kind, Message, Parser, Value};
use sluicegate::error::Error;

const MAX: usize = 1 << 20;

/// A message as the vendor's page says it: lengths, checksum, headers, payload, checksum.
fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

fn header(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::try_from(name.len()).unwrap()];
    out.extend_from_slice(name.as_bytes());
    out.push(kind);
    if matches!(kind, 6 | 7) {
        out.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
    }
    out.extend_from_slice(value);
    out
}

fn text(name: &str, value: &str) -> Vec<u8> {
    header(name, 7, value.as_bytes())
}

fn event(name: &str, payload: &[u8]) -> Vec<u8> {
    message(&[text(":event-type", name), text(":message-type", "event")].concat(), payload)
}

/// Names and payloads.
type Events = Vec<(String, Vec<u8>)>;

/// The events in some pieces, and what went wrong.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Events, Result<(), Error>) {
    let mut parser = Parser::new(MAX);
    let mut events = Vec::new();
    let result = pieces.into_iter().try_for_each(|piece| {
        parser.feed(piece, |message| {
            let name = match message.kind() {
                Kind::Event(name) | Kind::Exception(name) => name,
                Kind::Error { code, .. } => code,
                Kind::Unknown => "",
            };
            events.push((name.to_owned(), message.payload.to_vec()));
        })
    });
    (events, result)
}

fn reason(result: &Result<(), Error>) -> &str {
    match result {
        Err(Error::MalformedEvent { reason, .. }) => reason,
        Err(Error::EventTooLarge { .. }) => "too large",
        _ => "",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same_events(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let wire: Vec<u8> = payloads.iter().flat_map(|payload| event("e", payload)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
        cuts.sort_unstable();
        let begins = std::iter::once(0).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([wire.len()]);
        let pieces = begins.zip(ends).map(|(begin, end)| &wire[begin..end]);
        let wanted: Vec<_> = payloads.iter().map(|p| ("e".to_owned(), p.clone())).collect();
        prop_assert_eq!(read(pieces), (wanted.clone(), Ok(())));
        prop_assert_eq!(read(wire.chunks(1)), (wanted, Ok(())));
    }

    #[test]
    fn one_wrong_bit_is_always_seen(
        payload in prop::collection::vec(any::<u8>(), 0..60),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let mut wire = event("e", &payload);
        let at = at.index(wire.len());
        wire[at] ^= 1 << bit;
        for (events, result) in [read([&wire[..]]), read(wire.chunks(1))] {
            prop_assert!(result.is_err());
            prop_assert!(events.is_empty());
        }
    }
}

#[test]
fn every_type_of_header_is_read() {
    let headers = [
        header("true", 0, b""),
        header("false", 1, b""),
        header("byte", 2, &[0xFF]),
        header("short", 3, &[0xFF, 0xFE]),
        header("int", 4, &7_i32.to_be_bytes()),
        header("long", 5, &i64::MIN.to_be_bytes()),
        header("bytes", 6, b"\x00\xFF"),
        header("text", 7, "\u{e9}".as_bytes()),
        header("time", 8, &1_700_000_000_000_i64.to_be_bytes()),
        header("uuid", 9, &[9; 16]),
    ]
    .concat();
    let wire = message(&headers, b"");
    let mut count = 0;
    let check = |message: Message<'_>| {
        count += 1;
        let read: Vec<_> = message.headers().collect();
        assert_eq!(
            read,
            [
                ("true", Value::Bool(true)),
                ("false", Value::Bool(false)),
                ("byte", Value::Integer(-1)),
                ("short", Value::Integer(-2)),
                ("int", Value::Integer(7)),
                ("long", Value::Integer(i64::MIN)),
                ("bytes", Value::Bytes(b"\x00\xFF")),
                ("text", Value::Text("\u{e9}")),
                ("time", Value::TimestampMs(1_700_000_000_000)),
                ("uuid", Value::Uuid([9; 16])),
            ]
        );
        assert_eq!(message.kind(), Kind::Unknown);
    };
    Parser::new(MAX).feed(&wire, check).unwrap();
    assert_eq!(count, 1);
}

#[test]
fn errors_are_told_apart() {
    let kind = |name: &str, value: &str| [text(name, value)].concat();
    let headers = [
        [kind(":message-type", "exception"), kind(":exception-type", "throttlingException")]
            .concat(),
        [kind(":message-type", "error"), kind(":error-code", "InternalError")].concat(),
    ];
    let wire: Vec<u8> = headers.iter().flat_map(|headers| message(headers, b"{}")).collect();
    let (events, result) = read([&wire[..]]);
    assert!(result.is_ok());
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["throttlingException", "InternalError"]);
}

#[test]
fn what_is_wrong_is_said() {
    let checked = |lengths: [u32; 2]| {
        let mut out = lengths.map(u32::to_be_bytes).concat();
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out
    };
    let unread = |headers: &[u8]| message(headers, b"");
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("no message", b"data: {}\n\ndata: {}".to_vec(), "checksum of a message's lengths"),
        ("a page", b"<html><body>bad gateway".to_vec(), "checksum of a message's lengths"),
        ("too large", checked([u32::MAX, 0]), "too large"),
        ("too short", checked([15, 0]), "shorter than what it holds"),
        ("headers beyond the end", checked([20, 5]), "shorter than what it holds"),
        ("an unknown type", unread(&header("n", 10, b"")), "header cannot be read"),
        ("a header cut off", unread(&text("n", "value")[..5]), "header cannot be read"),
        ("a name that is no text", unread(b"\x01\xFF\x00"), "header cannot be read"),
    ];
    for (name, wire, wanted) in cases {
        for (events, result) in [read([&wire[..]]), read(wire.chunks(1))] {
            assert!(reason(&result).contains(wanted), "{name}: {result:?}");
            assert!(events.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_message_that_waits_for_its_end_is_kept() {
    let wire = event("e", b"payload");
    let mut parser = Parser::new(MAX);
    let (begun, rest) = wire.split_at(20);
    parser.feed(begun, |_| panic!("not whole")).unwrap();
    assert_eq!(parser.pending(), begun);
    let mut seen = 0;
    parser.feed(rest, |message| seen += message.payload.len()).unwrap();
    assert_eq!((seen, parser.pending()), (7, &b""[..]));
}
