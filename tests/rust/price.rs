//! What tokens cost: the book, the sheet, the classes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::value::RawValue;
use sluicegate::price::{
    AskedPicture, Book, Factor, PriceSet, Reach, Schedule, Sheet, SpecError, Tokens, Unit, Units,
    dollars,
};
use sluicegate::stream::{ServiceTier, Usage};

/// 2026-01-15T12:00:00Z.
const NOON: i64 = 1_768_478_400;

fn fixture() -> Book {
    Book::parse(Cow::Borrowed(include_str!("price/book.jsonl"))).unwrap()
}

fn sheet_at(provider: &str, model: &str, unix_s: i64) -> Option<Arc<Sheet>> {
    let schedule = fixture().resolve(provider, model, Factor::ONE)?;
    schedule.at(unix_s).cloned()
}

fn prices(json: &str) -> Result<PriceSet, SpecError> {
    let raw: HashMap<String, Box<RawValue>> = serde_json::from_str(json).unwrap();
    PriceSet::read(&raw.iter().map(|(key, value)| (key.clone(), value.as_ref())).collect())
}

fn sheet(json: &str, factor: Factor) -> Arc<Sheet> {
    let schedule = Schedule::constant(&prices(json).unwrap(), factor, "config".into());
    schedule.at(0).unwrap().clone()
}

const NOTHING: Tokens = Tokens {
    input: 0,
    cached_input: 0,
    cache_write: 0,
    cache_write_1h: 0,
    input_audio: 0,
    cached_audio: 0,
    input_image: 0,
    cached_image: 0,
    output: 0,
    reasoning: 0,
    output_audio: 0,
    output_image: 0,
    web_searches: 0,
    units: Units { pictures: 0, audio_ms: 0, characters: 0, searches: 0 },
};

fn text(input: u64, output: u64) -> Tokens {
    Tokens { input, output, ..NOTHING }
}

