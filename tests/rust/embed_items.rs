//! Requests for vectors, text by text: whatever was kept before, the answer is the upstream's own.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::cache::{Key, KeyMaker};
use sluicegate::dialect::Dialect;
use sluicegate::embed::{Gathering, Items, Whole};

const BATCH: Option<&str> = Some(":batchEmbedContents");
const ONE: Option<&str> = Some(":embedContent");

fn read(client: Dialect, verb: Option<&str>, body: &str) -> Option<Items> {
    Items::read(client, verb, &Bytes::copy_from_slice(body.as_bytes()), &KeyMaker::new("test"))
}

fn openai(body: &str) -> Items {
    read(Dialect::OpenAiChat, None, body).unwrap_or_else(|| panic!("{body}"))
}

/// The texts of a request, each as JSON; one that is a list of tokens is one.
fn texts(body: &Value) -> Vec<String> {
    let input = body.get("input").or_else(|| body.get("requests"));
    match input {
        None => vec![body.to_string()],
        Some(Value::Array(list)) if !list[0].is_number() => {
            list.iter().map(Value::to_string).collect()
        }
        Some(one) => vec![one.to_string()],
    }
}

fn tokens(body: &Value) -> u64 {
    texts(body).iter().map(|text| text.len() as u64).sum()
}

/// A vector by everything in the request but the other texts.
fn vector(body: &Value, text: &str) -> Vec<u64> {
    let mut around = body.clone();
    for list in ["input", "requests"] {
        around.as_object_mut().unwrap().remove(list);
    }
    let seed = format!("{around} {text}")
        .bytes()
        .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)) % 1_000_003);
    vec![seed, seed + 1]
}

/// An upstream's answer.
fn answer(body: &[u8], is_backwards: bool) -> Bytes {
    let body: Value = serde_json::from_slice(body).unwrap();
    let each = texts(&body);
    let vectors = each.iter().map(|text| vector(&body, text));
    let (count, of) = (tokens(&body), |items: Vec<Value>| items);
    let answer = if body.get("requests").is_some() {
        json!({"embeddings": of(vectors.map(|v| json!({"values": v})).collect()), "usageMetadata": {"promptTokenCount": count}})
    } else if body.get("content").is_some() {
        json!({"embedding": {"values": vector(&body, &each[0])}})
    } else {
        let is_coded = body["encoding_format"] == "base64";
        let coded = |v: Vec<u64>| if is_coded { json!(format!("{v:?}")) } else { json!(v) };
        let mut data: Vec<Value> = vectors
            .enumerate()
            .map(|(at, v)| json!({"object": "embedding", "index": at, "embedding": coded(v), "beside": 7}))
            .collect();
        if is_backwards {
            data.reverse();
        }
        let usage = json!({"prompt_tokens": count, "total_tokens": count, "cost": null});
        json!({"object": "list", "data": data, "model": "m", "usage": usage})
    };
    answer.to_string().into()
}

#[derive(Default)]
struct Cache(HashMap<Key, Bytes>);

impl Cache {
    fn gather(&self, client: Dialect, verb: Option<&str>, body: &Value) -> Gathering {
        let items = read(client, verb, &body.to_string()).unwrap();
        let kept = items.keys().iter().map(|key| self.0.get(key).cloned()).collect();
        items.with(kept)
    }

    fn ask(&mut self, gathering: &Gathering, is_backwards: bool) -> Whole {
        let answered = gathering.asking().map(|body| answer(&body, is_backwards));
        let weigh = |body: &[u8]| tokens(&serde_json::from_slice(body).unwrap());
        let whole = gathering.whole(answered.as_ref(), weigh).unwrap();
        self.0.extend(whole.fresh.iter().map(|(key, kept)| (*key, kept.clone().into())));
        whole
    }
}

