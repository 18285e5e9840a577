//! Token counts: the reference's, whole or in pieces.

use flate2::read::GzDecoder;
use proptest::prelude::*;
use sluicegate::tokens::{
    ChatOverhead, Exactness, MAX_TAIL_BYTES, StreamCounter, Vocabulary, vocabulary_of,
};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The public test data, where it is at hand.
fn corpora() -> Option<PathBuf> {
    let path = std::env::var_os("SLUICEGATE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no corpora at {}; set SLUICEGATE_CORPORA", path.display());
    None
}

fn json_lines(path: &Path) -> impl Iterator<Item = serde_json::Value> {
    let file = std::fs::File::open(path).expect("the corpus has the file");
    BufReader::new(GzDecoder::new(file))
        .lines()
        .map(|line| serde_json::from_str(&line.expect("text")).expect("JSON"))
}

/// Made with tiktoken 0.14.0.
const KNOWN: &[(&str, &[u32], &[u32])] = &[
    ("", &[], &[]),
    ("hello world", &[24912, 2375], &[15339, 1917]),
    ("rer", &[27653], &[38149]),
    ("'rer", &[15770, 259], &[2351, 81]),
    ("today\n \n", &[58744, 47812], &[31213, 27907]),
    ("today\n  \n", &[58744, 31835], &[31213, 14211]),
    ("0123456789", &[19267, 22901, 30833, 24], &[11531, 12901, 17458, 24]),
    ("00000000000", &[1302, 1302, 1302, 504], &[931, 931, 931, 410]),
];

#[test]
fn known_texts_have_the_reference_ids() {
    for (text, o200k, cl100k) in KNOWN {
        for (vocabulary, ids) in [(Vocabulary::O200kBase, o200k), (Vocabulary::Cl100kBase, cl100k)]
        {
            assert_eq!(vocabulary.encode(text), *ids, "{text:?} in {vocabulary:?}");
            assert_eq!(vocabulary.count(text), ids.len(), "{text:?} in {vocabulary:?}");
        }
    }
}

#[test]
fn special_token_text_is_ordinary_text() {
    assert!(Vocabulary::O200kBase.count("<|endoftext|>") > 1);
    assert!(Vocabulary::Qwen2.count("<|im_start|>") > 1);
}

#[test]
fn every_vocabulary_is_in_the_build() {
    for vocabulary in Vocabulary::ALL {
        vocabulary.load();
        let text = "The sluice gate counts what flows through it.";
        assert!((9..14).contains(&vocabulary.count(text)), "{vocabulary:?}");
    }
}

#[test]
fn the_corpus_is_counted_as_the_reference_counts_it() {
    let Some(corpora) = corpora() else { return };
    let mut vectors = 0;
    for vector in json_lines(&corpora.join("tokenizer/token_vectors.jsonl.gz")) {
        let text = vector["text"].as_str().expect("a text");
        for vocabulary in [Vocabulary::O200kBase, Vocabulary::Cl100kBase] {
            let expected = &vector[vocabulary.name()];
            let count = expected["count"].as_u64().expect("a count");
            assert_eq!(vocabulary.count(text) as u64, count, "{}", vector["id"]);
            if let Some(ids) = expected["ids"].as_array() {
                let ids: Vec<u64> = ids.iter().filter_map(serde_json::Value::as_u64).collect();
                let ours: Vec<u64> = vocabulary.encode(text).into_iter().map(u64::from).collect();
                assert_eq!(ours, ids, "{}", vector["id"]);
            }
            for width in [1, 3, 7, 19, 200] {
                let mut counter = StreamCounter::new(vocabulary);
                pieces(text, width).for_each(|piece| counter.push(piece));
                let slack = if counter.is_exact() { 0 } else { 2 * text.len() / MAX_TAIL_BYTES };
                assert!(counter.total().abs_diff(count) <= slack as u64, "{}", vector["id"]);
            }
        }
        vectors += 1;
    }
    assert!(vectors > 300, "only {vectors} vectors");
}

