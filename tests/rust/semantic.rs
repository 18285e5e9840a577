//! What a request asks, told from the rest of it; and what was asked before, scope by scope.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::cache::{About, Purged};
use sluicegate::dialect::Dialect;
use sluicegate::embedder;
use sluicegate::likeness::Difference;
use sluicegate::semantic::{
    AWAITED_MS, Answer, Asked, Look, MAX_TEXT_BYTES, Memory, Near, Question, asked,
};

const CLIENTS: [Dialect; 5] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiCompletions,
    Dialect::OpenAiResponses,
    Dialect::Anthropic,
    Dialect::Gemini,
];

fn ask(dialect: Dialect, body: &Value) -> Option<Asked> {
    asked(dialect, body.to_string().as_bytes(), 1)
}

/// A request of a dialect that asks this.
fn request(dialect: Dialect, text: &str) -> Value {
    match dialect {
        Dialect::OpenAiCompletions => json!({"model": "m", "prompt": text}),
        Dialect::OpenAiResponses => {
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]})
        }
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
        _ => json!({"model": "m", "messages": [{"role": "user", "content": text}]}),
    }
}

#[test]
fn the_text_of_the_last_turn() {
    let cases: [(Dialect, Value, Option<&str>); 19] = [
        (
            Dialect::OpenAiChat,
            json!({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a\n\"b\" ü"}]}),
            Some("a\n\"b\" ü"),
        ),
        (
            Dialect::OpenAiChat,
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}, {"type": "text", "text": "b"}]}]}),
            Some("a\nb"),
        ),
        (
            Dialect::OpenAiChat,
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "tool_call_id": "t", "content": "b"}]}),
            None,
        ),
        (
            Dialect::OpenAiChat,
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}),
            None,
        ),
        (
            Dialect::OpenAiChat,
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]}),
            None,
        ),
        (Dialect::OpenAiChat, json!({"messages": []}), None),
        (Dialect::OpenAiChat, json!({"messages": [{"role": "user", "content": " \n"}]}), None),
        (Dialect::OpenAiCompletions, json!({"prompt": "a"}), Some("a")),
        (Dialect::OpenAiCompletions, json!({"prompt": ["a"]}), Some("a")),
        (Dialect::OpenAiCompletions, json!({"prompt": ["a", "b"]}), None),
        (Dialect::OpenAiCompletions, json!({"prompt": [1, 2]}), None),
        (Dialect::OpenAiResponses, json!({"input": "a"}), Some("a")),
        (
            Dialect::OpenAiResponses,
            json!({"input": [{"type": "message", "role": "user", "content": "a"}]}),
            Some("a"),
        ),
        (
            Dialect::OpenAiResponses,
            json!({"input": [{"role": "user", "content": "a"}, {"type": "function_call_output", "call_id": "c", "output": "b"}]}),
            None,
        ),
        (Dialect::OpenAiResponses, json!({"input": "a", "conversation": "conv_1"}), None),
        (
            Dialect::Anthropic,
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "b"}, {"type": "text", "text": "a"}]}]}),
            None,
        ),
        (
            Dialect::Anthropic,
            json!({"system": "s", "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}),
            Some("a"),
        ),
        (
            Dialect::Gemini,
            json!({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "x"}}, {"text": "a"}]}]}),
            Some("a"),
        ),
        (
            Dialect::Gemini,
            json!({"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}, {"text": "a"}]}]}),
            None,
        ),
    ];
    for (dialect, body, text) in cases {
        assert_eq!(ask(dialect, &body).map(|it| it.text).as_deref(), text, "{dialect:?} {body}");
    }
}

#[test]
fn too_long_a_text_is_no_question() {
    for dialect in CLIENTS {
        assert!(ask(dialect, &request(dialect, &"a".repeat(MAX_TEXT_BYTES))).is_some());
        assert_eq!(ask(dialect, &request(dialect, &"a".repeat(MAX_TEXT_BYTES + 1))), None);
    }
}

#[test]
fn what_is_no_request_asks_nothing() {
    for dialect in CLIENTS {
        for body in [
            "",
            "[]",
            "{",
            "null",
            "{\"messages\": 1, \"input\": 1, \"contents\": 1, \"prompt\": 1}",
            "\u{0}",
        ] {
            assert_eq!(asked(dialect, body.as_bytes(), 1), None, "{dialect:?} {body}");
        }
    }
    for hosts_only in [Dialect::Bedrock, Dialect::Cohere, Dialect::Ollama] {
        assert_eq!(ask(hosts_only, &request(Dialect::OpenAiChat, "a")), None);
    }
}

