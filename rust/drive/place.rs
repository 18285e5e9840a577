//! Where a request came to: the paths that lead to a model, and what such a path says by itself.
//!
//! Most dialects say all in the body. Gemini's clients put the model, and whether they want a stream, into the path,
//! the form of the stream into the query, and often the key too.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

use super::about::About;
use super::demand::Answers;
use super::operation::Operation;
use super::passage::{PROVIDER, Passage};
use crate::body::{self, Scan};
use crate::budget::Demand;
use crate::dialect::Dialect;
use crate::error::Error;

/// Stands for the model in a path.
const MODEL: &str = "{model}";

/// What a path asks of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRoute {
    /// The path, which keys may be limited to; with `{model}` in it where the path names the model.
    pub path: String,
    /// What is asked.
    pub operation: Operation,
    /// In which dialect.
    pub dialect: Dialect,
    /// Whether it streams, where the path says it.
    pub stream: bool,
}

/// The paths that lead to a model.
#[derive(Debug, Default)]
pub struct ModelRoutes {
    exact: HashMap<String, Arc<ModelRoute>>,
    /// With what stands before and behind the model.
    patterns: Vec<(String, String, Arc<ModelRoute>)>,
    /// With what stands before the provider.
    passage: Option<(String, Arc<ModelRoute>)>,
}

/// Where one request came to.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its path's entry.
    pub route: Arc<ModelRoute>,
    /// The model that the path names.
    pub model: Option<String>,
    /// Its stream shall be one JSON array.
    pub as_array: bool,
    /// The credential in the query.
    pub credential: Option<Vec<u8>>,
    /// The response that it is about.
    pub about: Option<Arc<About>>,
    /// What is asked of a provider by its name.
    pub passage: Option<Arc<Passage>>,
    /// The most that it may use, where that is known from elsewhere than from its body.
    pub demand: Option<Demand>,
}

impl ModelRoute {
    /// What it counts as.
    pub const fn kind(&self) -> (Operation, Dialect) {
        (self.operation, self.dialect)
    }
}

impl ModelRoutes {
    /// Of these paths.
    pub fn new(routes: impl IntoIterator<Item = ModelRoute>) -> Self {
        let mut all = Self::default();
        for route in routes {
            let route = Arc::new(route);
            if let Some(before) = route.path.strip_suffix(PROVIDER) {
                all.passage = Some((before.to_owned(), route));
                continue;
            }
            match route.path.split_once(MODEL) {
                Some((before, behind)) => {
                    all.patterns.push((before.to_owned(), behind.to_owned(), route.clone()));
                }
                None => drop(all.exact.insert(route.path.clone(), route.clone())),
            }
        }
        all
    }

    /// Where a path leads, percent-encoded or not; None where no model is behind it.
    ///
    /// Cost: a look-up for a path that names no model.
    pub fn find(&self, method: &Method, path: &str, query: Option<&str>) -> Option<Place> {
        if let Some((before, route)) = &self.passage
            && let Some(rest) = path.strip_prefix(before.as_str())
        {
            let query = query.unwrap_or_default();
            let passage = Passage::read(method, rest, query)?;
            let mut place = Place::at(route);
            if passage.has_key_in_query() {
                place.read(query);
            }
            place.passage = Some(Arc::new(passage));
            return Some(place);
        }
        if method != Method::POST {
            return if method == Method::GET { self.session(path, query) } else { None };
        }
        let path = decoded(path);
        if let Some(route) = self.exact.get(path.as_ref()) {
            let is_asked = route.operation != Operation::Realtime;
            return is_asked.then(|| Place::at(route));
        }
        let (route, model) = self.patterns.iter().find_map(|(before, behind, route)| {
            let model = path.strip_prefix(before.as_str())?.strip_suffix(behind.as_str())?;
            Some((route, model))
        })?;
        let mut place = Place::at(route);
        place.model = Some(model.to_owned());
        place.as_array = route.stream;
        place.read(query.unwrap_or_default());
        Some(place)
    }

    /// Where a session is asked for, whose model stands in the query.
    fn session(&self, path: &str, query: Option<&str>) -> Option<Place> {
        let route = self.exact.get(path)?;
        if route.operation != Operation::Realtime {
            return None;
        }
        let mut pairs = query.unwrap_or_default().split('&');
        let model = pairs.find_map(|pair| pair.strip_prefix("model="));
        let model = model.map(|model| decoded(&model.replace('+', " ")).into_owned());
        Some(Place { model: Some(model.unwrap_or_default()), ..Place::at(route) })
    }
}

impl Place {
    fn at(route: &Arc<ModelRoute>) -> Self {
        let route = route.clone();
        Self {
            route,
            model: None,
            as_array: false,
            credential: None,
            about: None,
            passage: None,
            demand: None,
        }
    }

    /// What of the path stands behind the model, such as `:generateContent`; None where the path names none.
    pub(super) fn verb(&self) -> Option<&str> {
        self.route.path.split_once(MODEL).map(|(_, verb)| verb)
    }

    /// What a body that came here says, and the path.
    pub(super) fn scan(&self, body: &[u8]) -> Result<Scan, Error> {
        if let Some(passage) = &self.passage {
            return passage.scan(body);
        }
        let errand = self.about.as_ref().and_then(|about| about.errand.as_ref());
        let mut scan = if errand.is_some() { Scan::default() } else { body::scan(body)? };
        if let Some(model) = &self.model {
            scan.addressed(model, errand.map_or(self.route.stream, |errand| errand.stream));
        }
        Ok(scan)
    }

