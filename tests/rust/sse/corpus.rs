//! The public corpora for the stream parser, where they are at hand.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// One case of the standard's test suites.
pub struct Case {
    pub name: String,
    pub wire: Vec<u8>,
    /// (type, data, last event id)
    pub events: Vec<(String, String, String)>,
    pub retry: Option<u64>,
    pub last_event_id: String,
}

/// One recorded stream and what another parser found in it.
pub struct Stream {
    pub id: String,
    pub wire: Vec<u8>,
    pub n_events: usize,
    pub data_sha256: String,
}

fn root() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora");
    std::env::var_os("SLUICEGATE_CORPORA").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

pub fn conformance() -> Vec<Case> {
    let Ok(text) = std::fs::read(root().join("sse/sse_conformance.json")) else {
        eprintln!("SKIPPED: no conformance cases; set SLUICEGATE_CORPORA");
        return Vec::new();
    };
    let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
    cases.iter().map(case).collect()
}

fn case(case: &Value) -> Case {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let expected = &case["expected"];
    let events = expected["events"].as_array().unwrap();
    Case {
        name: text(&case["name"]),
        wire: base64(case["wire_b64"].as_str().unwrap()),
        events: events
            .iter()
            .map(|event| {
                (text(&event["event"]), text(&event["data"]), text(&event["last_event_id"]))
            })
            .collect(),
        retry: expected["retry"].as_u64(),
        last_event_id: text(&expected["last_event_id"]),
    }
}

pub fn streams() -> Vec<Stream> {
    let Ok(text) = std::fs::read_to_string(root().join("sse/recorded_stream_digests.jsonl")) else {
        eprintln!("SKIPPED: no recorded streams; set SLUICEGATE_CORPORA");
        return Vec::new();
    };
    let mut bodies = bodies();
    let streams = text.lines().map(|line| {
        let expected: Value = serde_json::from_str(line).unwrap();
        let id = expected["traffic_id"].as_str().unwrap();
        Stream {
            wire: bodies.remove(id).unwrap(),
            id: id.to_owned(),
            n_events: usize::try_from(expected["n_events"].as_u64().unwrap()).unwrap(),
            data_sha256: expected["data_sha256"].as_str().unwrap().to_owned(),
        }
    });
    streams.collect()
}

/// Every recorded text body by its id.
fn bodies() -> HashMap<String, Vec<u8>> {
    #[derive(serde::Deserialize)]
    struct Record {
        id: String,
        response_body: Option<String>,
    }
    let mut bodies = HashMap::new();
    for file in std::fs::read_dir(root().join("provider_traffic")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let file = flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap());
            for line in std::io::BufReader::new(file).lines() {
                let record: Record = serde_json::from_str(&line.unwrap()).unwrap();
                bodies.insert(record.id, record.response_body.unwrap_or_default().into_bytes());
            }
        }
    }
    bodies
}

/// SHA-256 of the events joined by U+001E, each its type, U+001F and its data.
pub fn digest<'a>(events: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (at, (name, data)) in events.enumerate() {
        if at > 0 {
            hash.update([0x1E]);
        }
        hash.update(name);
        hash.update([0x1F]);
        hash.update(data);
    }
    format!("{:x}", hash.finalize())
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|byte| *byte != b'=');
    let bits: Vec<u32> = digits
        .map(|byte| DIGITS.iter().position(|digit| *digit == byte).unwrap().try_into().unwrap())
        .collect();
    let mut out = Vec::new();
    for group in bits.chunks(4) {
        let word = group.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - group.len()));
        out.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    out
}