/// All but the words of the last turn is the scope: anything that is changed or added makes another.
#[test]
fn all_else_is_the_scope() {
    for dialect in CLIENTS {
        let plain = request(dialect, "one");
        let scope = |body: &Value| ask(dialect, body).expect("asks").scope_part;
        assert_eq!(scope(&plain), scope(&request(dialect, "another")), "{dialect:?}");
        let mut scopes = vec![scope(&plain)];
        for (field, value) in [
            ("model", json!("other")),
            ("temperature", json!(0.5)),
            ("temperature", json!(0.25)),
            ("seed", json!(9_007_199_254_740_993_u64)),
            ("seed", json!(9_007_199_254_740_992_u64)),
            ("system", json!("be brief")),
            ("instructions", json!("be brief")),
            ("tools", json!([{"name": "t"}])),
            ("nobody_has_heard_of_it", json!({"a": [1, null]})),
            ("nobody_has_heard_of_it", json!({"a": [1]})),
            ("nobody_has_heard_of_it", Value::Null),
        ] {
            let mut body = plain.clone();
            body[field] = value;
            scopes.push(scope(&body));
        }
        let count = scopes.len();
        scopes.sort_unstable();
        scopes.dedup();
        assert_eq!(scopes.len(), count, "{dialect:?}");
    }
    let mut dialects: Vec<[u8; 32]> = [Dialect::OpenAiChat, Dialect::Anthropic]
        .map(|it| ask(it, &request(it, "a")).unwrap().scope_part)
        .into();
    dialects.dedup();
    assert_eq!(dialects.len(), 2);
}

#[test]
fn pictures_and_earlier_turns_are_the_scope() {
    let with = |url: &str, earlier: &str| {
        json!({"messages": [
            {"role": "user", "content": earlier}, {"role": "assistant", "content": "yes"},
            {"role": "user", "content": [{"type": "text", "text": "what is it"}, {"type": "image_url", "image_url": {"url": url}}]},
        ]})
    };
    let scope = |body: Value| ask(Dialect::OpenAiChat, &body).unwrap().scope_part;
    assert_ne!(scope(with("a", "hi")), scope(with("b", "hi")));
    assert_ne!(scope(with("a", "hi")), scope(with("a", "ho")));
    assert_eq!(scope(with("a", "hi")), scope(with("a", "hi")));
}

#[test]
fn form_order_and_white_space_are_not() {
    let a = br#"{"model":"m","messages":[{"role":"user","content":"a"}],"top_p":1}"#;
    let b = b" { \"stream\" : true, \"top_p\" : 1 , \"messages\" : [ { \"content\" : \"\\u0062\" , \"role\" : \"user\" } ] ,\n\"stream_options\": {}, \"model\" : \"m\" } ";
    let (a, b) =
        (asked(Dialect::OpenAiChat, a, 1).unwrap(), asked(Dialect::OpenAiChat, b, 1).unwrap());
    assert_eq!(a.scope_part, b.scope_part);
    assert_eq!((a.text.as_str(), b.text.as_str()), ("a", "b"));
}

#[test]
fn a_wider_window_takes_earlier_turns_of_the_user() {
    let body = |first: &str, answer: &str| {
        json!({"messages": [
            {"role": "user", "content": first}, {"role": "assistant", "content": answer}, {"role": "user", "content": "last"},
        ]})
        .to_string()
    };
    let wide = |body: String, window| asked(Dialect::OpenAiChat, body.as_bytes(), window).unwrap();
    let two = wide(body("first", "yes"), 2);
    assert_eq!(two.text, "first\nlast");
    assert_eq!(two.scope_part, wide(body("other", "yes"), 2).scope_part);
    assert_ne!(two.scope_part, wide(body("first", "no"), 2).scope_part);
    assert_eq!(wide(body("first", "yes"), 9), two, "there are no more");
    assert_ne!(two.scope_part, wide(body("first", "yes"), 1).scope_part);
}

