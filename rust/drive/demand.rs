//! How much a request may use, before it runs: cheap and never too little, or counted where that is too much.

use super::learned::Learned;
use super::snapshot::Route;
use super::units::Request;
use crate::body::{self, Scan};
use crate::budget::Demand;
use crate::embed;
use crate::price::{Bound, Reach, Sheet};
use crate::rerank;
use crate::stream::ServiceTier;
use crate::tokens::{self, Exactness};

/// A picture at the highest detail, or a page, at any vendor. Longer files cost more, which their bytes tell.
const MEDIUM_TOKENS: u64 = 5000;
/// A picture that is drawn, or given to draw from, at the highest quality that tokens are counted for. Source:
/// <https://platform.openai.com/docs/guides/image-generation>, cost and latency: 6,240 for one, and its drafts.
const DRAWN_TOKENS: u64 = 8192;
/// Bytes of a recording for a token that is heard: no codec in use has less than 500 a second, no vendor counts more than
/// 32 tokens (Gemini's, <https://ai.google.dev/gemini-api/docs/audio>; `OpenAI`'s are 10).
const HEARD_BYTES: usize = 16;
/// Tokens that are heard for one that is written down; of speech, a second has some eight of text.
const HEARD_TOKENS: u64 = 4;
/// Tokens that are spoken for a byte of text: a second has 21 of them, at `OpenAI`, and more than ten bytes.
const SPOKEN_TOKENS: usize = 2;
/// What vendors tell a model about the use of tools. Source: Anthropic's "Tool use with Claude", pricing.
const TOOLS_TOKENS: u64 = 530;
/// Text up to this size is counted where its bytes are too many for what is left: some ten milliseconds.
const MAX_COUNTED_BYTES: usize = 1 << 20;

/// What a request may be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// Nothing is generated and nothing billed.
    Free,
    /// What a model writes.
    Text,
    /// Vectors, scores: what is read costs, and nothing is written.
    Numbers,
    /// What a model draws.
    Pictures,
    /// A text, spoken.
    Speech,
    /// What is said in a recording.
    Transcript,
}

/// What of a request its demand depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub answers: Answers,
    pub request: Request<'a>,
    pub scan: &'a Scan,
    pub body: &'a [u8],
    pub route: &'a Route,
    pub unix_s: i64,
    /// Where the request sets no bound of its own.
    pub default_max_output_tokens: u64,
    /// How long answers become, where that is enough to begin with.
    pub learned: Option<&'a Learned>,
    /// What was found out elsewhere; its size says nothing then.
    pub given: Option<Demand>,
}