    /// Whether it asks for a response by its id, and does not go on from one.
    pub(super) fn names_response(&self) -> bool {
        let by_path = self.passage.as_ref().is_some_and(|passage| passage.names_response());
        by_path || self.about.as_ref().is_some_and(|about| about.errand.is_some())
    }

    /// Whether what it asks may be part of a thread of messages, which Anthropic keeps.
    pub(super) fn may_be_threaded(&self) -> bool {
        let passed = self.passage.as_ref().and_then(|passage| passage.dialect);
        passed.unwrap_or(self.route.dialect) == Dialect::Anthropic
    }

    /// Whether somebody pays for it, as far as anybody can know before.
    pub(super) fn is_billed(&self, body: &[u8]) -> bool {
        match &self.passage {
            Some(_) if self.route.operation.is_silent() => {
                self.demand.is_some() && self.route.operation.is_billed()
            }
            Some(passage) => !passage.is_free(body),
            None => self.route.operation.is_billed(),
        }
    }

    /// What it may be answered with, as far as anybody can know before.
    pub(super) fn answers(&self, scan: &Scan, body: &[u8]) -> Answers {
        let is_written = self.passage.as_ref().is_some_and(|passage| passage.writes);
        match self.route.operation {
            _ if !self.is_billed(body) => Answers::Free,
            Operation::Chat | Operation::TextCompletion | Operation::Realtime => Answers::Text,
            Operation::ImageGeneration => Answers::Pictures,
            Operation::Speech => Answers::Speech,
            Operation::Transcription => Answers::Transcript,
            // Of a path that we do not know, the request's own bound is all that says something.
            Operation::Passthrough if is_written || scan.max_tokens().is_some() => Answers::Text,
            _ => Answers::Numbers,
        }
    }

    /// Takes in the query; what it says beside is void, as nothing but its path goes upstream.
    fn read(&mut self, query: &str) {
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match decoded(name).as_ref() {
                "alt" | "$alt" if decoded(value).starts_with("sse") => self.as_array = false,
                "key" => self.credential = Some(decoded(value).into_owned().into_bytes()),
                _ => {}
            }
        }
    }
}

/// Text without its percent signs; as it is where it is not UTF-8 without them.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let encoded = (first == b'%').then(|| behind.split_first_chunk::<2>()).flatten();
        let byte =
            encoded.and_then(|([high, low], behind)| Some((hex(*high)? << 4 | hex(*low)?, behind)));
        let (byte, behind) = byte.unwrap_or((first, behind));
        out.push(byte);
        rest = behind;
    }
    String::from_utf8(out).map_or(text.into(), Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> ModelRoutes {
        let route = |path: &str, stream| ModelRoute {
            path: path.to_owned(),
            operation: Operation::Chat,
            dialect: Dialect::Gemini,
            stream,
        };
        ModelRoutes::new([
            route("/v1/messages", false),
            route("/v1beta/models/{model}:generateContent", false),
            route("/v1beta/models/{model}:streamGenerateContent", true),
        ])
    }

    #[test]
    fn a_path_names_its_model_however_it_is_written() {
        for (path, model) in [
            ("/v1beta/models/gemini-3:generateContent", Some("gemini-3")),
            ("/v1beta/models/u/gemini-3:generateContent", Some("u/gemini-3")),
            ("/v1beta/models/u%2Fgemini-3:generateContent", Some("u/gemini-3")),
            ("/v1beta/models/u%2fgemini-3%3AgenerateContent", Some("u/gemini-3")),
            ("/v1beta/models/local/llama3:8b:generateContent", Some("local/llama3:8b")),
            ("/v1beta/models/u/50%25:generateContent", Some("u/50%")),
            ("/v1beta/models/u/50%:generateContent", Some("u/50%")),
            ("/v1beta/models/:generateContent", Some("")),
            ("/v1beta/models/x:generatecontent", None),
            ("/v1beta/models/x", None),
            ("/v1BETA/models/x:generateContent", None),
        ] {
            let place = routes().find(&Method::POST, path, None);
            assert_eq!(place.and_then(|place| place.model).as_deref(), model, "{path}");
        }
        assert!(
            routes().find(&Method::POST, "/v1/messages", None).is_some_and(|p| p.model.is_none())
        );
        assert!(routes().find(&Method::GET, "/v1/messages", None).is_none());
    }

    #[test]
    fn the_query_says_the_form_and_the_key() {
        let stream = "/v1beta/models/x:streamGenerateContent";
        for (path, query, as_array, key) in [
            (stream, "", true, None),
            (stream, "alt=sse", false, None),
            (stream, "%24alt=sse%3Benum-encoding%3Dint", false, None),
            (stream, "alt=json", true, None),
            (stream, "key=a%2Bb&alt=sse", false, Some("a+b")),
            ("/v1beta/models/x:generateContent", "key=k", false, Some("k")),
            ("/v1/messages", "key=k", false, None),
        ] {
            let place = routes().find(&Method::POST, path, Some(query)).unwrap();
            let found = place.credential.map(|key| String::from_utf8(key).unwrap());
            assert_eq!((place.as_array, found.as_deref()), (as_array, key), "{path}?{query}");
        }
    }
}