proptest! {
    /// Whatever the words are, they come out as they were, and the scope knows nothing of them.
    #[test]
    fn words_come_out_whole(text in "\\PC{1,60}", which in 0..CLIENTS.len()) {
        prop_assume!(!text.trim().is_empty());
        let dialect = CLIENTS[which];
        let found = ask(dialect, &request(dialect, &text)).unwrap();
        prop_assert_eq!(&found.text, &text);
        prop_assert_eq!(found.scope_part, ask(dialect, &request(dialect, "x")).unwrap().scope_part);
    }

    /// No bytes make it fall over.
    #[test]
    fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..200), which in 0..CLIENTS.len(), window in 0..4_usize) {
        asked(CLIENTS[which], &body, window);
    }
}

fn scope(number: u64) -> [u8; 32] {
    let mut scope = [0; 32];
    scope[..8].copy_from_slice(&number.to_le_bytes());
    scope[24..].copy_from_slice(&number.to_le_bytes());
    scope
}

fn question<'q>(scope: [u8; 32], text: &'q str, vector: &'q [f32]) -> Question<'q> {
    Question { model_id: embedder::MODEL_ID, scope, text, vector }
}

/// When questions are heard of.
const NOW_MS: u64 = 10_000;

/// An answer that outlives the test.
fn answer(key: [u8; 32]) -> Answer {
    Answer { key, about: About::default(), epoch: 0, ends_ms: u64::MAX }
}

fn near(memory: &Memory, question: Question<'_>, threshold: f32, guards: bool) -> Option<Near> {
    memory.nearest(question, Look { threshold, guards, now_ms: 0, passed: &[] })
}

fn put(memory: &Memory, of: u64, text: &str, key: u64) {
    let vector = embedder::vector(text).unwrap();
    assert!(memory.insert(question(scope(of), text, &vector), answer(scope(key)), NOW_MS));
}

fn find(memory: &Memory, of: u64, text: &str, guards: bool) -> Option<(u64, Option<Difference>)> {
    let vector = embedder::vector(text).unwrap();
    let near = near(memory, question(scope(of), text, &vector), 0.7, guards)?;
    Some((u64::from_le_bytes(near.key[24..].try_into().unwrap()), near.refused))
}

#[test]
fn the_first_that_may_answer() {
    let memory = Memory::new(100);
    put(&memory, 1, "How do I enable dark mode in the app?", 1);
    put(&memory, 1, "How can I disable dark mode in the app?", 2);
    assert_eq!(find(&memory, 1, "How do I disable dark mode in the app?", true), Some((2, None)));
    assert_eq!(find(&memory, 1, "how do i enable dark mode in the app", true), Some((1, None)));
    assert!(memory.remove(scope(2)));
    let refused = find(&memory, 1, "How do I disable dark mode in the app?", true);
    assert_eq!(refused, Some((1, Some(Difference::Opposite))));
    assert_eq!(find(&memory, 1, "How do I disable dark mode in the app?", false), Some((1, None)));
    assert_eq!(find(&memory, 1, "What is the capital of France?", true), None, "nothing is near");
    assert!(!memory.remove(scope(2)));
}

#[test]
fn models_are_never_compared() {
    let memory = Memory::new(100);
    let vector = [1.0, 0.0];
    let of = |model_id| Question { model_id, scope: scope(1), text: "a", vector: &vector };
    assert!(memory.insert(of("one"), answer(scope(7)), NOW_MS));
    assert!(near(&memory, of("one"), 0.5, true).is_some());
    assert!(near(&memory, of("two"), 0.5, true).is_none());
    assert!(memory.insert(of("two"), answer(scope(7)), NOW_MS));
    assert_eq!(memory.len(), 2);
    assert!(memory.remove(scope(7)), "of both");
    assert!(memory.is_empty());
}

#[test]
fn what_has_no_direction_is_not_kept() {
    let memory = Memory::new(100);
    for vector in [&[][..], &[0.0, 0.0], &[f32::NAN, 0.0]] {
        assert!(!memory.insert(question(scope(1), "a", vector), answer(scope(1)), NOW_MS));
    }
    assert!(
        memory.insert(question(scope(1), "a", &[1.0, 0.0]), answer(scope(1)), NOW_MS),
        "of two numbers then"
    );
    assert!(!memory.insert(question(scope(1), "a", &[1.0, 0.0, 0.0]), answer(scope(2)), NOW_MS));
    assert_eq!(memory.len(), 1);
}