impl Asked<'_> {
    /// At least what it uses, from sizes alone.
    pub fn bound(&self) -> Demand {
        self.given.unwrap_or_else(|| self.demand(self.input_bound()))
    }

    /// The same with its input counted; None where there is too much to count, or nothing to gain.
    pub fn counted(&self) -> Option<Demand> {
        let is_json = self.body.trim_ascii_start().starts_with(b"{");
        let is_free = self.answers == Answers::Free;
        if self.body.len() > MAX_COUNTED_BYTES || !is_json || is_free || self.given.is_some() {
            return None;
        }
        let bound = self.input_bound();
        let targets = self.route.targets.iter();
        let counted = targets.map(|target| self.input_counted(&target.model)).max()?.min(bound);
        (counted < bound).then(|| self.demand(counted))
    }

    /// The same with its input counted, or as its vendor counts it.
    pub fn known(&self, input_tokens: Option<u64>) -> Option<Demand> {
        match input_tokens {
            Some(reported) if reported < self.input_bound() => Some(self.demand(reported)),
            _ => self.counted(),
        }
    }

    /// What is left of a demand where another request has paid for so many tokens of the same input.
    pub fn rest_of(&self, demand: Demand, reported: Option<u64>, paid_input_tokens: u64) -> Demand {
        let known = self.known(reported).map_or(u64::MAX, |known| known.input_tokens);
        let input_tokens = known.min(demand.input_tokens).saturating_sub(paid_input_tokens);
        let fixed_pico = self.price(input_tokens).fixed_pico.min(demand.fixed_pico);
        Demand { input_tokens, fixed_pico, ..demand }
    }

    fn demand(&self, input_tokens: u64) -> Demand {
        if self.answers == Answers::Free {
            return Demand::default();
        }
        let output_tokens = self.max_output_tokens();
        let bound = self.price(input_tokens);
        Demand {
            input_tokens,
            output_tokens,
            least_output_tokens: output_tokens,
            fixed_pico: bound.fixed_pico,
            output_pico: u64::try_from(bound.output_pico).unwrap_or(u64::MAX),
        }
    }

    fn max_output_tokens(&self) -> u64 {
        match self.answers {
            Answers::Text => self.max_text_tokens(),
            Answers::Pictures => DRAWN_TOKENS.saturating_mul(self.scan.answers()),
            Answers::Speech => count(self.scan.text_bytes() * SPOKEN_TOKENS),
            Answers::Transcript if self.scan.media() > 0 => self.heard() / HEARD_TOKENS,
            // How long a recording is that the request only names, nobody knows.
            Answers::Transcript => self.default_max_output_tokens,
            Answers::Free | Answers::Numbers => 0,
        }
    }

    fn max_text_tokens(&self) -> u64 {
        let each = self.scan.max_tokens().unwrap_or(self.default_max_output_tokens);
        let each = self.learned_tokens().map_or(each, |learned| learned.min(each));
        each.saturating_mul(self.scan.answers())
    }

    /// Only of streams, which hold more as they grow: what a whole answer holds is the most that it may become.
    fn learned_tokens(&self) -> Option<u64> {
        let learned = self.learned.filter(|_| self.scan.stream())?;
        let targets = self.route.targets.iter().map(|target| learned.estimate(target));
        targets.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    /// The dearest of the targets, in the dearest tier of service that the request may get.
    fn price(&self, input_tokens: u64) -> Bound {
        let is_text = matches!(self.answers, Answers::Text | Answers::Numbers);
        let reach = if self.scan.media() > 0 || !is_text {
            Reach::any(input_tokens, 0)
        } else {
            let marks = memchr::memmem::find(self.body, b"cache_control").is_some();
            let hour = marks && memchr::memmem::find(self.body, b"\"1h\"").is_some();
            let marks = marks || self.route.targets.iter().any(|target| target.prompt_cache);
            Reach { writes_cache: marks, writes_cache_1h: hour, ..Reach::text(input_tokens, 0) }
        };
        let reach = Reach { units: self.request.bound(), ..reach };
        let bound_of = |sheet: &Sheet| match self.request.of_picture(sheet) {
            Some(own) => own.bound(&reach),
            None => sheet.bound(&reach),
        };
        let tier = self.scan.service_tier().and_then(ServiceTier::of);
        let mut bound = Bound::default();
        for target in &self.route.targets {
            if let Some(sheet) = target.sheet(self.unix_s) {
                bound = bound.max(bound_of(sheet));
            }
            if let (Some(tier), Some(prices)) = (tier, &target.prices)
                && let Some(sheet) = prices.at_tier(self.unix_s, tier)
            {
                bound = bound.max(bound_of(&sheet));
            }
        }
        bound
    }

    /// A token has at least a byte; what vendors add around a message is less than a third of its JSON around the text.
    /// What vectors are made of may be tokens already, each a digit and a comma at least.
    fn input_bound(&self) -> u64 {
        let scan = self.scan;
        let least = if self.answers == Answers::Numbers { 2 } else { 3 };
        let around =
            self.body.len().saturating_sub(scan.text_bytes() + scan.opaque_bytes()) / least;
        count(scan.text_bytes() + around) + 16 + self.beside_text() + self.asked_again()
    }

    /// A question is read with each of the documents that may answer it.
    fn asked_again(&self) -> u64 {
        match self.answers {
            Answers::Numbers => count(rerank::repeated_bytes(self.body)),
            _ => 0,
        }
    }

    fn input_counted(&self, model: &str) -> u64 {
        let (vocabulary, exactness) = tokens::vocabulary_of(model);
        let (mut text, mut texts) = (0_u64, 0_u64);
        body::for_each_text(self.body, |each| {
            text += count(vocabulary.count(each));
            texts += 1;
        });
        if self.answers == Answers::Numbers {
            text = text.max(embed::count_tokens(self.body, vocabulary));
            text = text.max(rerank::count_tokens(self.body, vocabulary));
        }
        let messages = memchr::memmem::find_iter(self.body, b"\"role\"").count();
        let tools = count(self.scan.tools_bytes()) / 2; // JSON has two bytes and more to a token
        let total = text + tools + 5 * count(messages).max(texts.min(1)) + 3;
        let total = match exactness {
            Exactness::Exact => total,
            // Families differ by up to a half on code and on scripts other than Latin.
            Exactness::Estimated => total + total / 2,
        };
        total + self.beside_text()
    }

    fn heard(&self) -> u64 {
        count(self.body.len() / HEARD_BYTES)
    }

    fn beside_text(&self) -> u64 {
        let media = count(self.scan.media());
        match self.answers {
            Answers::Pictures => return media * DRAWN_TOKENS,
            Answers::Transcript => return self.heard(),
            _ => {}
        }
        let files = if media > 0 { count(self.scan.opaque_bytes()) / 4 } else { 0 };
        let tools = if self.scan.tools_bytes() > 0 { TOOLS_TOKENS } else { 0 };
        (media * MEDIUM_TOKENS).max(files) + tools
    }
}

fn count(n: usize) -> u64 {
    n as u64
}
