//! A request to a provider by its name, whatever it asks there: `/passthrough/{provider}/...`.
//!
//! The path is the provider's own and goes up as it was written. It is read only for what governs the request: where it
//! would leave the provider's base URL, whether anything can be generated, and of which model.

use http::Method;

use super::address;
use super::place::decoded;
use super::snapshot::Upstream;
use crate::body::{self, Scan};
use crate::dialect::Dialect;
use crate::error::Error;

/// Stands in a route's path for the provider and what follows it.
pub(super) const PROVIDER: &str = "{provider}/{path}";
/// What ends paths whose answers a model writes, and that are read for their usage alone: Bedrock's and Ollama's.
const WRITTEN: [&str; 3] = ["/converse", "/converse-stream", "/api/generate"];
/// Credentials that a query may hold; ours never go upstream, and a provider's own are not the client's to give.
const CREDENTIALS: [&str; 4] = ["key", "api_key", "api-key", "access_token"];
/// How often servers and proxies in a row may undo percent signs.
const DECODINGS: usize = 3;

/// What the client asks of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The client's.
    pub method: Method,
    /// Behind the base URL, percent-encoded as it came; empty or with a slash at its beginning.
    path: String,
    /// Without credentials.
    query: String,
    /// The dialect that answers of this path are in; `None` where the path is of no operation that we read.
    pub dialect: Option<Dialect>,
    /// Whether a model writes in answer to it, whatever dialect that is in.
    pub writes: bool,
    /// The model that the path names, and whether the answer streams where the path says it.
    model: Option<(String, Option<bool>)>,
    /// The stored response that the path names.
    response: Option<String>,
    /// What the gateway asks on a client's behalf, and not the client.
    errand: Option<PassageErrand>,
}

/// What a request of the gateway's own is about, for whom its client's is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PassageErrand {
    /// The name that the client asked for; empty where it asked for no model.
    asked: String,
    /// The provider's key that it goes under; empty is any.
    key: String,
}

impl Passage {
    /// Of what stands behind the route's prefix. `None` for methods that no API has: one of them would tell the client
    /// what we sent.
    pub fn read(method: &Method, rest: &str, query: &str) -> Option<Self> {
        let is_usual = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ]
        .contains(method);
        let (provider, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !is_usual || provider.is_empty() {
            return None;
        }
        let plain = decoded(path);
        let dialect = dialect_of(&plain);
        Some(Self {
            provider: decoded(provider).into_owned(),
            method: method.clone(),
            path: path.to_owned(),
            query: without_credentials(query),
            dialect,
            writes: dialect.is_some() || WRITTEN.iter().any(|end| plain.ends_with(end)),
            model: model_of(&plain).or_else(|| model_in(path)),
            response: response_of(&plain),
            errand: None,
        })
    }

    /// What the gateway asks of a provider on a client's behalf: for the name that the client asked for, `model` at the
    /// provider; under that key of the provider's, where one is named.
    pub fn errand(
        method: Method,
        provider: String,
        path: String,
        (asked, model): (String, String),
        key: String,
    ) -> Self {
        Self {
            provider,
            method,
            path,
            query: String::new(),
            dialect: None,
            writes: false,
            model: Some((model, Some(false))),
            response: None,
            errand: Some(PassageErrand { asked, key }),
        }
    }

    /// The provider's key that it must go under; `None` for what a client asks itself.
    pub fn key(&self) -> Option<&str> {
        self.errand.as_ref().map(|errand| errand.key.as_str())
    }

    /// Whether the path could be taken for one outside of the base URL, by whoever stands behind us.
    pub fn leads_out(&self) -> bool {
        if self.path.starts_with("//") {
            return true;
        }
        let mut path = self.path.clone();
        for _ in 0..=DECODINGS {
            let is_odd = |b: u8| b.is_ascii_control() || b == b'\\';
            let climbs = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
            if path.bytes().any(is_odd) || path.split('/').any(climbs) {
                return true;
            }
            let plain = decoded(&path).into_owned();
            if plain == path {
                break;
            }
            path = plain;
        }
        false
    }

