//! A whole admission by an engine as it runs: of a key with seven limits, or where nobody is asked for a key.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use sluicegate::dialect::Dialect;
use sluicegate::drive::{
    Engine, EngineOptions, Incoming, ModelRoute, Operation, Place, Rigged, Snapshot,
};
use sluicegate::govern::{Digester, Governance};
use sluicegate::journal::Options;

const KEY: &str = "sk-counted-0123456789";
const MASTER: &[u8] = b"a master key that digests one key";
const PATH: &str = "/v1/chat/completions";

/// Admits a request, `times` over; what each holds is settled at once.
pub fn admit(body: &[u8], is_governed: bool, times: u64) {
    let folder = std::env::temp_dir().join(format!("sluicegate-count-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let engine = engine(&folder);
    let governance = if is_governed { governed() } else { open() };
    let governance = Governance::from_json(governance.to_string().as_bytes()).expect("limits");
    engine.govern(Arc::new(governance));
    engine.budgets().seeded().expect("to be seeded");
    engine.keys_seen(Instant::now());
    let route = ModelRoute {
        path: PATH.to_owned(),
        operation: Operation::Chat,
        dialect: Dialect::OpenAiChat,
        stream: false,
    };
    let place = Place {
        route: route.into(),
        model: None,
        as_array: false,
        credential: None,
        about: None,
        passage: None,
        demand: None,
    };
    let body = body.to_vec().into();
    let bearer = format!("Bearer {KEY}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    for _ in 0..times {
        let pairs = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let headers = engine.read_headers(&place, pairs).expect("a good key");
        let incoming = Incoming { place: &place, headers, body: black_box(&body) };
        assert!(engine.admit(incoming, true, false).is_ok());
    }
    engine.stop();
    let _ = std::fs::remove_dir_all(folder);
}

fn engine(folder: &Path) -> Engine {
    let options = EngineOptions {
        journal_dir: folder.join("journal"),
        journal: Options::default(),
        limits_dir: folder.to_owned(),
        master_key: MASTER.to_vec(),
        share: None,
        rigged: Arc::new(Rigged::default()),
    };
    let snapshot = Snapshot::from_json(snapshot().to_string().as_bytes()).expect("a snapshot");
    Engine::start(&options, snapshot).expect("an engine")
}

fn snapshot() -> Value {
    let timeouts = json!({"connect_s": 5, "first_byte_s": 60, "idle_s": 60, "total_s": 600});
    json!({
        "upstreams": [{
            "provider": "p", "dialect": "openai", "base_url": "http://127.0.0.1:9/v1",
            "headers": [], "timeouts": timeouts, "ask_usage": true, "drain": false,
        }],
        "models": {"m": {"strategy": "fallback", "targets": [
            {"upstream": 0, "model": "m", "weight": 1, "timeouts": timeouts},
        ]}},
        "prices": {"p/*": {"input_mtok": "1", "output_mtok": "2"}},
        "commit_after_s": 15, "max_event_bytes": 1 << 20, "max_answer_bytes": 1 << 20,
        "default_max_output_tokens": 4096,
    })
}

fn open() -> Value {
    json!({"keys": [], "limits": [], "open": true, "complete": true, "stale_keys_s": 60})
}

/// Money and tokens at three levels, requests, parallel requests: as a key of a team has.
fn governed() -> Value {
    let of = |dimension: &str, name: &str| json!([[dimension, name]]);
    let limit = |name: &str, scope: Value, measure: &str, per: Value| {
        let is_money = measure == "cost";
        let amount = if is_money { 100_000 * 1_000_000_000_000_u64 } else { 100_000_000_000 };
        json!({
            "name": name, "scope": scope, "measure": measure, "amount": amount, "per": per,
            "sliding": per == "minute", "notify": [50, 80, 100],
        })
    };
    let key = hex(&Digester::new(MASTER).digest(KEY.as_bytes()));
    json!({
        "keys": [{"digest": key, "name": "k", "team": "t", "organisation": "o"}],
        "limits": [
            limit("k-money", of("key", "k"), "cost", json!("day")),
            limit("k-tokens", of("key", "k"), "total_tokens", json!("minute")),
            limit("k-requests", of("key", "k"), "requests", json!("minute")),
            limit("k-parallel", of("key", "k"), "parallel", Value::Null),
            limit("o-money", of("organisation", "o"), "cost", json!("month")),
            limit("t-money", of("team", "t"), "cost", json!("day")),
            limit("t-tokens", of("team", "t"), "total_tokens", json!("hour")),
        ],
        "open": false, "complete": true, "stale_keys_s": 60,
    })
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
