//! The body scan: what passes, what it reads, and that a splice changes what it says and nothing else.

use proptest::prelude::*;
use serde_json::Value;
use sluicegate::body::{Edit, MAX_DEPTH, Scan, for_each_text, scan, set, splice};
use sluicegate::error::Error;

/// The verdict alone; a field that we cannot act on is valid JSON all the same.
fn is_json(body: &[u8]) -> bool {
    matches!(scan(body), Ok(_) | Err(Error::InvalidField { .. } | Error::DuplicateKey { .. }))
}

fn reason(body: &[u8]) -> (usize, &'static str) {
    match scan(body) {
        Err(Error::InvalidJson { offset, reason }) => (offset, reason),
        other => panic!("{}: {other:?}", String::from_utf8_lossy(body)),
    }
}

#[rustfmt::skip]
const GOOD: &[&str] = &[
    "0", "-0", "1", "-1", "10", "1.5", "0.0", "-0.0e-0", "1e5", "1E+5", "1e-5", "1e-400", "0e999999999999999999",
    "123456789012345678901234567890", "1.7976931348623157e308", "true", "false", "null", "[]", "{}", "[ ]",
    "{ }", "[[],{}]", "[1,2 , 3]", r#"{"a":{"a":1},"b":[{}]}"#, r#""""#, r#""a""#, r#""\"\\\/\b\f\n\r\t""#,
    r#""\u0000""#, r#""\u00e9\u00E9""#, r#""\ud83d\ude00""#, r#""\uD83D\uDE00""#,
    "\"\u{7f}\u{80}\u{2028}\u{FEFF}\u{1F600}\u{10FFFF}\"", r#"{"":1}"#, r#"{"a":1,"a":2}"#, " \t\r\n1 \t\r\n",
];

#[rustfmt::skip]
const BAD: &[&str] = &[
    "", "-", "+1", "01", "-01", "00", "1.", ".5", "1e", "1e+", "1.e5", "1.5.5", "0x1", "1_000", "- 1", "1 2",
    "NaN", "Infinity", "-Infinity", "nul", "tru", "fals", "True", "nulll", "truefalse", "[", "]", "{", "}",
    "[1,]", "[,1]", "[1 2]", "[1,,2]", "{,}", "[}", "{]", r#"{"a":1,}"#, r#"{"a"}"#, r#"{"a":}"#, "{a:1}",
    "{1:1}", r#"{"a" 1}"#, r#"{"a":1 "b":2}"#, r#"{"a":1,,"b":2}"#, "{null:1}", r#"""#, r#""a"#, r#""\""#,
    r#""\x""#, r#""\u""#, r#""\u00e""#, r#""\u00eg""#, r#""\U0041""#, r#""\'""#, "'a'", r#""\ud800""#,
    r#""\udc00""#, r#""\ud800\u0041""#, r#""\ud800\ud800""#, r#""\ud800\n""#, r#""\ud800x""#, r#"{"\ud800":1}"#,
    r#""\udc00\ud800""#, "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1f}\"", "\u{b}1", "\u{c}1", "\u{a0}1",
    "\u{FEFF}1", "\u{0}", "1 // a", "/* a */ 1", "#",
];

#[test]
fn values_pass_or_do_not() {
    for value in GOOD {
        assert!(is_json(format!("{{\"x\":{value}}}").as_bytes()), "{value}");
        assert!(is_json(format!("{{\"x\":[{value},{value}]}}").as_bytes()), "[{value}]");
        assert!(serde_json::from_str::<Value>(value).is_ok(), "{value}");
    }
    for value in BAD {
        assert!(!is_json(format!("{{\"x\":{value}}}").as_bytes()), "{value}");
        assert!(!is_json(format!("{{\"x\":[{value}").as_bytes()), "[{value}");
        assert!(serde_json::from_str::<Value>(value).is_err(), "{value}");
    }
}