    /// Path and query at a provider.
    pub fn target(&self, upstream: &Upstream) -> String {
        let base = upstream.endpoint.base_path();
        self.below(base, &upstream.query, upstream.signer.is_some())
    }

    /// The same below the path of a base URL, which clients may write or leave out. What the provider always wants in
    /// the query stands there where the client does not say it; names are in order where the whole is signed.
    fn below(&self, base: &str, query: &str, is_signed: bool) -> String {
        let has_base = self
            .path
            .strip_prefix(base)
            .is_some_and(|behind| behind.is_empty() || behind.starts_with('/'));
        let mut target = if has_base { self.path.clone() } else { format!("{base}{}", self.path) };
        if target.is_empty() {
            target.push('/');
        }
        let given = || self.query.split('&').filter(|pair| !pair.is_empty());
        let is_given = |pair: &&str| given().any(|other| name_of(other) == name_of(pair));
        let added = query.split('&').filter(|pair| !pair.is_empty() && !is_given(pair));
        let pairs = given().chain(added);
        let query = if is_signed { in_order(pairs) } else { pairs.collect::<Vec<_>>().join("&") };
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        target
    }

    /// Whether it opens a session, or makes a secret that does: then the provider's account would be used past all limits.
    pub fn opens_session(&self) -> bool {
        let plain = decoded(&self.path);
        let is_session = |part: &str| matches!(part, "realtime" | "auth_tokens");
        plain.split('/').any(is_session) && self.method == Method::POST
    }

    /// Whether a signature over the path is over what the provider takes it for: it joins empty parts.
    pub fn can_be_signed(&self) -> bool {
        !self.path.contains("//")
    }

    /// What the body says, where it is JSON, with the model under the name that keys and limits know it by. A body of
    /// another kind is the provider's affair, but not where a model writes in answer to it: there the provider would
    /// read what nobody has weighed, and perhaps of another model.
    pub fn scan(&self, body: &[u8]) -> Result<Scan, Error> {
        let mut scan = match body::scan(body) {
            Err(error) if self.writes && !body.is_empty() => return Err(error),
            Err(_) => body::scan_model(body)?,
            Ok(scan) => scan,
        };
        let (model, streams) = match &self.model {
            Some((model, streams)) => (model.clone(), streams.unwrap_or_else(|| scan.stream())),
            None => (scan.model().unwrap_or_default().to_owned(), scan.stream()),
        };
        match &self.errand {
            Some(errand) if !errand.asked.is_empty() => scan.addressed(&errand.asked, streams),
            _ => scan.addressed(&format!("{}/{model}", self.provider), streams),
        }
        Ok(scan)
    }

    /// The model in a scan of ours; empty where the request names none.
    pub fn model<'s>(&'s self, scan: &'s Scan) -> &'s str {
        if let (Some(_), Some((model, _))) = (&self.errand, &self.model) {
            return model;
        }
        let name = scan.model().unwrap_or_default();
        name.get(self.provider.len() + 1..).unwrap_or_default()
    }

    /// The response, kept by the provider for somebody, that the request is about.
    pub fn response<'s>(&'s self, scan: &'s Scan) -> Option<&'s str> {
        self.response.as_deref().or_else(|| scan.previous_response())
    }

    /// The response that the path names.
    pub fn named_response(&self) -> Option<&str> {
        self.response.as_deref()
    }

    /// Whether it names one.
    pub const fn names_response(&self) -> bool {
        self.response.is_some()
    }

    /// Whether it asks for a response that is made in the background.
    pub fn begins_job(&self, scan: &Scan) -> bool {
        self.dialect == Some(Dialect::OpenAiResponses) && scan.background()
    }