#[test]
fn the_oldest_makes_room_and_its_bytes_go() {
    let memory = Memory::new(3);
    let empty = memory.bytes();
    for key in 1..=5 {
        put(&memory, key, &format!("what is the meaning of {key}?"), key);
    }
    assert_eq!(memory.len(), 3);
    assert_eq!(find(&memory, 2, "what is the meaning of 2?", true), None);
    assert_eq!(find(&memory, 3, "what is the meaning of 3?", true), Some((3, None)));
    put(&memory, 3, "what is the meaning of 3 now?", 3);
    assert_eq!(memory.len(), 3, "in its own place");
    assert!(memory.bytes() > empty);
    for key in 3..=5 {
        assert!(memory.remove(scope(key)));
    }
    assert!(memory.is_empty());
}

/// More than are looked at, each nearer than the one that lives, and more than are removed at once.
#[test]
fn what_is_over_takes_no_ones_place() {
    let memory = Memory::new(1000);
    let text = "how do i reset my password";
    let vector = embedder::vector(text).unwrap();
    for key in 0..200 {
        let over = Answer { ends_ms: 1000 + key % 7, ..answer(scope(key)) };
        assert!(memory.insert(question(scope(1), text, &vector), over, NOW_MS));
    }
    put(&memory, 1, "how do i reset my password now", 500);
    let look = |now_ms| Look { threshold: 0.7, guards: true, now_ms, passed: &[] };
    let found = |now_ms| memory.nearest(question(scope(1), text, &vector), look(now_ms)).unwrap();
    assert!(found(999).key != scope(500), "they live yet");
    assert_eq!(memory.len(), 201);
    assert_eq!(found(2000).key, scope(500));
    while memory.len() > 1 {
        let before = memory.len();
        found(2000);
        assert!(memory.len() < before, "what is over goes");
    }
}

#[test]
fn what_was_passed_makes_room_for_the_next() {
    let memory = Memory::new(100);
    let text = "how do i reset my password";
    let vector = embedder::vector(text).unwrap();
    put(&memory, 1, text, 1);
    put(&memory, 1, "how do i reset my password now", 2);
    let found = |passed: &[[u8; 32]]| {
        let look = Look { threshold: 0.7, guards: true, now_ms: 0, passed };
        memory.nearest(question(scope(1), text, &vector), look).map(|near| near.key)
    };
    assert_eq!(found(&[]), Some(scope(1)));
    assert_eq!(found(&[scope(1)]), Some(scope(2)));
    assert_eq!(found(&[scope(1), scope(2)]), None);
}

/// Of one answer by two models, the second heard of later.
#[test]
fn a_question_waits_for_its_answer_and_goes_when_that_does_not_come() {
    let memory = Memory::new(100);
    let of = |model_id| Question { model_id, scope: scope(1), text: "a", vector: &[1.0, 0.0] };
    let heard = |model_id, now_ms| assert!(memory.insert(of(model_id), answer(scope(7)), now_ms));
    heard("one", NOW_MS);
    assert!(!memory.give_up(scope(7), NOW_MS + AWAITED_MS - 1));
    assert!(near(&memory, of("one"), 0.5, true).is_some());
    heard("two", NOW_MS + 1);
    assert!(!memory.give_up(scope(7), NOW_MS + AWAITED_MS), "one of two is left");
    assert!(near(&memory, of("one"), 0.5, true).is_none());
    assert!(memory.give_up(scope(7), NOW_MS + AWAITED_MS + 1));
    assert!(memory.is_empty());
    assert!(memory.give_up(scope(7), 0), "there is none");
    heard("one", NOW_MS);
    heard("one", NOW_MS + AWAITED_MS);
    assert!(!memory.give_up(scope(7), NOW_MS + AWAITED_MS), "heard of anew");
    assert!(!memory.give_up(scope(7), 0), "a clock that was set back");
    assert_eq!(memory.len(), 1);
}