fn request() -> impl Strategy<Value = (Dialect, Option<&'static str>, Value)> {
    let text = || "[ab\"é]{1,2}";
    let input = prop_oneof![
        text().prop_map(Value::from),
        proptest::collection::vec(text(), 1..6).prop_map(Value::from),
        proptest::collection::vec(0..3_u32, 1..3).prop_map(Value::from),
        proptest::collection::vec(proptest::collection::vec(0..2_u32, 1..3), 1..4)
            .prop_map(Value::from),
    ];
    let format = proptest::option::of(prop_oneof![Just("float"), Just("base64")]);
    let openai =
        (input, format, proptest::option::of(1..3_u32)).prop_map(|(input, format, new)| {
            let mut body = json!({"model": "m", "input": input});
            for (name, value) in [("encoding_format", json!(format)), ("a_new_one", json!(new))] {
                if !value.is_null() {
                    body[name] = value;
                }
            }
            (Dialect::OpenAiChat, None, body)
        });
    let content = || text().prop_map(|text| json!({"parts": [{"text": text}]}));
    let asked =
        (content(), proptest::option::of(1..3_u32)).prop_map(|(content, size)| match size {
            None => json!({"model": "models/m", "content": content}),
            Some(size) => json!({"content": content, "outputDimensionality": size}),
        });
    let batch = proptest::collection::vec(asked, 1..5)
        .prop_map(|requests| (Dialect::Gemini, BATCH, json!({"requests": requests})));
    let one = content().prop_map(|content| (Dialect::Gemini, ONE, json!({"content": content})));
    prop_oneof![3 => openai, 2 => batch, 1 => one]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_kept_the_answer_is_the_upstreams(
        requests in proptest::collection::vec((request(), any::<bool>()), 1..12),
    ) {
        let mut cache = Cache::default();
        for ((client, verb, body), is_backwards) in requests {
            let gathering = cache.gather(client, verb, &body);
            let asked = gathering.asking();
            let whole = cache.ask(&gathering, is_backwards);
            let expected = answer(body.to_string().as_bytes(), false);
            prop_assert_eq!(Bytes::from(whole.body), expected);
            let paid = asked.map_or(0, |asked| tokens(&serde_json::from_slice(&asked).unwrap()));
            prop_assert_eq!(whole.input_tokens, tokens(&body));
            prop_assert_eq!(whole.saved_input_tokens, tokens(&body) - paid);
            let again = cache.gather(client, verb, &body);
            prop_assert!(again.asking().is_none());
            prop_assert_eq!(again.kept(), texts(&body).len());
        }
    }

    #[test]
    fn any_bytes_are_taken(noise in proptest::collection::vec(any::<u8>(), 0..8), at in 0..200_usize) {
        let gathering = || openai(r#"{"input":["a","b"]}"#).with(Vec::new());
        let mut bytes = answer(&gathering().asking().unwrap(), false).to_vec();
        let at = at.min(bytes.len());
        bytes.splice(at..at, noise.clone());
        let _ = gathering().whole(Some(&bytes.into()), |_| 1);
        let mut body = br#"{"model":"m","input":["a",[1,2]],"dimensions":7}"#.to_vec();
        let at = at.min(body.len());
        body.splice(at..at, noise.clone());
        let _ = Items::read(Dialect::OpenAiChat, None, &body.into(), &KeyMaker::new("test"));
        let _ = openai(r#"{"input":"a"}"#).with(vec![Some(noise.into())]);
    }
}

#[test]
fn what_is_missing_is_asked_for_and_every_other_byte_stays() {
    let mut cache = Cache::default();
    let warm = cache.gather(Dialect::OpenAiChat, None, &json!({"input": ["b", "d"], "n": 1.0}));
    cache.ask(&warm, false);
    let body = "{ \"n\" : 1.0,\n \"input\" : [\"a\" , \"b\", \"c\\u0020\",\"a\", \"d\" ] }\n";
    let items = openai(body);
    let kept = items.keys().iter().map(|key| cache.0.get(key).cloned()).collect();
    let gathering = items.with(kept);
    let asked = gathering.asking().unwrap();
    assert_eq!(asked, "{ \"n\" : 1.0,\n \"input\" : [\"a\",\"c\\u0020\"] }\n");
    assert_eq!(gathering.kept(), 2);
}

#[test]
fn all_that_shapes_a_vector_is_in_its_key() {
    let all = [
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":"a"}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"n","input":"a"}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":"a "}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":"a","dimensions":256}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":"a","dimensions":null}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":"a","encoding_format":"base64"}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":"a","nobody_knows":{"it":[1]}}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":[1]}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":"[1]"}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":[12345678901234567890123]}"#),
        (Dialect::OpenAiChat, None, r#"{"model":"m","input":[12345678901234567890124]}"#),
        (Dialect::Gemini, BATCH, r#"{"requests":[{"content":{"parts":[{"text":"a"}]}}]}"#),
        (Dialect::Gemini, BATCH, r#"{"requests":[{"content":{"parts":[{"text":"b"}]}}]}"#),
        (
            Dialect::Gemini,
            BATCH,
            r#"{"requests":[{"taskType":"X","content":{"parts":[{"text":"a"}]}}]}"#,
        ),
        (Dialect::Gemini, ONE, r#"{"content":{"parts":[{"text":"a"}]}}"#),
    ];
    let keys = all.map(|(client, verb, body)| read(client, verb, body).unwrap().keys()[0]);
    let distinct: std::collections::HashSet<Key> = keys.into_iter().collect();
    assert_eq!(distinct.len(), all.len());
    let others = Items::read(
        Dialect::OpenAiChat,
        None,
        &Bytes::from_static(all[0].2.as_bytes()),
        &KeyMaker::new("test").part(b"another tenant"),
    );
    assert!(!distinct.contains(&others.unwrap().keys()[0]));
    for same in [
        r#"{"input":["a"],"model":"m"}"#,
        "{\"model\" : \"m\",\n \"input\":\"\\u0061\"}",
        r#"{"inp\u0075t":"a","model":"m"}"#,
        r#"{"input":["x","a"],"model":"m"}"#,
    ] {
        assert!(openai(same).keys().contains(&keys[0]), "{same}");
    }
}

#[test]
fn what_is_not_to_be_split_is_none() {
    let openai = Dialect::OpenAiChat;
    for (client, verb, body) in [
        (openai, None, r#"{"model":"m"}"#),
        (openai, None, r#"{"input":[]}"#),
        (openai, None, r#"{"input":null}"#),
        (openai, None, r#"{"input":7}"#),
        (openai, None, r#"{"input":{"image":"x"}}"#),
        (openai, None, r#"{"input":["a",1]}"#),
        (openai, None, r#"{"input":[1,"a"]}"#),
        (openai, None, r#"{"input":["a",null]}"#),
        (openai, None, r#"{"input":["a","b"],"late_chunking":true}"#),
        (openai, None, r#"{"input":["a""#),
        (Dialect::Gemini, BATCH, r#"{"requests":{}}"#),
        (Dialect::Gemini, BATCH, r#"{"requests":"a"}"#),
        (Dialect::Gemini, BATCH, r#"{"requests":[1]}"#),
        (Dialect::Gemini, Some(":predict"), "{}"),
        (Dialect::Anthropic, None, r#"{"input":"a"}"#),
    ] {
        assert!(read(client, verb, body).is_none(), "{body}");
    }
    let many = json!({"input": vec!["a"; 5000]}).to_string();
    assert!(read(openai, None, &many).is_none());
    let long = json!({"input": vec![7; 50_000]}).to_string();
    assert_eq!(read(openai, None, &long).unwrap().keys().len(), 1, "the tokens of one text");
    assert!(read(openai, None, r#"{"input":"a","late_chunking":false}"#).is_some());
}

#[test]
fn an_answer_that_is_not_to_the_question_is_none() {
    let gathering = || openai(r#"{"input":["a","b"]}"#).with(vec![None, None]);
    let data = |items: &str| format!(r#"{{"data":[{items}],"usage":{{"prompt_tokens":2}}}}"#);
    for (what, answer) in [
        ("too few", data(r#"{"index":0,"embedding":[1]}"#)),
        ("too many", data(r#"{"embedding":[1]},{"embedding":[1]},{"embedding":[1]}"#)),
        ("a place twice", data(r#"{"index":1,"embedding":[1]},{"index":1,"embedding":[2]}"#)),
        ("other places", data(r#"{"index":1,"embedding":[1]},{"index":2,"embedding":[2]}"#)),
        ("a place missing", data(r#"{"index":1,"embedding":[1]},{"embedding":[2]}"#)),
        ("no vector", data(r#"{"index":0,"embedding":null},{"index":1,"embedding":[2]}"#)),
        ("no object", data("[1],[2]")),
        ("an error", r#"{"error":{"message":"no"}}"#.to_owned()),
        ("another form", r#"{"embeddings":[{"values":[1]},{"values":[2]}]}"#.to_owned()),
        ("half of one", r#"{"data":[{"embedding":[1]},"#.to_owned()),
        ("nothing", String::new()),
    ] {
        assert_eq!(gathering().whole(Some(&answer.into()), |_| 1), None, "{what}");
    }
    assert_eq!(gathering().whole(None, |_| 1), None, "nobody was asked");
}

#[test]
fn tokens_are_told_apart_by_weight_and_none_is_lost() {
    let items = openai(r#"{"input":["a","bb","ccc"]}"#);
    let data = r#"{"embedding":[1]},{"embedding":[2]},{"embedding":[3]}"#;
    let answer = Bytes::from(format!(r#"{{"data":[{data}],"usage":{{"total_tokens":100}}}}"#));
    let gathering = items.clone().with(Vec::new());
    let weigh = |body: &[u8]| texts(&serde_json::from_slice(body).unwrap())[0].len() as u64 - 2;
    let whole = gathering.whole(Some(&answer), weigh).unwrap();
    assert_eq!(whole.input_tokens, 100);
    let each = |at: usize| {
        let kept = Some(Bytes::from(whole.fresh[at].1.clone()));
        let one = openai(&format!(r#"{{"input":"{}"}}"#, ["a", "bb", "ccc"][at]));
        let index = whole.fresh[at].0;
        assert_eq!(one.keys(), [index]);
        one.with(vec![kept]).whole(None, |_| 1).unwrap().input_tokens
    };
    assert_eq!([each(0), each(1), each(2)], [16, 34, 50]);
    let weightless = gathering.whole(Some(&answer), |_| 0).unwrap();
    assert_eq!(weightless.input_tokens, 100);
    // What cannot be true is not believed.
    let answer =
        Bytes::from(format!(r#"{{"data":[{data}],"usage":{{"total_tokens":9999999999}}}}"#));
    assert_eq!(gathering.whole(Some(&answer), weigh).unwrap().input_tokens, 6);
}
