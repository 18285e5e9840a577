//! What must hold of any answer, whatever its host sends. Shared by the fuzz target and the smoke test.

use serde_json::Value;
use sluicegate::dialect::Dialect;
use sluicegate::sse::Parser;
use sluicegate::stream::{Collected, Decoder, Delta, Options, Transcoder};

const CLIENTS: [Dialect; 3] = [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::OpenAiResponses];
const HOSTS: [Dialect; 5] = [
    Dialect::OpenAiChat,
    Dialect::Anthropic,
    Dialect::OpenAiResponses,
    Dialect::Cohere,
    Dialect::Ollama,
];

/// The first byte says in which dialect the answer comes; the rest are the data of its events, line by line.
pub fn check(input: &[u8]) {
    let Some((choice, data)) = input.split_first() else { return };
    let Some(from) = HOSTS.get(usize::from(*choice) % HOSTS.len()).copied() else { return };
    let events: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    assert_eq!(
        read(from, events.iter().map(|event| event.to_vec())),
        read(from, events.iter().enumerate().map(|(number, event)| unlike(number, event))),
        "an event is read alike, whether it looks like the one before it or not"
    );
    for to in CLIENTS {
        streamed(from, to, &events);
        whole(from, to, data);
    }
}

/// The same event with a field that nobody reads, so that no two look alike.
fn unlike(number: usize, event: &[u8]) -> Vec<u8> {
    match event.trim_ascii().strip_prefix(b"{").map(<[u8]>::trim_ascii_start) {
        Some(rest) if !rest.starts_with(b"}") => {
            [format!("{{\"sluicegate_{number}\":0,").as_bytes(), rest].concat()
        }
        _ => event.to_vec(),
    }
}

fn read(from: Dialect, events: impl Iterator<Item = Vec<u8>>) -> Vec<String> {
    let mut decoder = Decoder::new(from);
    let mut read = Vec::new();
    for event in events {
        let given = decoder.event("message", &event, |delta| {
            read.push(match delta {
                Delta::Error(error) => format!("{:?}", (&error.message, &error.kind, &error.code)),
                delta => format!("{delta:?}"),
            });
        });
        read.push(format!("{}", given.is_ok()));
    }
    read
}

fn streamed(from: Dialect, to: Dialect, events: &[&[u8]]) {
    let mut transcoder = Transcoder::new(from, to, Options::default());
    let mut out = Vec::new();
    for event in events {
        let before = out.len();
        if transcoder.event("message", event, &mut out).is_err() {
            assert_eq!(out.len(), before, "a malformed event appends nothing");
        }
    }
    transcoder.finish(&mut out);
    let mut parser = Parser::new(usize::MAX);
    let mut count = 0;
    let fed = parser.feed(&out, |frame| {
        assert!(frame.complete);
        let Some(event) = frame.event else { return };
        count += 1;
        let is_end = event.data.as_ref() == b"[DONE]";
        assert!(
            is_end || serde_json::from_slice::<&serde_json::value::RawValue>(&event.data).is_ok()
        );
    });
    assert!(fed.is_ok() && parser.pending_bytes() == 0 && count > 0);
}

fn whole(from: Dialect, to: Dialect, body: &[u8]) {
    let mut collected = Collected::default();
    if Decoder::new(from).whole(body, |delta| collected.delta(delta)).is_ok() {
        let mut out = Vec::new();
        collected.write(to, &Options::default(), &mut out);
        let read = serde_json::from_slice::<Value>(&out);
        // It limits the size of numbers, which we copy.
        assert!(read.is_ok_and(|value| value.is_object()) || out.len() > body.len() / 2);
    }
}