#[test]
fn what_was_purged_is_not_there_and_does_not_come_back() {
    let about = About {
        tenant: "team a".into(),
        namespace: "n".into(),
        model: "smart".into(),
        target: "openai/gpt".into(),
        tags: vec!["t".into()],
    };
    let key = "00".repeat(31) + "05";
    for (kind, value) in [
        ("all", ""),
        ("key", &*key),
        ("tag", "t"),
        ("model", "smart"),
        ("model", "openai/gpt"),
        ("tenant", "team a"),
        ("namespace", "n"),
    ] {
        let memory = Memory::new(100);
        let mut name = [0; 32];
        name[31] = 5;
        let at = |epoch| Answer { about: about.clone(), epoch, ..answer(name) };
        let vector = embedder::vector("what is it?").unwrap();
        let asks = question(scope(1), "what is it?", &vector);
        assert!(memory.insert(asks, at(3), NOW_MS));
        put(&memory, 2, "what is another?", 9);
        let purge = |epoch, value: &str| memory.purge([(epoch, Purged::of(kind, value).unwrap())]);
        if kind != "all" {
            assert_eq!(purge(7, "another"), 0, "{kind}");
        }
        assert_eq!(purge(8, value), if kind == "all" { 2 } else { 1 }, "{kind}");
        assert!(near(&memory, asks, 0.5, true).is_none(), "{kind}");
        assert!(!memory.insert(asks, at(7), NOW_MS), "{kind}: it was on its way");
        assert!(memory.insert(asks, at(8), NOW_MS), "{kind}: it was asked behind it");
        assert_eq!(purge(8, value), 0, "{kind}: it is told twice");
        assert!(near(&memory, asks, 0.5, true).is_some(), "{kind}");
    }
}

/// Scopes that differ in the bits that the index knows, and in those that it does not: nothing is ever found across.
#[test]
fn no_hit_across_scopes_in_100_000_probes() {
    const SCOPES: u64 = 1000;
    let memory = Memory::new(10_000);
    let vector = [1.0, 0.5, 0.25, 0.0];
    for of in 0..SCOPES {
        let asks = question(scope(of), "what is it?", &vector);
        assert!(memory.insert(asks, answer(scope(of)), NOW_MS));
    }
    for probe in 0..100_000_u64 {
        let (from, half) = (probe % SCOPES, probe % 3);
        let mut other = scope(from);
        // One bit, somewhere.
        let bit = usize::try_from(probe / SCOPES).unwrap() * 8 / 3 % 256;
        other[bit / 8] ^= 1 << (bit % 8);
        let found = near(&memory, question(other, "what is it?", &vector), 0.0, half == 0);
        let is_own = found.is_none_or(|near| near.key == other);
        assert!(is_own, "scope {from} with bit {bit} turned");
    }
    for of in 0..SCOPES {
        let own = near(&memory, question(scope(of), "what is it?", &vector), 0.9, true).unwrap();
        assert_eq!(own.key, scope(of));
    }
}

#[derive(Debug, Clone)]
enum Act {
    Insert(u8, u8),
    Remove(u8),
    Ask(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (any::<u8>(), 0..4_u8).prop_map(|(key, of)| Act::Insert(key, of)),
        any::<u8>().prop_map(Act::Remove),
        (0..4_u8).prop_map(Act::Ask),
    ]
}

proptest! {
    /// After any acts: what is found is of the scope that asks, is still there, and there is never more than may be.
    #[test]
    fn found_is_there_and_own(acts in prop::collection::vec(act(), 1..120), most in 1..40_usize) {
        let memory = Memory::new(most);
        let mut kept: Vec<(u8, u8)> = Vec::new();
        for act in acts {
            match act {
                Act::Insert(key, of) => {
                    kept.retain(|it| it.0 != key);
                    put(&memory, of.into(), &format!("what is number {key} about?"), key.into());
                    kept.push((key, of));
                    if kept.len() > most { kept.remove(0); }
                }
                Act::Remove(key) => {
                    let was = kept.iter().any(|it| it.0 == key);
                    kept.retain(|it| it.0 != key);
                    prop_assert_eq!(memory.remove(scope(key.into())), was);
                }
                Act::Ask(of) => {
                    let found = find(&memory, of.into(), "what is number 7 about?", false);
                    let own: Vec<u64> = kept.iter().filter(|it| it.1 == of).map(|it| it.0.into()).collect();
                    match found {
                        Some((key, _)) => prop_assert!(own.contains(&key)),
                        None => prop_assert!(!own.contains(&7)),
                    }
                }
            }
            prop_assert_eq!(memory.len(), kept.len());
        }
    }
}