#[test]
fn a_number_that_no_double_holds_passes_through() {
    let digits = "9".repeat(400);
    for number in ["1e400", "-1e400", &digits] {
        assert!(scan(format!("{{\"seed\":{number}}}").as_bytes()).is_ok(), "{number}");
        assert!(scan(format!("{{\"max_tokens\":{number}}}").as_bytes()).is_err(), "{number}");
    }
}

#[test]
fn an_error_says_where_and_why() {
    let table: &[(&[u8], usize, &str)] = &[
        (b"", 0, "the body is not a JSON object"),
        (b"  [1]", 2, "the body is not a JSON object"),
        (b"\"a\"", 0, "the body is not a JSON object"),
        (b"\xEF\xBB\xBF{}", 0, "the body is not a JSON object"),
        (b"{} x", 3, "something follows the object"),
        (b"{}{}", 2, "something follows the object"),
        (b"{}\0", 2, "something follows the object"),
        (b"{", 1, "a key is missing"),
        (b"{\"a\":1,}", 7, "a key is missing"),
        (b"{\"a\" 1}", 5, "a colon is missing"),
        (b"{\"a\":}", 5, "a value is missing"),
        (b"{\"a\":1", 6, "a comma or the container's end is missing"),
        (b"{\"a\":[1}", 7, "a comma or the container's end is missing"),
        (b"{\"a\":01}", 6, "a number begins with a zero"),
        (b"{\"a\":1.}", 7, "a digit is missing"),
        (b"{\"a\":\"b", 7, "a string has no end"),
        (b"{\"a\":\"b\\", 7, "a string has no end"),
        (b"{\"a\":\"b\nc\"}", 7, "a control character stands in a string"),
        (b"{\"a\":\"\\x\"}", 6, "an escape is not known"),
        (b"{\"a\":\"\\u12\"}", 6, "an escape has other than hexadecimal digits"),
        (b"{\"a\":\"\\u12", 6, "an escape is cut short"),
        (b"{\"a\":\"x\\ud800\"}", 7, "half of a surrogate pair stands alone"),
        (b"{\"a\":\"\xFF\"}", 6, "not valid UTF-8"),
        (b"{\"a\":\"\xED\xA0\x80\"}", 6, "not valid UTF-8"),
        (b"{\"a\":\"\xC0\x80\"}", 6, "not valid UTF-8"),
        (b"{\"a\":\"\xF4\x90\x80\x80\"}", 6, "not valid UTF-8"),
        (b"{\"a\":\"\xE2\x82", 6, "not valid UTF-8"),
    ];
    for (body, offset, why) in table {
        assert_eq!(reason(body), (*offset, *why), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_special_byte_is_found_at_every_place_of_every_length() {
    for length in 0..100 {
        for at in 0..=length {
            for (byte, fits) in [
                ("\\n", true),
                ("\u{e9}", true),
                ("\u{7f}", true),
                ("\n", false),
                ("\0", false),
                ("\"", false),
                ("\\", false),
            ] {
                let text = format!("{}{byte}{}", "a".repeat(at), "b".repeat(length - at));
                let body = format!("{{\"model\":\"{text}\"}}");
                // A backslash hides what stands behind it: `\b` is an escape, `\"` is not the string's end.
                let fits = if byte == "\\" { at < length } else { fits };
                assert_eq!(is_json(body.as_bytes()), fits, "{body}");
            }
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let too_deep = Err(Error::TooDeep { max_depth: MAX_DEPTH });
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |levels: usize| {
            format!("{{\"a\":{}1{}}}", open.repeat(levels - 1), close.repeat(levels - 1))
                .into_bytes()
        };
        assert!(scan(&nested(2)).is_ok());
        assert!(scan(&nested(128)).is_ok(), "the outer object counts");
        assert_eq!(scan(&nested(129)).map(|_| ()), too_deep);
        assert_eq!(scan(&nested(100_000)).map(|_| ()), too_deep);
        assert_eq!(
            scan(format!("{{\"a\":{}", open.repeat(1_000_000)).as_bytes()).map(|_| ()),
            too_deep
        );
    }
    assert_eq!(
        scan(format!("{{\"a\":{}1", "[".repeat(127)).as_bytes()).map(|_| ()),
        Err(Error::InvalidJson {
            offset: 133,
            reason: "a comma or the container's end is missing"
        })
    );
    assert!(Error::TooDeep { max_depth: MAX_DEPTH }.to_string().contains("128 levels"));
    // What closes may be opened again: depth is not count.
    assert!(scan(format!("{{\"a\":[{}[]]}}", "[[]],".repeat(1000)).as_bytes()).is_ok());
}

#[test]
fn a_top_level_key_stands_once() {
    let table = [
        (r#"{"model":"a","model":"a"}"#, Some("model")),
        (r#"{"model":"a","mod\u0065l":"b"}"#, Some("model")),
        (r#"{"x":1,"y":2,"x":3}"#, Some("x")),
        (r#"{"":1,"":2}"#, Some("")),
        ("{\"\u{e9}\":1,\"\\u00e9\":2}", Some("\u{e9}")),
        (r#"{"x":{"a":1,"a":2}}"#, None),
        (r#"{"name":"a","Name":"b"}"#, None),
        ("{\"\u{e9}\":1,\"e\u{301}\":2}", None),
    ];
    for (body, key) in table {
        let expected = key.map(|key| Error::DuplicateKey { key: key.to_owned() });
        assert_eq!(scan(body.as_bytes()).err(), expected, "{body}");
    }
    let long = "k".repeat(1 << 20);
    let error = scan(format!("{{\"{long}\":1,\"{long}\":2}}").as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 200, "a client's megabyte does not come back in the error");
    let many: Vec<String> = (0..100_000).map(|at| format!("\"k{at}\":{at}")).collect();
    assert!(scan(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
}

#[test]
fn every_text_that_is_asked_for_counts() {
    for (body, answers) in [
        (r#"{"prompt":"a"}"#, 1),
        (r#"{"prompt":"a","n":3}"#, 3),
        (r#"{"prompt":"a","n":2,"best_of":5}"#, 5),
        (r#"{"prompt":["a","b"],"n":2}"#, 4),
        (r#"{"prompt":[1,2,3],"n":2}"#, 2),
        (r#"{"prompt":[[1,2],[3]]}"#, 2),
        (r#"{"prompt":[],"best_of":null}"#, 1),
        (r#"{"prompt":{"id":"p"}}"#, 1),
        (r#"{"n":0}"#, 1),
        (r#"{"n":1000}"#, 128),
    ] {
        assert_eq!(scan(body.as_bytes()).unwrap().answers(), answers, "{body}");
    }
}

#[test]
fn a_token_of_a_prompt_counts_as_a_byte() {
    let sizes = |body: &str| scan(body.as_bytes()).unwrap().text_bytes();
    assert!(sizes(r#"{"prompt":[1,2,3]}"#) >= 3);
    assert!(sizes(r#"{"prompt":[[1,2],[3,4]]}"#) >= 4);
    assert_eq!(sizes(r#"{"prompt":["one","two"]}"#), 6);
}

#[test]
fn fields_are_read() {
    let body = br#" { "model" : "a\u0062\n", "stream":true, "stream_options": {"x":1,"include_usage":true}, "user":"u", "n":2, "max_tokens":7,
        "service_tier":"flex", "temperature":0.5 } "#;
    let scan = scan(body).unwrap();
    assert_eq!(scan.model(), Some("ab\n"));
    assert_eq!(&body[scan.model_span().unwrap()], br#""a\u0062\n""#);
    assert!(scan.stream() && scan.include_usage());
    assert_eq!(&body[scan.stream_options_span().unwrap()], br#"{"x":1,"include_usage":true}"#);
    assert_eq!((scan.user(), scan.service_tier()), (Some("u"), Some("flex")));
    assert_eq!((scan.n(), scan.max_tokens()), (Some(2), Some(7)));
}

fn read<T>(body: &str, get: impl Fn(&Scan) -> T) -> Result<T, &'static str> {
    match scan(body.as_bytes()) {
        Ok(scan) => Ok(get(&scan)),
        Err(Error::InvalidField { field, offset, .. }) => {
            let key = body.find(field).unwrap();
            assert!(offset > key && offset < body.len(), "{body}: the value is not at {offset}");
            Err(field)
        }
        Err(error) => panic!("{body}: {error}"),
    }
}

#[test]
fn what_we_act_on_has_the_type_that_we_need() {
    fn text(body: &str, get: fn(&Scan) -> Option<&str>) -> Result<Option<String>, &'static str> {
        read(body, |scan| get(scan).map(str::to_owned))
    }
    let some = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(text("{}", Scan::model), Ok(None));
    assert_eq!(text(r#"{"model":null}"#, Scan::model), Ok(None));
    assert_eq!(text(r#"{"model":""}"#, Scan::model), some(""));
    assert_eq!(text(r#"{"x":{"model":"a"}}"#, Scan::model), Ok(None));
    assert_eq!(text(r#"{"m\u006fdel":"a"}"#, Scan::model), some("a"));
    for bad in ["1", "true", "[\"a\"]", "{}"] {
        assert_eq!(text(&format!("{{\"model\": {bad}}}"), Scan::model), Err("model"));
    }
    assert_eq!(text(r#"{"user":"\ud83d\ude00"}"#, Scan::user), some("\u{1F600}"));
    assert_eq!(text(r#"{"user":1}"#, Scan::user), Ok(None));
    assert_eq!(text(r#"{"metadata":{"a":1,"user_id":"m"}}"#, Scan::user), some("m"));
    assert_eq!(text(r#"{"user":"u","metadata":{"user_id":"m"}}"#, Scan::user), some("u"));
    assert_eq!(text(r#"{"metadata":{"user_id":"m"},"user":"u"}"#, Scan::user), some("u"));
    for other in ["null", "1", "[]", "{\"user_id\":1}", "{\"user_id\":null}", "{}"] {
        assert_eq!(text(&format!("{{\"metadata\":{other}}}"), Scan::user), Ok(None));
    }

    let stream = |body: &str| read(body, Scan::stream);
    assert_eq!(stream("{}"), Ok(false));
    assert_eq!(stream(r#"{"stream":null}"#), Ok(false));
    assert_eq!(stream(r#"{"stream":false}"#), Ok(false));
    assert_eq!(stream(r#"{"stream" : true}"#), Ok(true));
    for bad in ["1", "0", "\"true\"", "[]", "{}"] {
        assert_eq!(stream(&format!("{{\"stream\": {bad}}}")), Err("stream"));
    }

    let usage = |body: &str| read(body, Scan::include_usage);
    for (options, expected) in [
        ("null", false),
        ("{}", false),
        (r#"{"include_usage":false}"#, false),
        (r#"{"include_usage":null}"#, false),
        (r#"{"include_usage":true,"y":[1e999]}"#, true),
    ] {
        assert_eq!(usage(&format!("{{\"stream_options\":{options}}}")), Ok(expected), "{options}");
    }
    for bad in [
        "1",
        "[true]",
        "\"x\"",
        "true",
        r#"{"include_usage":1}"#,
        r#"{"include_usage":"true"}"#,
        r#"{"include_usage":true,"include_usage":false}"#,
    ] {
        assert_eq!(
            usage(&format!("{{\"stream_options\": {bad}}}")),
            Err("stream_options"),
            "{bad}"
        );
    }
}

#[test]
fn numbers_that_we_act_on_are_whole_and_bounded() {
    for field in ["max_tokens", "max_completion_tokens", "max_output_tokens", "n"] {
        let get = |scan: &Scan| if field == "n" { scan.n() } else { scan.max_tokens() };
        for (value, expected) in [
            ("null", None),
            ("0", Some(0)),
            ("5", Some(5)),
            ("1000000000000000", Some(1_000_000_000_000_000)),
        ] {
            assert_eq!(read(&format!("{{\"{field}\":{value}}}"), get), Ok(expected));
        }
        let digits = "9".repeat(400);
        for bad in [
            "-1",
            "-0",
            "1.0",
            "1e3",
            "1000000000000001",
            "18446744073709551617",
            "\"5\"",
            "true",
            "[]",
            "{}",
            &digits,
        ] {
            assert_eq!(read(&format!("{{\"{field}\": {bad}}}"), get), Err(field), "{bad}");
        }
    }
    let both = r#"{"max_tokens":5,"max_completion_tokens":9,"max_output_tokens":null}"#;
    assert_eq!(read(both, Scan::max_tokens), Ok(Some(9)), "the bound that holds whichever is read");
}

#[test]
fn a_medium_is_counted_once_however_it_is_written() {
    let table = [
        (r#"{"input":[{"content":[{"type":"input_image","image_url":"https://h/a.png"}]}]}"#, 1),
        (r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:x"}}]}]}"#, 1),
        (r#"{"messages":[{"content":[{"type":"image_url","image_url":"data:x"}]}]}"#, 1),
        (r#"{"input":[{"content":[{"type":"input_file","file_url":"https://h/a.pdf"}]}]}"#, 1),
        (r#"{"input":[{"content":[{"type":"input_file","file_id":"f","image_url":null}]}]}"#, 1),
        (
            r#"{"messages":[{"content":[{"source":{"type":"base64","data":"x"}},{"source":{"url":"y"}}]}]}"#,
            2,
        ),
        (
            r#"{"contents":[{"parts":[{"inlineData":{"data":"x"}},{"fileData":{"fileUri":"y"}}]}]}"#,
            2,
        ),
        (r#"{"documents":[{"data":{"text":"a"}}]}"#, 0),
        (r#"{"messages":[{"content":"a"}]}"#, 0),
    ];
    for (body, media) in table {
        assert_eq!(scan(body.as_bytes()).unwrap().media(), media, "{body}");
    }
}

#[test]
fn texts_are_told_from_data_and_labels() {
    let table: &[(&str, &[&str])] = &[
        (r#"{"messages":[{"role":"user","content":"a\n"},{"content":"b"}]}"#, &["a\n", "b"]),
        (
            r#"{"messages":[{"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:x","detail":"low"}},{"text":"b"}]}]}"#,
            &["a", "b"],
        ),
        (
            r#"{"messages":[{"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}]}"#,
            &["f", "{}"],
        ),
        (
            r#"{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"content":[{"type":"tool_use","id":"1","input":{"path":"p"}}]}]}"#,
            &["s", "p"],
        ),
        (
            r#"{"system":"s","input":["a",["b"]],"prompt":"p","instructions":"i"}"#,
            &["s", "a", "b", "p", "i"],
        ),
        (r#"{"input":[{"data":["x"],"k":["y",{"data":"x"},"z"]}]}"#, &["y", "z"]),
        (
            r#"{"contents":[{"parts":[{"text":"a"},{"inlineData":{"mimeType":"i","data":"x"}}]}],"systemInstruction":{"parts":[{"text":"s"}]}}"#,
            &["a", "s"],
        ),
        (r#"{"model":"m","tools":[{"name":"t"}],"user":"u","stop":["x"]}"#, &[]),
        (r#"{"messages":[],"input":null,"prompt":[1,2],"system":{}}"#, &[]),
    ];
    for (body, expected) in table {
        let mut texts = Vec::new();
        for_each_text(body.as_bytes(), |text| texts.push(text.to_owned()));
        assert_eq!(texts, *expected, "{body}");
        let scan = scan(body.as_bytes()).unwrap();
        let bytes: usize = expected.iter().map(|text| text.len()).sum();
        assert!(scan.text_bytes() >= bytes, "{body}");
    }
    let scan =
        scan(br#"{"messages":[{"content":"ab\n"},{"data":"xyz","role":"u"}],"tools":[{"a":1}]}"#)
            .unwrap();
    assert_eq!((scan.text_bytes(), scan.opaque_bytes()), (4 + 9, 4));
    for_each_text(b"[]", |_| panic!("no object, no text"));
    for_each_text(b"{\"prompt\":\"a", |_| panic!("no end, no text"));
}

#[test]
fn a_splice_replaces_and_inserts() {
    let usage = || Edit::insert("stream_options", b"{\"include_usage\":true}".to_vec());
    for (body, expected) in [
        ("{}", r#"{"stream_options":{"include_usage":true}}"#),
        (" { \n} ", " {\"stream_options\":{\"include_usage\":true} \n} "),
        (r#"{"a":1}"#, r#"{"stream_options":{"include_usage":true},"a":1}"#),
        (r#" { "a" : "}" }"#, r#" {"stream_options":{"include_usage":true}, "a" : "}" }"#),
    ] {
        assert_eq!(String::from_utf8(splice(body.as_bytes(), &[usage()])).unwrap(), expected);
    }
    let body = br#"{"n":1, "model" : "a", "stream_options":null}"#;
    let found = scan(body).unwrap();
    let edits = [
        Edit::replace(found.stream_options_span().unwrap(), b"{}".to_vec()),
        Edit::insert("user", b"\"u\"".to_vec()),
        Edit::replace(found.model_span().unwrap(), b"\"long name\"".to_vec()),
        Edit::insert("x", b"0".to_vec()),
    ];
    let out = splice(body, &edits);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"user":"u","x":0,"n":1, "model" : "long name", "stream_options":{}}"#
    );
    assert_eq!(splice(body, &[]), body);
}

/// Any JSON, written with any white space.
fn json() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", "", "", " ", "\n", "\t \r"]);
    let text = || {
        "[a-z\"\\\\\u{1}\u{e9}\u{1F600}\n]{0,40}"
            .prop_map(|text| serde_json::to_string(&text).unwrap())
    };
    let leaf = prop_oneof![
        text(),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f32>()
            .prop_filter("a number", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
        prop::sample::select(vec![
            "true",
            "false",
            "null",
            "{}",
            "[]",
            "\"\\u00e9\\ud83d\\ude00\\/\""
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        let pair = (text(), space(), inner.clone())
            .prop_map(|(key, gap, value)| format!("{key}{gap}:{gap}{value}"));
        prop_oneof![
            (prop::collection::vec(inner, 0..6), space())
                .prop_map(|(items, gap)| format!("[{gap}{}{gap}]", items.join(","))),
            (prop::collection::vec(pair, 0..6), space()).prop_map(|(pairs, gap)| format!(
                "{{{gap}{}{gap}}}",
                pairs.join(&format!(",{gap}"))
            )),
        ]
    })
}

/// What another parser says, apart from the size of numbers, which it limits.
fn reference(body: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => value.is_object(),
        Err(error) => error.to_string().starts_with("number out of range"),
    }
}

/// Whether `reference` stopped at a number that it cannot hold and may not have read the rest.
fn is_undecided(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body)
        .is_err_and(|error| error.to_string().starts_with("number out of range"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn json_passes(value in json()) {
        let body = format!("{{\"x\":{value}}}");
        prop_assert!(reference(body.as_bytes()));
        prop_assert!(scan(body.as_bytes()).is_ok(), "{body}");
    }

    #[test]
    fn mutated_json_passes_where_another_parser_lets_it(
        value in json(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3, any::<prop::sample::Index>()), 1..4),
    ) {
        const BYTES: &[u8] = b"{}[]\",:\\/ubnrt0159-+.eE \n\x00\x1f\x7f\x80\xC3\xE2\xED\xF0dD8cCtfnx";
        let mut body = format!("{{\"x\":{value}}}").into_bytes();
        for (at, how, byte) in changes {
            let at = at.index(body.len());
            let byte = BYTES[byte.index(BYTES.len())];
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => { body.remove(at); }
            }
            if body.is_empty() { break }
        }
        prop_assume!(!is_undecided(&body));
        prop_assert_eq!(is_json(&body), reference(&body), "{:?}", String::from_utf8_lossy(&body));
    }

    #[test]
    fn what_breaks_off_does_not_pass(value in json()) {
        let body = format!("{{\"x\":{value}}}");
        for end in 0..body.len() {
            prop_assert!(!is_json(&body.as_bytes()[..end]));
        }
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(is_json(&body), reference(&body));
    }

    #[test]
    fn strings_are_decoded_as_elsewhere(text in "\\PC{0,80}", escapes in "(\\\\u00[0-9a-f]{2}|\\\\n|\\\\\"|\\\\ud83d\\\\ude00){0,4}") {
        let quoted = serde_json::to_string(&text).unwrap();
        let quoted = format!("{}{escapes}\"", &quoted[..quoted.len() - 1]);
        let expected: String = serde_json::from_str(&quoted).unwrap();
        let found = scan(format!("{{\"model\":{quoted}}}").as_bytes()).unwrap();
        prop_assert_eq!(found.model(), Some(expected.as_str()));
    }

    #[test]
    fn a_splice_is_seen_and_leaves_the_rest(before in json(), after in json(), model in "\\PC{0,20}", gap in "[ \n\t]{0,3}") {
        let body = format!("{gap}{{{gap}\"a\":{before},{gap}\"model\":\"old\",\"b\"{gap}:{after}}}");
        let model_json = serde_json::to_vec(&model).unwrap();
        let span = scan(body.as_bytes()).unwrap().model_span().unwrap();
        let edits = [Edit::replace(span, model_json.clone()), Edit::insert("stream_options", b"{\"include_usage\":true}".to_vec())];
        let out = splice(body.as_bytes(), &edits);
        let found = scan(&out).unwrap();
        prop_assert_eq!(found.model(), Some(model.as_str()));
        prop_assert!(found.include_usage());
        let model_json = String::from_utf8(model_json).unwrap();
        let expected = format!("{gap}{{\"stream_options\":{{\"include_usage\":true}},{gap}\"a\":{before},{gap}\"model\":{model_json},\"b\"{gap}:{after}}}");
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_field_put_into_any_object_is_seen(pairs in prop::collection::btree_map("[a-z]{1,5}", json(), 0..4), gap in "[ \n\t]{0,3}") {
        let fields: Vec<String> = pairs.iter().map(|(key, value)| format!("{gap}\"x{key}\":{gap}{value}{gap}")).collect();
        let body = format!("{{{gap}{}}}", fields.join(","));
        let out = splice(body.as_bytes(), &[Edit::insert("user", b"\"u\"".to_vec())]);
        let found = scan(&out).unwrap();
        prop_assert_eq!(found.user(), Some("u"));
        prop_assert!(out.ends_with(&body.as_bytes()[1..]));
    }
}

#[test]
fn a_field_is_set_and_every_other_byte_stays() {
    for (object, wanted) in [
        ("{}", r#"{"k":true}"#),
        ("{ }", r#"{"k":true }"#),
        (r#"{"x": 1.00 }"#, r#"{"k":true,"x": 1.00 }"#),
        (r#"{"x":1e9, "k" : false , "y":{"k":0}}"#, r#"{"x":1e9, "k" : true , "y":{"k":0}}"#),
        (r#"{"\u006b":null}"#, r#"{"\u006b":true}"#),
    ] {
        assert_eq!(String::from_utf8(set(object.as_bytes(), "k", b"true")).unwrap(), wanted);
    }
}
