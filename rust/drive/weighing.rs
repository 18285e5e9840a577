//! What an answer that passes as it is says of its cost.
//!
//! Answers of paths that we know are read as the gateway's own, and counted where they report nothing. In any other
//! answer usage is looked for where vendors have it.

use http::HeaderMap;

use super::attempt::Running;
use super::carrying::error_in;
use super::glimpse;
use super::operation::Operation;
use super::reader::{self, Reader};
use super::tally;
use super::whole::{self, Form};
use crate::aws;
use crate::dialect::Dialect;
use crate::media;
use crate::meter::{self, Found, Meter, Sighting};
use crate::sse::Frame;
use crate::stream::{Decoder, UpstreamError, Usage, sum};
use crate::tokens::StreamCounter;

/// What is known of an answer before it comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bearing {
    /// What it is read as; `None` where only usage is looked for.
    pub dialect: Option<Dialect>,
    /// Nothing that anybody bills.
    pub is_free: bool,
    /// It has no body.
    pub is_headless: bool,
    /// An event that says an error ends it, and what came before that is paid for.
    pub is_watched: bool,
}

/// Reads along with one answer; it never holds it up.
pub(super) struct Scale {
    form: Reading,
    found: Found,
    is_free: bool,
    /// Looks for errors among the events, and the one that it found.
    watch: Option<(Decoder, Option<UpstreamError>)>,
    has_begun: bool,
    /// What follows cannot be read.
    is_deaf: bool,
    /// Pictures that were told of, where the operation is to draw.
    pictures: Option<u64>,
    /// What a message of Bedrock's carried.
    chunk: Vec<u8>,
    /// What such messages wrote so far; the figures are in the last of them.
    written: Option<Box<StreamCounter>>,
}

enum Reading {
    /// Events of a dialect that we count.
    Counted(Box<(Reader, Meter<StreamCounter>)>),
    /// Events of any other.
    Events(Reader),
    /// A whole answer of a dialect.
    Whole(Dialect),
    /// Usage was told whole.
    Told,
    /// Nothing that can be read.
    Nothing,
}

impl Scale {
    /// For an answer with this head.
    pub fn new(run: &Running, bearing: Bearing, headers: &HeaderMap) -> Self {
        let a = &run.x.admission;
        let snapshot = &a.snapshot;
        // An event may be a whole picture.
        let max_bytes =
            if bearing.is_watched { snapshot.max_answer_bytes } else { snapshot.max_event_bytes };
        let shape = match (whole::form(headers), bearing.dialect) {
            (Some(Form::Stream), _) => Some(reader::Form::Events),
            (Some(Form::Lines), _) => Some(reader::Form::Lines),
            (Some(Form::Messages), Some(Dialect::Anthropic)) => Some(reader::Form::Chunks),
            (Some(Form::Messages), _) => Some(reader::Form::Messages),
            (Some(Form::Json), Some(Dialect::Gemini)) if a.scan.stream() => {
                Some(reader::Form::Array)
            }
            _ => None,
        };
        let form = match (shape.map(|shape| Reader::new(shape, max_bytes)), bearing.dialect) {
            // Lines stream unless they are told not to.
            (Some(reader), Some(dialect)) if a.scan.stream() || dialect == Dialect::Ollama => {
                let counter = StreamCounter::new(tally::vocabulary(&run.target));
                let meter = Meter::new(dialect, counter)
                    .counting(run.target.upstream.counting)
                    .framed(tally::framing(run));
                Reading::Counted(Box::new((reader, meter)))
            }
            (Some(reader), _) => Reading::Events(reader),
            (None, Some(dialect)) => Reading::Whole(dialect),
            (None, None) => Reading::Nothing,
        };
        let watch = bearing.is_watched.then(|| (Decoder::new(a.dialect), None));
        let mut found = Found::default();
        found.take(of_head(headers));
        let draws = a.operation == Operation::ImageGeneration;
        let is_of_messages = matches!(&form, Reading::Events(Reader::Messages(_)));
        let counter = || Box::new(StreamCounter::new(tally::vocabulary(&run.target)));
        let written = (is_of_messages && !bearing.is_free).then(counter);
        Self {
            form,
            found,
            is_free: bearing.is_free,
            watch,
            has_begun: false,
            is_deaf: false,
            pictures: draws.then_some(0),
            chunk: Vec::new(),
            written,
        }
    }

    /// Takes in the next piece.
    pub fn feed(&mut self, data: &[u8]) {
        let Self { form, found, watch, has_begun, is_deaf, pictures, chunk, written, .. } = self;
        *has_begun |= !data.is_empty();
        let read = match form {
            Reading::Counted(counted) if !*is_deaf => {
                let (reader, meter) = counted.as_mut();
                let read = reader.feed(data, |frame| observe(meter, &frame));
                // What was read before is counted.
                *is_deaf = read.is_err() && meter.seen().contains(Sighting::CONTENT);
                if *is_deaf { Ok(()) } else { read }
            }
            Reading::Events(reader) => reader.feed(data, |frame| {
                look_for_error(watch, &frame);
                count_picture(pictures, &frame);
                find(found, &frame, chunk);
                if let Some(written) = written {
                    glimpse::count(written, chunk);
                }
            }),
            _ => Ok(()),
        };
        if read.is_err() {
            self.form = Reading::Nothing; // not what it says it is: the client sees for itself
        }
    }