    /// Whether clients of its kind may have their key in the query: Google's.
    pub fn has_key_in_query(&self) -> bool {
        self.dialect == Some(Dialect::Gemini) || self.path.starts_with("/v1beta/")
    }

    /// Whether nothing can come of it that anybody bills: a look at something, or a count.
    pub fn is_free(&self, body: &[u8]) -> bool {
        const COUNTS: [&str; 4] =
            ["/count_tokens", ":countTokens", "/count-tokens", "/count-tokens:rawPredict"];
        let looks = [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS];
        let counts = COUNTS.iter().any(|end| self.path.ends_with(end));
        counts || (body.is_empty() && looks.contains(&self.method))
    }
}

fn without_credentials(query: &str) -> String {
    let is_kept =
        |pair: &&str| !CREDENTIALS.contains(&decoded(name_of(pair)).to_ascii_lowercase().as_str());
    query.split('&').filter(is_kept).collect::<Vec<_>>().join("&")
}

fn name_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

/// A query in the one form that signatures are over.
fn in_order<'a>(pairs: impl Iterator<Item = &'a str>) -> String {
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(name), encoded(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    address::push_segment(&mut out, &decoded(text));
    out
}

fn dialect_of(path: &str) -> Option<Dialect> {
    const ENDS: [(&str, Dialect); 10] = [
        ("/chat/completions", Dialect::OpenAiChat),
        ("/completions", Dialect::OpenAiCompletions),
        ("/v2/chat", Dialect::Cohere),
        ("/api/chat", Dialect::Ollama),
        ("/converse", Dialect::Bedrock),
        ("/converse-stream", Dialect::Bedrock),
        ("/messages", Dialect::Anthropic),
        ("/responses", Dialect::OpenAiResponses),
        (":generateContent", Dialect::Gemini),
        (":streamGenerateContent", Dialect::Gemini),
    ];
    if path.ends_with("awPredict") && path.contains("/publishers/anthropic/") {
        return Some(Dialect::Anthropic); // other publishers have bodies of their own
    }
    let is_invoked = path.ends_with("/invoke") || path.ends_with("/invoke-with-response-stream");
    if is_invoked && path.contains("anthropic.") {
        return Some(Dialect::Anthropic); // and other vendors at Bedrock
    }
    ENDS.iter().find(|(end, _)| path.ends_with(end)).map(|(_, dialect)| *dialect)
}

/// As Gemini's paths name it: `.../models/{model}:verb`.
fn model_of(path: &str) -> Option<(String, Option<bool>)> {
    let (named, verb) = path.rsplit_once(':')?;
    let (_, model) = named.split_once("models/").or_else(|| named.split_once("tunedModels/"))?;
    let is_verb = !verb.is_empty() && verb.bytes().all(|b| b.is_ascii_alphabetic());
    // Claude's count of tokens on Vertex AI has its model in the body.
    (is_verb && !model.is_empty() && model != "count-tokens")
        .then(|| (model.to_owned(), Some(verb.starts_with("stream"))))
}

/// As the paths of Bedrock and of Azure's deployments name it, which heed no other name: `.../model/{model}/...`.
fn model_in(path: &str) -> Option<(String, Option<bool>)> {
    let (is_bedrock, (_, behind)) = match path.split_once("/deployments/") {
        Some(parts) => (false, parts),
        None => (true, path.split_once("/model/")?),
    };
    let (model, verb) = behind.split_once('/')?;
    let streams = is_bedrock.then(|| verb.ends_with("-stream"));
    (!model.is_empty()).then(|| (decoded(model).into_owned(), streams))
}

/// As `OpenAI`'s paths name it: `.../responses/{id}`.
fn response_of(path: &str) -> Option<String> {
    let (_, behind) = path.split_once("/responses/")?;
    let id = behind.split('/').next().unwrap_or_default();
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(rest: &str, query: &str) -> Passage {
        Passage::read(&Method::POST, rest, query).unwrap()
    }

    #[test]
    fn the_path_is_the_providers_own_with_its_base_once() {
        for (base, rest, query, target) in [
            ("/v1", "u/v1/chat/completions", "", "/v1/chat/completions"),
            ("/v1", "u/chat/completions", "", "/v1/chat/completions"),
            ("/v1", "u/v1beta/x", "", "/v1/v1beta/x"),
            ("", "u/v1/files", "limit=2&after=a%2Fb", "/v1/files?limit=2&after=a%2Fb"),
            ("", "u", "", "/"),
            ("/v1", "u", "", "/v1"),
            ("/v1", "u/", "", "/v1/"),
            ("/openai/v1", "u/a%2fb/c%20d", "", "/openai/v1/a%2fb/c%20d"),
            ("/v1", "u/x", "key=k&alt=sse", "/v1/x?alt=sse"),
            ("/v1", "u/x", "%6Bey=k&API_KEY=k&access_token=k", "/v1/x"),
        ] {
            assert_eq!(passage(rest, query).below(base, "", false), target, "{rest}?{query}");
        }
    }

    #[test]
    fn the_query_has_what_the_provider_wants_and_an_order_where_it_is_signed() {
        for (query, wanted, is_signed, target) in [
            ("", "api-version=1", false, "/x?api-version=1"),
            ("b=1&a=2", "api-version=1", false, "/x?b=1&a=2&api-version=1"),
            ("api-version=2", "api-version=1", false, "/x?api-version=2"),
            ("b=1&a=a%2fb:c&a", "", true, "/x?a=&a=a%2Fb%3Ac&b=1"),
            ("key=k", "", true, "/x"),
        ] {
            assert_eq!(passage("u/x", query).below("", wanted, is_signed), target, "{query}");
        }
        assert!(!passage("u/x//y", "").can_be_signed());
    }

    #[test]
    fn au_07_no_path_leads_out_of_the_base_url() {
        for rest in [
            "u/..",
            "u/../x",
            "u/v1/../../admin",
            "u/./x",
            "u/%2e%2e/x",
            "u/.%2E/x",
            "u/%252e%252e/x",
            "u/%25252e%25252e/x",
            "u/..%2fx",
            "u/x%2f..%2fy",
            "u/..;a=b/x",
            "u/%2e%2e%3bx/y",
            "u/..\\x",
            "u/..%5cx",
            "u//evil.example/x",
            "u/x%00",
            "u/x%0d%0ahost:%20evil",
        ] {
            assert!(passage(rest, "").leads_out(), "{rest}");
        }
        for rest in ["u", "u/", "u/v1/a..b", "u/v1/...", "u/v1/.well-known", "u/x//y", "u/50%"] {
            assert!(!passage(rest, "").leads_out(), "{rest}");
        }
    }

    #[test]
    fn what_is_asked_is_read_from_path_and_body() {
        for (rest, body, model, streams) in [
            ("u/v1/chat/completions", r#"{"model":"m","stream":true}"#, "u/m", true),
            ("u/v1/files", "--boundary", "u/", false),
            ("u/v1beta/models/g:generateContent", r#"{"model":"x"}"#, "u/g", false),
            ("u/v1beta/models/g%3AstreamGenerateContent", "{}", "u/g", true),
            ("u/v1beta/models/a/b:embedContent", "{}", "u/a/b", false),
            ("u/v1/models/g", "", "u/", false),
            ("u/model/a%3Ab%2Fc/converse", r#"{"model":"x"}"#, "u/a:b/c", false),
            ("u/publishers/anthropic/models/c@1:rawPredict", "{}", "u/c@1", false),
            ("u/publishers/anthropic/models/c@1:streamRawPredict", "{}", "u/c@1", true),
            ("u/x/models/count-tokens:rawPredict", r#"{"model":"c"}"#, "u/c", false),
            ("u/model/a/converse-stream", "{}", "u/a", true),
            ("u/model/a/invoke-with-response-stream", "{}", "u/a", true),
            (
                "u/openai/deployments/a/chat/completions",
                r#"{"model":"x","stream":true}"#,
                "u/a",
                true,
            ),
        ] {
            let scan = passage(rest, "").scan(body.as_bytes()).unwrap();
            assert_eq!((scan.model(), scan.stream()), (Some(model), streams), "{rest}");
        }
        let passed = passage("u/v1/responses/r%31/cancel", "");
        assert_eq!(passed.response(&Scan::default()), Some("r1"));
    }

    #[test]
    fn the_dialect_of_an_answer_is_its_paths() {
        use Dialect::{Anthropic, Bedrock, Cohere};
        for (rest, dialect) in [
            ("u/model/a/converse", Some(Bedrock)),
            ("u/model/a/converse-stream", Some(Bedrock)),
            ("u/model/eu.anthropic.claude-x-v1%3A0/invoke", Some(Anthropic)),
            ("u/model/anthropic.claude-x/invoke-with-response-stream", Some(Anthropic)),
            ("u/model/amazon.titan-x/invoke", None),
            ("u/v2/chat", Some(Cohere)),
            ("u/v1/chat", None),
        ] {
            assert_eq!(passage(rest, "").dialect, dialect, "{rest}");
        }
    }

    #[test]
    fn what_a_model_is_asked_is_read_as_its_provider_reads_it_or_refused() {
        for (rest, body, model) in [
            ("u/v1/chat/completions", &br#"{"model":"a","model":"b"}"#[..], None),
            ("u/v1/chat/completions", br#"{"model":"a","Model":"b"}"#, None),
            ("u/api/chat", br#"{"MODEL":"b"}"#, None),
            ("u/v1/responses", b"\xff\xfe{\0}\0", None),
            ("u/v1/messages", b"\x1f\x8b\x08", None),
            ("u/model/a/converse", b"[]", None),
            ("u/model/a/convers%65-stream", b"[]", None),
            ("u/v1/messages", br#"{"model":"a","max_tokens":"all"}"#, None),
            ("u/v1beta/models/g:generateContent", b"[", None),
            ("u/v1/chat/completions", b"", Some("u/")),
            // Elsewhere a field may mean anything, but nobody names two models.
            ("u/v1/jobs", br#"{"model":"a","stream":"name"}"#, Some("u/a")),
            ("u/v1/jobs", br#"{"Model":"a","N":{}}"#, Some("u/a")),
            ("u/v1/jobs", br#"{"model":"a","Model":"b"}"#, None),
            ("u/v1/jobs", br#"{"model":"a","mod\u0065l":"b"}"#, None),
            ("u/v1/jobs", br#"{"model":{"id":1},"stream":"name"}"#, Some("u/")),
            ("u/v1/files", b"{\"model\":\"a\"}\n{\"model\":\"b\"}\n", Some("u/")),
            ("u/v1/files", b"\x1f\x8b\x08", Some("u/")),
        ] {
            let scan = passage(rest, "").scan(body);
            let said = scan.as_ref().ok().and_then(Scan::model);
            assert_eq!(said, model, "{rest} {}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn only_what_every_api_has_for_a_method_passes() {
        assert!(Passage::read(&Method::TRACE, "u/x", "").is_none());
        assert!(Passage::read(&Method::CONNECT, "u/x", "").is_none());
        assert!(Passage::read(&Method::GET, "/x", "").is_none());
        let looks = Passage::read(&Method::GET, "u/v1/models", "").unwrap();
        assert!(looks.is_free(b"") && !looks.is_free(b"{}"));
        assert!(passage("u/v1/messages/count_tokens", "").is_free(b"{}"));
        assert!(passage("u/model/a/count-tokens", "").is_free(b"{}"));
        assert!(passage("u/models/count-tokens:rawPredict", "").is_free(b"{}"));
        assert!(!passage("u/v1/messages", "").is_free(b""));
    }
}