/// Model, what was used, dollars: worked out by hand.
#[rustfmt::skip]
fn priced() -> Vec<(&'static str, Tokens, &'static str)> {
    let m = 1_000_000;
    vec![
        ("text", text(0, 0), "0"),
        ("text", text(1, 0), "0.000003"),
        ("text", text(0, 1), "0.000015"),
        ("text", text(m, m), "18"),
        ("text", text(1_000, 500), "0.0105"),
        // no class of its own: the wider one's price
        ("text", Tokens { cached_input: 40, ..text(100, 0) }, "0.0003"),
        ("text", Tokens { cache_write: 40, cache_write_1h: 10, ..text(100, 0) }, "0.0003"),
        ("text", Tokens { reasoning: 50, ..text(0, 100) }, "0.0015"),
        ("text", Tokens { input_audio: 50, output_audio: 20, ..text(100, 100) }, "0.0018"),
        // each class once
        ("cached-1", text(100, 10), "0.00045"),
        ("cached-1", Tokens { cached_input: 100, ..text(100, 0) }, "0.00003"),
        ("cached-1", Tokens { cached_input: 40, ..text(100, 0) }, "0.000192"),
        ("cached-1", Tokens { cache_write: 100, ..text(100, 0) }, "0.000375"),
        ("cached-1", Tokens { cache_write: 100, cache_write_1h: 100, ..text(100, 0) }, "0.0006"),
        ("cached-1", Tokens { cache_write: 30, cache_write_1h: 10, cached_input: 40, ..text(100, 7) }, "0.000342"),
        // 52,000 of 60,000 cached (LiteLLM once charged them twice)
        ("cached-1", Tokens { cached_input: 52_000, ..text(60_000, 1_000) }, "0.0546"),
        // parts beyond their whole are cut to it
        ("cached-1", Tokens { cached_input: 200, ..text(100, 0) }, "0.00003"),
        ("cached-1", Tokens { cached_input: 80, cache_write: 80, ..text(100, 0) }, "0.000099"),
        ("cached-1", Tokens { cache_write_1h: 50, ..text(100, 0) }, "0.0003"),
        // fractions of a pico-dollar: rounded once, at the end
        ("oddity", text(1, 0), "0.000000083333"),
        ("oddity", text(3, 0), "0.00000025"),
        ("oddity", text(1_000_000, 0), "0.083333333333"),
        ("oddity", text(0, 1), "0.000000000001"),
        ("oddity", text(0, 999_999), "0.000000999999"),
        // audio and images
        ("heard-1", text(100, 100), "0.002"),
        ("heard-1", Tokens { input_audio: 60, ..text(100, 0) }, "0.00208"),
        ("heard-1", Tokens { input_audio: 60, cached_input: 50, cached_audio: 30, ..text(100, 0) }, "0.001072"),
        ("heard-1", Tokens { output_audio: 80, ..text(0, 100) }, "0.00544"),
        ("heard-1", Tokens { input_image: 50, ..text(100, 0) }, "0.00045"),
        ("heard-1", Tokens { input_image: 50, cached_input: 60, cached_image: 40, ..text(100, 0) }, "0.000198"),
        ("heard-1", Tokens { output_image: 25, output_audio: 25, ..text(0, 100) }, "0.0029"),
        ("heard-1", Tokens { input_audio: 80, cached_input: 50, ..text(100, 0) }, "0.00162"),
        // reasoning, requests and searches with prices of their own
        ("thinks", text(0, 0), "0.014"),
        ("thinks", Tokens { reasoning: 900, ..text(100, 1_000) }, "0.0177"),
        ("thinks", Tokens { web_searches: 3, ..text(100, 0) }, "0.0442"),
        // the whole request pays its tier's price
        ("tiered", text(200_000, 1_000), "1.025"),
        ("tiered", text(200_001, 1_000), "2.03751"),
        ("tiered", text(400_000, 0), "4"),
        ("tiered", text(400_001, 1_000), "8.03752"),
        ("tiered", Tokens { cached_input: 200_001, ..text(200_001, 0) }, "0.200001"),
        ("embeds", text(1_000, 0), "0.00002"),
        ("embeds", text(1_000, 5), "0.00002"),
        ("free", text(1_000, 1_000), "0"),
        // names are matched in lower case, compact dates as dashed ones
        ("TEXT", text(1, 0), "0.000003"),
        ("x-CACHED", text(1, 0), "0.000003"),
        ("dated-20260102", text(1, 1), "0.00001"),
    ]
}

#[test]
fn every_class_is_priced_once() {
    for (model, tokens, usd) in priced() {
        let sheet = sheet_at("plain", model, NOON).unwrap_or_else(|| panic!("{model}"));
        assert_eq!(sheet.cost_usd(&tokens), usd, "{model} {tokens:?}");
    }
    assert!(priced().len() >= 40);
}

#[test]
fn what_a_vendors_cache_saves_is_the_difference_to_plain_input() {
    let saved = |model: &str, tokens: Tokens| {
        let sheet = sheet_at("plain", model, NOON).unwrap_or_else(|| panic!("{model}"));
        dollars(sheet.prompt_cache_saved(&tokens))
    };
    for (model, tokens, usd) in [
        ("cached-1", text(100, 10), "0"),
        ("cached-1", Tokens { cached_input: 100, ..text(100, 0) }, "0.00027"),
        ("cached-1", Tokens { cache_write: 100, ..text(100, 0) }, "-0.000075"),
        ("cached-1", Tokens { cache_write: 100, cache_write_1h: 100, ..text(100, 0) }, "-0.0003"),
        ("cached-1", Tokens { cached_input: 52_000, ..text(60_000, 1_000) }, "0.1404"),
        // no price of its own: it saves time, not money
        ("text", Tokens { cached_input: 40, ..text(100, 0) }, "0"),
        // parts of what was heard and seen
        (
            "heard-1",
            Tokens { input_audio: 60, cached_input: 50, cached_audio: 30, ..text(100, 0) },
            "0.001008",
        ),
    ] {
        assert_eq!(saved(model, tokens), usd, "{model} {tokens:?}");
    }
}