    /// The error that one of the events was, where such end the answer.
    pub fn error(&self) -> Option<&UpstreamError> {
        self.watch.as_ref()?.1.as_ref()
    }

    /// Takes in all of an answer.
    pub fn whole(&mut self, run: &mut Running, body: &[u8]) {
        let counting = run.target.upstream.counting;
        if let Reading::Whole(dialect) = self.form
            && !self.is_free
            && let Ok(answer) = meter::read_answer_of(dialect, counting, body)
            && answer.error.is_none()
        {
            self.form = Reading::Told;
            return tally::answer(run, &answer);
        }
        if self.pictures.is_some() {
            self.pictures = media::count_pictures(body);
        }
        self.found.read(body);
    }

    /// The attempt's figures. `complete`: the answer ended as it should.
    pub fn settle(&mut self, run: &mut Running, complete: bool) {
        match &mut self.form {
            Reading::Told => return,
            Reading::Counted(counted) => {
                let (reader, meter) = counted.as_mut();
                reader.finish(|frame| observe(meter, &frame));
                let seen = meter.seen();
                let ended = seen.contains(Sighting::END) || seen.contains(Sighting::FINISH);
                let complete = complete && ended && !self.is_deaf;
                return tally::stream(run, meter, complete, seen.contains(Sighting::CONTENT));
            }
            Reading::Events(reader) => {
                let Self { found, pictures, chunk, .. } = self;
                reader.finish(|frame| {
                    count_picture(pictures, &frame);
                    find(found, &frame, chunk);
                });
            }
            Reading::Whole(_) | Reading::Nothing => {}
        }
        if run.report.status.is_some_and(|status| (200..300).contains(&status)) {
            self.account(run, complete);
        }
    }

    fn account(&mut self, run: &mut Running, complete: bool) {
        let Found { usage, model } = &self.found;
        run.report.response_model = Some(model.clone()).filter(|model| !model.is_empty());
        let is_reported = usage.input_tokens.is_some() || usage.output_tokens.is_some();
        let is_paid_for = complete || (self.has_begun && self.watch.is_some());
        let written = self.written.as_mut().map_or(0, |written| written.total());
        if !is_reported && !complete && written > 0 {
            return tally::cut(run, written);
        }
        // What is looked at says what others used.
        if !self.is_free && (is_reported || is_paid_for) {
            tally::told(run, usage, self.pictures.filter(|count| *count > 0));
        }
    }
}

fn observe(meter: &mut Meter<StreamCounter>, frame: &Frame<'_>) {
    if let Some(event) = &frame.event {
        let _ = meter.observe(event.name(), &event.data); // a broken one is the client's to see
    }
}

fn look_for_error(watch: &mut Option<(Decoder, Option<UpstreamError>)>, frame: &Frame<'_>) {
    if let (Some((decoder, told @ None)), Some(event)) = (watch, &frame.event) {
        *told = error_in(decoder, event.name(), &event.data);
    }
}

/// Events that are a whole picture; drafts of it are none. Source:
/// <https://platform.openai.com/docs/api-reference/images-streaming>.
fn count_picture(pictures: &mut Option<u64>, frame: &Frame<'_>) {
    if let (Some(pictures), Some(event)) = (pictures, &frame.event)
        && event.name().ends_with(".completed")
    {
        *pictures += 1;
    }
}

fn find(found: &mut Found, frame: &Frame<'_>, chunk: &mut Vec<u8>) {
    let Some(event) = &frame.event else { return };
    chunk.clear();
    if event.name() == "chunk" && aws::write_bytes(&event.data, chunk).is_ok() {
        found.read(chunk);
    } else {
        found.read(&event.data);
    }
}

/// What Bedrock counts of a whole answer, whatever the model's own says. Source:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html>, and recorded answers.
fn of_head(headers: &HeaderMap) -> Usage {
    let count = |name: &str| -> Option<u64> {
        headers.get(format!("x-amzn-bedrock-{name}-token-count"))?.to_str().ok()?.parse().ok()
    };
    let (input, output) = (count("input"), count("output"));
    if input.is_none() && output.is_none() {
        return Usage::default();
    }
    let (read, written) = (count("cache-read-input"), count("cache-write-input"));
    let usage = Usage {
        input_tokens: input.and_then(|_| sum(&[input, read, written])),
        cached_input_tokens: read,
        cache_write_tokens: written,
        // Vectors have no output.
        output_tokens: output.or(Some(0)),
        ..Usage::default()
    };
    usage.without_absurd_parts()
}