/// `text` in pieces of `width` characters.
fn pieces(text: &str, width: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(width).map_or(rest.len(), |(end, _)| end);
        let (piece, next) = rest.split_at(end);
        rest = next;
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

#[test]
fn an_unbroken_run_is_cut_and_says_so() {
    let mut counter = StreamCounter::new(Vocabulary::O200kBase);
    let run = "a".repeat(20_000);
    pieces(&run, 7).for_each(|piece| counter.push(piece));
    assert!(!counter.is_exact());
    let whole = Vocabulary::O200kBase.count(&run) as u64;
    assert!(counter.total().abs_diff(whole) <= 8, "{} for {whole}", counter.total());
    let mut prose = StreamCounter::new(Vocabulary::O200kBase);
    prose.push(&"word ".repeat(5000));
    assert!(prose.is_exact());
}

#[test]
fn a_limit_is_noticed_without_counting_all() {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(2000);
    let whole = Vocabulary::O200kBase.count(&text);
    assert_eq!(Vocabulary::O200kBase.count_till_limit(&text, whole), Some(whole));
    assert_eq!(Vocabulary::O200kBase.count_till_limit(&text, whole - 1), None);
    assert_eq!(Vocabulary::O200kBase.count_till_limit(&text, 10), None);
    assert_eq!(Vocabulary::O200kBase.count_till_limit("", 0), Some(0));
}

#[test]
fn models_have_their_vocabularies() {
    use Exactness::{Estimated, Exact};
    use Vocabulary::{Cl100kBase, DeepSeekV3, DeepSeekV4, O200kBase, Qwen2, Tekken};
    for (model, vocabulary, exactness) in [
        ("gpt-4o", O200kBase, Exact),
        ("gpt-4o-mini-2024-07-18", O200kBase, Exact),
        ("openai/gpt-4.1-nano", O200kBase, Exact),
        ("gpt-5.5", O200kBase, Exact),
        ("gpt-5-mini", O200kBase, Exact),
        ("GPT-5", O200kBase, Exact),
        ("chatgpt-4o-latest", O200kBase, Exact),
        ("o1-preview", O200kBase, Exact),
        ("o3", O200kBase, Exact),
        ("o4-mini", O200kBase, Exact),
        ("o1ympus", O200kBase, Estimated),
        ("ft:gpt-4o-mini:my-org::abc123", O200kBase, Exact),
        ("openai.gpt-oss-120b-1:0", O200kBase, Exact),
        ("accounts/fireworks/models/gpt-oss-20b", O200kBase, Exact),
        ("gpt-4", Cl100kBase, Exact),
        ("gpt-4-0613", Cl100kBase, Exact),
        ("gpt-4-turbo", Cl100kBase, Exact),
        ("gpt-3.5-turbo-16k", Cl100kBase, Exact),
        ("azure/gpt-35-turbo", Cl100kBase, Exact),
        ("text-embedding-3-large", Cl100kBase, Exact),
        ("deepseek-ai/DeepSeek-V3.1", DeepSeekV3, Exact),
        ("deepseek/deepseek-r1:free", DeepSeekV3, Exact),
        ("us.deepseek.r1-v1:0", DeepSeekV3, Exact),
        ("deepseek-v4-pro", DeepSeekV4, Exact),
        ("deepseek-chat", DeepSeekV3, Estimated),
        ("deepseek-r1-distill-llama-70b", O200kBase, Estimated),
        ("Qwen/Qwen2.5-72B-Instruct", Qwen2, Exact),
        ("qwen3-235b-a22b", Qwen2, Exact),
        ("qwen3.5-plus", Qwen2, Estimated),
        ("qwen-max", Qwen2, Estimated),
        ("ministral-8b-latest", Tekken, Exact),
        ("mistral-large-2407", Tekken, Estimated),
        ("mistral.mistral-large-2407-v1:0", Tekken, Estimated),
        ("meta-llama/Llama-3.3-70B-Instruct", O200kBase, Estimated),
        ("claude-opus-5", O200kBase, Estimated),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", O200kBase, Estimated),
        ("gemini-3-pro", O200kBase, Estimated),
        ("", O200kBase, Estimated),
    ] {
        assert_eq!(vocabulary_of(model), (vocabulary, exactness), "{model}");
    }
}

#[test]
fn a_chat_counts_what_the_cookbook_counts() {
    // The cookbook's example: gpt-4o and gpt-4o-mini answer 124 prompt tokens, gpt-4 129.
    let messages = [
        (
            "system",
            None,
            "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
        ),
        ("system", Some("example_user"), "New synergies will help drive top-line growth."),
        (
            "system",
            Some("example_assistant"),
            "Things working well together will increase revenue.",
        ),
        (
            "system",
            Some("example_user"),
            "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
        ),
        (
            "system",
            Some("example_assistant"),
            "Let's talk later when we're less busy about how to do better.",
        ),
        (
            "user",
            None,
            "This late pivot means we don't have time to boil the ocean for the client deliverable.",
        ),
    ];
    for (vocabulary, expected) in [(Vocabulary::O200kBase, 124), (Vocabulary::Cl100kBase, 129)] {
        let overhead = ChatOverhead::OPENAI;
        let counted: usize = messages
            .iter()
            .map(|(role, name, text)| overhead.count_message(vocabulary, role, *name, [*text]))
            .sum();
        assert_eq!(counted + overhead.reply, expected);
    }
}

/// Characters on which the vocabularies' patterns turn, and ordinary words between them.
fn text() -> impl Strategy<Value = String> {
    let edge = prop::sample::select(
        " \n\r\t'’.,/-_:;!?()0179½Ⅷ٣aAsStTlLdDméÉßǅʰа中国々あァー・゛カ한글،、。，！？：；\u{301}\u{3099}\u{a0}\u{3000}\u{2003}\u{85}\u{2028}\u{200b}\u{200d}😀👍🏽🇩🇪<|>\u{0}\u{7f}"
            .chars()
            .collect::<Vec<_>>(),
    )
    .prop_map(String::from);
    let word = prop::sample::select(vec![
        " ",
        "  ",
        " \n",
        "\n\n",
        "\r\n",
        ".\n",
        " the",
        "don't",
        "I'LL",
        "'s ",
        "2024",
        " 12345",
        "://",
        "```\n",
        "    ",
        "中文，",
        "です。",
        "fn main() {",
        "Ünïcödé",
        "...",
        "\n//",
        "안녕하세요",
    ])
    .prop_map(str::to_owned);
    let any = any::<char>().prop_map(String::from);
    prop::collection::vec(prop_oneof![8 => edge, 6 => word, 1 => any], 0..40)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    /// At every moment of any cut the count is that of the text so far.
    #[test]
    fn pieces_count_as_the_whole(text in text(), widths in proptest::collection::vec(1..9usize, 1..8)) {
        for vocabulary in Vocabulary::ALL {
            let mut counter = StreamCounter::new(vocabulary);
            let (mut rest, mut so_far, mut widths) = (text.as_str(), String::new(), widths.iter().cycle());
            while !rest.is_empty() {
                let piece = pieces(rest, *widths.next().unwrap()).next().unwrap();
                rest = &rest[piece.len()..];
                so_far.push_str(piece);
                let before = counter.settled();
                counter.push(piece);
                prop_assert_eq!(counter.total(), vocabulary.count(&so_far) as u64, "{:?}: {:?}", vocabulary, so_far);
                prop_assert!(counter.settled() >= before);
                prop_assert!(counter.upper_bound() >= counter.total());
            }
        }
    }

    /// The limit is exact on both sides, wherever the text is cut inside.
    #[test]
    fn a_limit_is_exact(text in text(), times in 1..40usize) {
        let text = text.repeat(times);
        for vocabulary in [Vocabulary::O200kBase, Vocabulary::Cl100kBase] {
            let whole = vocabulary.count(&text);
            prop_assert_eq!(vocabulary.count_till_limit(&text, whole), Some(whole));
            if whole > 0 {
                prop_assert_eq!(vocabulary.count_till_limit(&text, whole - 1), None);
            }
        }
    }
}