#[test]
fn a_model_without_a_price_has_none() {
    for (provider, model) in [
        ("plain", "unknown"), // although a looser clause further down would take it
        ("plain", "odd-tts"),
        ("plain", "heard-12"),
        ("plain", "text-2"),
        ("plain", ""),
        ("nobody", "text"),
        ("second", "tiered"), // one step of fallback, not two
    ] {
        assert_eq!(sheet_at(provider, model, NOON), None, "{provider}/{model}");
    }
}

#[test]
fn the_price_is_that_of_the_requests_start() {
    for (model, at, per_million) in [
        ("dated-2026-01-02", 1_749_513_599, "10"), // 2025-06-09T23:59:59Z
        ("dated-2026-01-02", 1_749_513_600, "2"),
        ("dated-2026-01-02", NOON, "2"),
        ("dated-2026-01-02", 1_781_049_600, "1"), // 2026-06-10
        ("nightly", 1_768_436_999, "1"),          // 00:29:59Z
        ("nightly", 1_768_437_000, "2"),
        ("nightly", 1_768_494_599, "2"),
        ("nightly", 1_768_494_600, "1"),  // 16:30:00Z
        ("midnight", 1_768_435_200, "7"), // 00:00:00Z
        ("midnight", 1_768_442_400, "1"), // 02:00:00Z
        ("midnight", 1_768_514_400, "7"), // 22:00:00Z
        ("midnight", NOON, "1"),
    ] {
        let sheet = sheet_at("plain", model, at).unwrap();
        assert_eq!(sheet.cost_usd(&text(1_000_000, 0)), per_million, "{model} at {at}");
    }
}

#[test]
fn a_tier_of_service_has_its_own_price_where_the_book_has_one() {
    let schedule = fixture().resolve("plain", "served", Factor::ONE).unwrap();
    let million = Tokens { cached_input: 500_000, ..text(1_000_000, 1_000_000) };
    for (at, tier, usd) in [
        (NOON, None, "10.5"),
        (NOON, Some(ServiceTier::Batch), "9.5"),
        (NOON, Some(ServiceTier::Priority), "20"),
        (NOON, Some(ServiceTier::Fast), "28.5"),
        (NOON, Some(ServiceTier::Flex), "10.5"),
        (1_781_049_600, Some(ServiceTier::Priority), "25"), // the first that holds, then the next
        (1_781_049_600, Some(ServiceTier::Batch), "8"),
    ] {
        let sheet = match tier {
            Some(tier) => schedule.at_tier(at, tier).unwrap(),
            None => schedule.at(at).unwrap().clone(),
        };
        assert_eq!(sheet.cost_usd(&million), usd, "{tier:?} at {at}");
    }
}

#[test]
fn resellers_have_their_own_prices_first() {
    for (model, usd) in [("text", "3.3"), ("tiered", "20"), ("cached-x", "3")] {
        let sheet = sheet_at("reseller", model, NOON).unwrap();
        assert_eq!(sheet.cost_usd(&text(1_000_000, 0)), usd, "{model}");
        assert_eq!(&**sheet.version(), "fixture@2026-01-01");
    }
}

#[test]
fn a_base_url_names_its_provider() {
    let book = fixture();
    for (url, provider) in [
        ("https://plain.example/v1", Some("plain")),
        ("https://api.plain.example", Some("plain")),
        ("https://reseller.example/v1", Some("reseller")),
        ("http://127.0.0.1:8000/v1?https://plain.example", None),
        ("", None),
    ] {
        assert_eq!(book.provider_at(url), provider, "{url}");
    }
}

#[test]
fn discounts_and_margins_are_exact() {
    for (discount, margin, usd) in [
        ("0", "0", "3"),
        ("10", "0", "2.7"),
        ("0", "10", "3.3"),
        ("12.5", "20", "3.15"),
        ("33.3333", "0", "2.000001"),
        ("100", "50", "0"),
        ("0", "100000", "3003"),
    ] {
        let sheet = sheet(r#"{"input_mtok": 3}"#, Factor::new(discount, margin).unwrap());
        assert_eq!(sheet.cost_usd(&text(1_000_000, 0)), usd, "{discount} {margin}");
    }
    for (discount, margin) in
        [("101", "0"), ("-1", "0"), ("0", "100001"), ("0.00001", "0"), ("", "0"), ("0", "NaN")]
    {
        assert_eq!(Factor::new(discount, margin), None, "{discount} {margin}");
    }
}

#[test]
fn a_row_is_rounded_once_a_half_to_the_even() {
    // half a pico-dollar a token, and half of that with the discount
    let half = sheet(r#"{"input_mtok": "0.0000005"}"#, Factor::ONE);
    let quarter = sheet(r#"{"input_mtok": "0.0000005"}"#, Factor::new("50", "0").unwrap());
    for (tokens, of_half, of_quarter) in
        [(1, 0, 0), (2, 1, 0), (3, 2, 1), (4, 2, 1), (5, 2, 1), (6, 3, 2), (7, 4, 2)]
    {
        assert_eq!(half.cost(&text(tokens, 0)), of_half, "{tokens}");
        assert_eq!(quarter.cost(&text(tokens, 0)), of_quarter, "{tokens}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    for json in [
        r#"{"input_mtok": "0.0000000000001"}"#,
        r#"{"input_mtok": "-1"}"#,
        r#"{"input_mtok": "1e40"}"#,
        r#"{"input_mtok": "free"}"#,
        r#"{"input_mtok": true}"#,
        r#"{"input_mtok": {"base": 1}}"#,
        r#"{"input_mtok": {"base": 1, "tiers": [{"start": -1, "price": 1}]}}"#,
    ] {
        assert!(matches!(prices(json), Err(SpecError::Number(..))), "{json}");
    }
    assert!(matches!(prices(r#"{"audio_hours": 1}"#), Err(SpecError::Key(_))));
    assert!(prices(r#"{"input_mtok": null}"#).unwrap().is_empty());
}

#[test]
fn bounds_hold_what_a_request_may_do() {
    let cached = sheet_at("plain", "cached-1", NOON).unwrap();
    let tiered = sheet_at("plain", "tiered", NOON).unwrap();
    let thinks = sheet_at("plain", "thinks", NOON).unwrap();
    let heard = sheet_at("plain", "heard-1", NOON).unwrap();
    let writes = Reach { writes_cache: true, ..Reach::text(100, 10) };
    for (sheet, reach, nano) in [
        (&cached, Reach::text(100, 10), 450_000),
        (&cached, writes, 525_000),
        (&cached, Reach::any(100, 10), 750_000),
        (&tiered, Reach::text(200_000, 0), 1_000_000_000),
        (&tiered, Reach::text(200_001, 0), 2_000_010_000),
        (&thinks, Reach::text(0, 0), 14_000_000),
        (&heard, Reach::text(100, 100), 2_000_000),
        (&heard, Reach::any(100, 100), 9_600_000),
    ] {
        assert_eq!(sheet.bound_nano_of(&reach), nano, "{reach:?}");
    }
    let odd = sheet_at("plain", "oddity", NOON).unwrap();
    assert_eq!(odd.bound_nano(0, 1), 1, "rounded up");
    assert_eq!(cached.bound_nano(u64::MAX, u64::MAX), u64::MAX);
}

#[test]
fn a_usage_gives_its_classes() {
    let usage = Usage {
        input_tokens: Some(100),
        cached_input_tokens: Some(20),
        cache_write_tokens: Some(10),
        output_tokens: Some(50),
        reasoning_tokens: Some(30),
        audio_tokens: Some(12),
        output_audio_tokens: Some(5),
        cached_audio_tokens: Some(3),
        image_tokens: Some(9),
        output_image_tokens: Some(20), // more than all: not believed
        ..Usage::default()
    };
    let tokens = Tokens {
        cached_input: 20,
        cache_write: 10,
        reasoning: 30,
        input_audio: 7,
        output_audio: 5,
        cached_audio: 3,
        input_image: 0,
        output_image: 9,
        ..text(100, 50)
    };
    assert_eq!(Tokens::from(&usage), tokens);
}

#[test]
fn dollars_are_plain_decimals() {
    assert_eq!(dollars(i128::MAX), "170141183460469231731687303.715884105727");
}

#[test]
fn the_shipped_book_is_whole() {
    let book = Book::shipped();
    assert!(book.check().unwrap() > 2000);
    assert!(book.version().starts_with("genai-prices-"), "{}", book.version());
    for (provider, model) in [
        ("openai", "gpt-5.5"),
        ("openai", "gpt-5-mini-2025-08-07"),
        ("openai", "text-embedding-3-small"),
        ("anthropic", "claude-opus-5"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("azure", "gpt-4o"),
        ("google", "gemini-2.5-flash"),
        ("groq", "llama-3.3-70b-versatile"),
        ("mistral", "mistral-large-latest"),
        ("deepseek", "deepseek-chat"),
    ] {
        assert!(book.resolve(provider, model, Factor::ONE).is_some(), "{provider}/{model}");
    }
    assert!(book.resolve("openai", "no-such-model", Factor::ONE).is_none());
    assert_eq!(book.provider_at("https://api.openai.com/v1"), Some("openai"));
}

#[test]
fn the_catalogue_names_providers_of_the_book() {
    let hosts = concat!(env!("CARGO_MANIFEST_DIR"), "/python/sluicegate/providers/hosts");
    let text: String = std::fs::read_dir(hosts)
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let named: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("price_provider = \"")?.strip_suffix('"'))
        .collect();
    assert!(named.len() >= 5);
    for name in named {
        assert!(Book::shipped().knows(name), "{name}");
    }
}

fn any_tokens(most: u64) -> impl Strategy<Value = Tokens> {
    proptest::array::uniform13(prop_oneof![0..1000_u64, 0..=most]).prop_map(|counts| {
        let [
            input,
            cached_input,
            cache_write,
            cache_write_1h,
            input_audio,
            cached_audio,
            input_image,
            cached_image,
            output,
            reasoning,
            output_audio,
            output_image,
            web_searches,
        ] = counts;
        Tokens {
            input,
            cached_input,
            cache_write,
            cache_write_1h,
            input_audio,
            cached_audio,
            input_image,
            cached_image,
            output,
            reasoning,
            output_audio,
            output_image,
            web_searches,
            ..NOTHING
        }
    })
}

fn any_sheet() -> impl Strategy<Value = Arc<Sheet>> {
    let price = || prop_oneof![Just(0_u64), 1..1_000_000_u64, 1..u64::MAX];
    let keys = [
        "input_mtok",
        "cache_read_mtok",
        "cache_write_mtok",
        "cache_write_1h_mtok",
        "input_audio_mtok",
        "cache_audio_read_mtok",
        "input_image_mtok",
        "cache_image_read_mtok",
        "output_mtok",
        "output_reasoning_mtok",
        "output_audio_mtok",
        "output_image_mtok",
        "requests_kcount",
    ];
    let tiers = proptest::collection::vec((1..1_000_000_u64, price()), 0..3);
    let priced = proptest::option::of((price(), tiers));
    let percent = (0..=1_000_000_u64, 0..=10_000_000_u64);
    (proptest::collection::vec(priced, keys.len()), percent).prop_map(move |(all, percent)| {
        // atto-dollars as dollars per million
        let usd = |atto: u64| {
            format!("\"{}.{:012}\"", atto / 1_000_000_000_000, atto % 1_000_000_000_000)
        };
        let fields = keys.iter().zip(all).filter_map(|(key, priced)| {
            let (base, tiers) = priced?;
            let tiers = tiers
                .iter()
                .map(|(start, price)| format!(r#"{{"start":{start},"price":{}}}"#, usd(*price)));
            let tiers = tiers.collect::<Vec<_>>().join(",");
            Some(format!(r#""{key}":{{"base":{},"tiers":[{tiers}]}}"#, usd(base)))
        });
        let json = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
        let part = |parts: u64| format!("{}.{:04}", parts / 10_000, parts % 10_000);
        sheet(&json, Factor::new(&part(percent.0), &part(percent.1)).unwrap())
    })
}

proptest! {
    #[test]
    fn no_cost_passes_its_bound(sheet in any_sheet(), tokens in any_tokens(10_u64.pow(15))) {
        let tokens = Tokens { web_searches: 0, ..tokens };
        let bound = sheet.bound_nano(tokens.input, tokens.output);
        let cost = sheet.cost(&tokens);
        prop_assert!(cost >= 0);
        prop_assert!(bound == u64::MAX || i128::from(bound) * 1000 >= cost, "{bound} < {cost}");
    }

    #[test]
    fn a_wider_reach_has_no_smaller_bound(
        sheet in any_sheet(), input in 0..2_000_000_u64, output in 0..2_000_000_u64, more in 0..1000_u64,
    ) {
        let text = sheet.bound_nano_of(&Reach::text(input, output));
        prop_assert!(text <= sheet.bound_nano(input, output));
        prop_assert!(text <= sheet.bound_nano_of(&Reach::text(input + more, output)));
        prop_assert!(text <= sheet.bound_nano_of(&Reach::text(input, output + more)));
    }

    /// One more token of any class never makes it cheaper, within a tier.
    #[test]
    fn cost_grows_with_each_class(tokens in any_tokens(100_000), slot in 0..9_usize, more in 1..1000_u64) {
        let sheet = sheet_at("plain", "heard-1", NOON).unwrap();
        let mut fits = tokens;
        fits.input = fits.input_audio + fits.input_image + fits.cached_input + fits.cache_write;
        fits.cached_audio = fits.cached_audio.min(fits.input_audio).min(fits.cached_input);
        fits.cached_image = fits.cached_image.min(fits.input_image).min(fits.cached_input - fits.cached_audio);
        fits.output = fits.reasoning + fits.output_audio + fits.output_image;
        let before = sheet.cost(&fits);
        let part = match slot {
            0 => None,
            1 => Some(&mut fits.cached_input),
            2 => Some(&mut fits.cache_write),
            3 => Some(&mut fits.input_audio),
            4 => Some(&mut fits.input_image),
            5 => Some(&mut fits.reasoning),
            6 => Some(&mut fits.output_audio),
            7 => Some(&mut fits.output_image),
            _ => Some(&mut fits.web_searches),
        };
        if let Some(part) = part {
            *part += more;
        }
        match slot {
            0..5 => fits.input += more,
            5..8 => fits.output += more,
            _ => {}
        }
        prop_assert!(sheet.cost(&fits) >= before);
    }

    /// With one price for all, the classes add up to the whole however it is cut.
    #[test]
    fn classes_add_up(tokens in any_tokens(10_u64.pow(15))) {
        let one = sheet(r#"{"input_mtok": "0.000001", "output_mtok": "0.000001"}"#, Factor::ONE);
        let all = i128::from(tokens.input) + i128::from(tokens.output);
        prop_assert_eq!(one.cost(&tokens), all);
    }

    /// The dearest price that a configuration may name, on counts far beyond what is believed: never less.
    #[test]
    fn nothing_wraps(tokens in any_tokens(u64::MAX), price in 1..=10_u64.pow(15)) {
        let dear = sheet(&format!(r#"{{"input_mtok": {price}, "output_mtok": {price}}}"#), Factor::new("0", "100000").unwrap());
        let cost = dear.cost(&tokens);
        let least = i128::from(tokens.input.max(tokens.output)) * i128::from(price);
        prop_assert!(cost >= least.min(i128::MAX / 1_000_000_000), "{cost} < {least}");
    }
}

#[test]
fn what_is_no_tokens_costs_by_its_own_unit() {
    let units = |pictures, audio_ms, characters, searches| Tokens {
        units: Units { pictures, audio_ms, characters, searches },
        ..text(1000, 1000)
    };
    for (prices, tokens, usd) in [
        (r#"{"output_images_count": "0.04"}"#, units(3, 0, 0, 0), "0.12"),
        (r#"{"output_images_count": {"hd": "0.08", "*": "0.04"}}"#, units(1, 0, 0, 0), "0.08"),
        (r#"{"input_audio_hours": "0.36"}"#, units(0, 7000, 0, 0), "0.0007"),
        // a third of a nano-dollar, to the pico-dollar
        (r#"{"input_audio_hours": "0.111"}"#, units(0, 7001, 0, 0), "0.000215864167"),
        (r#"{"input_audio_hours": "0.0036"}"#, units(0, 1, 0, 0), "0.000000001"),
        (r#"{"input_mchars": "15"}"#, units(0, 0, 1, 0), "0.000015"),
        (r#"{"document_searches_kcount": "2"}"#, units(0, 0, 0, 5), "0.01"),
        (r#"{"requests_kcount": "3"}"#, units(9, 9, 9, 9), "0.003"),
        (
            r#"{"input_mtok": 1, "output_mtok": 2, "output_images_count": "0.04"}"#,
            units(1, 0, 0, 0),
            "0.043",
        ),
    ] {
        let sheet = sheet(prices, Factor::ONE);
        assert_eq!(sheet.cost_usd(&tokens), usd, "{prices}");
        let reach = Reach { units: tokens.units, ..Reach::any(1000, 1000) };
        assert!(sheet.bound_nano_of(&reach) >= u64::try_from(sheet.cost(&tokens) / 1000).unwrap());
    }
    let half = sheet(r#"{"output_images_count": "0.04"}"#, Factor::new("50", "0").unwrap());
    assert_eq!(half.cost_usd(&units(1, 0, 0, 0)), "0.02");
}

#[test]
fn a_sheet_says_what_it_has_prices_for() {
    let all = [Unit::Picture, Unit::Audio, Unit::Character, Unit::Search];
    for (prices, has_tokens, covered) in [
        (r#"{"input_mtok": 0}"#, true, &all[..]),
        (r#"{"requests_kcount": 0}"#, false, &all[..]),
        (r#"{"output_images_count": 0}"#, false, &[Unit::Picture]),
        (r#"{"input_audio_hours": 1}"#, false, &[Unit::Audio]),
        (r#"{"input_mchars": 1}"#, false, &[Unit::Character]),
        (r#"{"document_searches_kcount": 1}"#, false, &[Unit::Search]),
        (r#"{"web_searches_kcount": 1}"#, false, &[]),
    ] {
        let sheet = sheet(prices, Factor::ONE);
        assert_eq!(sheet.has_tokens(), has_tokens, "{prices}");
        for unit in all {
            assert_eq!(sheet.covers(Some(unit)), covered.contains(&unit), "{prices} {unit:?}");
        }
        assert_eq!(sheet.covers(None), covered.len() == all.len(), "{prices}");
    }
}

#[test]
fn a_picture_has_the_price_of_its_kind() {
    let sheet =
        sheet(r#"{"output_images_count": {"512x512": "0.01", "hd/512x512": "0.03"}}"#, Factor::ONE);
    let one = Tokens { units: Units { pictures: 1, ..Units::default() }, ..Tokens::default() };
    assert_eq!(sheet.cost_usd(&one), "0.03", "the dearest, while nobody says more");
    let asked = |quality| AskedPicture { quality, size: Some("512x512") };
    let of = |asked| sheet.of_pictures(asked).unwrap().cost_usd(&one);
    assert_eq!((of(asked(None)), of(asked(Some("hd")))), ("0.01".into(), "0.03".into()));
    assert!(prices(r#"{"output_images_count": {"*": -1}}"#).is_err());
    assert!(prices(r#"{"output_images_count": {}}"#).is_err());
}
