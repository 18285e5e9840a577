//! A session while both sides talk: what is held, refused, passed on, and how it ends.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite;

use super::attempt::{End, Running};
use super::deadline::{Stop, after};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::last_words;
use super::outbox::State;
use super::refusal::Refusal;
use super::row::Outcome;
use super::turns::Turns;
use super::upward::{Came, Upward};
use crate::live::{self, Asked, Closing, Message, Said, Update, Wrong};
use crate::transport::Socket;

/// How often an upstream is asked whether it is there, and how long it may say nothing at all.
const PING_EVERY: Duration = Duration::from_secs(20);
const SILENT: Duration = Duration::from_mins(1);
/// For a response that runs to tell what it used, once nobody listens to it any more.
const LAST_USAGE: Duration = Duration::from_millis(300);
/// The same where a limit ends the session.
const REFUSED_USAGE: Duration = Duration::from_secs(2);
/// For what is said last to go out.
const FAREWELL: Duration = Duration::from_millis(200);

/// A session.
pub(super) struct Talk<'r> {
    run: &'r mut Running,
    upward: Upward,
    turns: Turns,
    heard: Instant,
    next_ping: Instant,
    /// Errors of ours that its client was told.
    errors: u64,
    /// The client hears nothing any more.
    is_muted: bool,
}

/// Why a session ends.
enum Over {
    /// The client closes it.
    Client(Option<Closing>),
    /// The upstream closes it.
    Upstream(Option<Closing>),
    /// The upstream is lost.
    Lost(FailureKind, String),
    /// Its key, or a limit, lets it do nothing more.
    Refused(Refusal),
    /// A deadline, the client's leaving, or the gateway's own reasons.
    Stopped(Stop),
}

/// What becomes of a message of the client's.
enum Passed {
    AsItIs,
    Changed(String),
    Kept(Option<Over>),
}

impl<'r> Talk<'r> {
    pub fn new(run: &'r mut Running, socket: Socket) -> Self {
        let upward = Upward::new(run.x.clone(), socket);
        Self {
            run,
            upward,
            turns: Turns::default(),
            heard: Instant::now(),
            next_ping: after(Instant::now(), PING_EVERY),
            errors: 0,
            is_muted: false,
        }
    }

    /// Carries messages both ways until one side, or a rule, ends it.
    pub async fn carry(mut self) -> End {
        let x = self.run.x.clone();
        let over = loop {
            let came = self.next(&x).await;
            let over = match came {
                Ok(Came::FromClient(Some(message))) => self.client_said(message).await,
                Ok(Came::FromClient(None)) | Err(Stop::Cancelled) => {
                    Some(Over::Stopped(Stop::Cancelled))
                }
                Ok(Came::FromUpstream(said)) => self.upstream_said(said).await,
                Err(Stop::Tick) => self.ping(),
                Err(stop) => Some(Over::Stopped(stop)),
            };
            if let Some(over) = over {
                break over;
            }
        };
        self.conclude(over).await
    }

    async fn next(&mut self, x: &Exchange) -> Result<Came, Stop> {
        let deadline = &mut self.run.deadline;
        deadline.tick_at(Some(self.next_ping));
        let upward = &mut self.upward;
        let came = deadline.guard(x, poll_fn(|cx| upward.poll(cx))).await?;
        let is_word = match &came {
            Came::FromClient(_) => true,
            Came::FromUpstream(said) => {
                self.heard = Instant::now();
                !matches!(
                    said,
                    Some(Ok(tungstenite::Message::Ping(_) | tungstenite::Message::Pong(_)))
                )
            }
        };
        if is_word {
            deadline.enter(self.run.target.timeouts.session_idle);
        }
        Ok(came)
    }

    /// Asks whether the upstream is still there.
    fn ping(&mut self) -> Option<Over> {
        self.next_ping = after(Instant::now(), PING_EVERY);
        if self.heard.elapsed() > SILENT {
            let why = "it answers no ping".to_owned();
            return Some(Over::Lost(FailureKind::IdleTimeout, why));
        }
        self.send(tungstenite::Message::Ping(bytes::Bytes::new()))
    }

    fn send(&mut self, message: impl Into<tungstenite::Message>) -> Option<Over> {
        let sent = self.upward.send(message);
        sent.err().map(|error| Over::Lost(FailureKind::Truncated, error.to_string()))
    }

    // from the client

    async fn client_said(&mut self, message: Message) -> Option<Over> {
        let passed = match &message {
            Message::Close(closing) => return Some(Over::Client(closing.clone())),
            Message::Text(text) => self.admit(text).await,
            // What is JSON in a binary frame is an event to some; all else is nobody's event.
            Message::Binary(data) => match std::str::from_utf8(data) {
                Ok(text) if text.trim_start().starts_with('{') => self.admit(text).await,
                _ => Passed::AsItIs,
            },
        };
        match passed {
            Passed::AsItIs => self.send(message),
            Passed::Changed(text) => self.send(Message::Text(text.into())),
            Passed::Kept(over) => over,
        }
    }

    async fn admit(&mut self, text: &str) -> Passed {
        match live::read_client(text) {
            Err(error) => {
                self.tell(&Refusal::malformed(error.to_string(), None), None);
                Passed::Kept(None)
            }
            Ok(Asked::Item(tokens)) => {
                self.turns.context.add(tokens);
                Passed::AsItIs
            }
            Ok(Asked::Response { event_id, bound, tokens }) => {
                match self.turns.ask(self.run, event_id.clone(), bound, tokens).await {
                    Ok(()) => Passed::AsItIs,
                    Err(refusal) => Passed::Kept(self.refuse(refusal, event_id.as_deref())),
                }
            }
            Ok(Asked::Update { event_id, update, tokens }) => {
                self.turns.context.add(tokens);
                match self.update(text, update) {
                    Ok(passed) => passed,
                    Err(refusal) => {
                        self.tell(&refusal, event_id.as_deref());
                        Passed::Kept(None)
                    }
                }
            }
        }
    }

    /// New terms: the models in them must be this key's to use.
    fn update(&mut self, text: &str, update: Update) -> Result<Passed, Refusal> {
        if let Some(model) = &update.transcriber
            && let Some(session) = &self.run.x.session
        {
            let (x, target) = (&self.run.x, &self.run.target);
            self.turns.transcriber = Some(session.turnstile.transcriber(x, target, model)?);
        }
        self.turns.bound = update.bound.or(self.turns.bound);
        let (own, asked) = (&self.run.target.model, &self.run.x.admission.requested_model);
        match update.model {
            None => Ok(Passed::AsItIs),
            Some(model) if model == *own => Ok(Passed::AsItIs),
            Some(model) if model == *asked => Ok(Passed::Changed(live::renamed(text, own))),
            Some(_) => {
                let message = "a session keeps the model of its URL: leave out `session.model`";
                Err(Refusal::malformed(message, Some("session.model")))
            }
        }
    }

    // from the upstream

    async fn upstream_said(
        &mut self,
        said: Option<Result<tungstenite::Message, tungstenite::Error>>,
    ) -> Option<Over> {
        let message = match said {
            None => {
                let why = "it ended without a close".to_owned();
                return Some(Over::Lost(FailureKind::Truncated, why));
            }
            Some(Err(tungstenite::Error::Capacity(error))) => {
                return Some(Over::Lost(FailureKind::TooLarge, error.to_string()));
            }
            Some(Err(error)) => {
                return Some(Over::Lost(FailureKind::Truncated, error.to_string()));
            }
            Some(Ok(message)) => Message::read(message)?,
        };
        let told = match &message {
            Message::Close(closing) => return Some(Over::Upstream(closing.clone())),
            Message::Text(text) => live::read_upstream(text),
            Message::Binary(data) => match std::str::from_utf8(data) {
                Ok(text) if text.trim_start().starts_with('{') => live::read_upstream(text),
                _ => Said::Other,
            },
        };
        if !self.is_muted {
            self.run.x.fill(|ready| ready.say(message));
        }
        self.told(told).await
    }

    async fn told(&mut self, told: Said) -> Option<Over> {
        match told {
            Said::Created(response) => {
                let refusal = self.turns.began(self.run, response).await?;
                // It is the upstream's own idea: what it costs until it stops is paid, and no more.
                let lost = self.send(Message::Text(live::CANCEL.into()));
                lost.or_else(|| self.refuse(refusal, None))
            }
            Said::Delta { response, audio_bytes, text } => {
                self.turns.add(&response, audio_bytes, &text);
                None
            }
            Said::Done(done) => {
                self.turns.done(self.run, &done);
                None
            }
            Said::Error(event_id) => {
                self.turns.failed(self.run, event_id.as_deref());
                None
            }
            Said::Transcribed(usage) => {
                self.turns.transcribed(self.run, &usage);
                None
            }
            Said::Other => None,
        }
    }

    // what the client is told

    /// Tells why there is no response. A session whose key or budget has come to its end ends with it; what others hold,
    /// or time brings back, may be asked for again.
    fn refuse(&mut self, refusal: Refusal, event_id: Option<&str>) -> Option<Over> {
        self.tell(&refusal, event_id);
        let is_final = matches!(refusal.status, 401..=403) && !refusal.is_held;
        is_final.then_some(Over::Refused(refusal))
    }

    fn tell(&mut self, refusal: &Refusal, event_id: Option<&str>) {
        self.run.rt.metrics.refusal(refusal.code);
        let Refusal { status, code, message, param, .. } = refusal;
        let said = (*status, *code, message.as_str(), "gateway");
        self.error(said, param.as_deref(), event_id);
    }

    fn error(
        &mut self,
        (status, code, message, origin): (u16, &str, &str, &str),
        param: Option<&str>,
        event_id: Option<&str>,
    ) {
        self.errors += 1;
        let request_id = &*self.run.x.id_text;
        let wrong = Wrong { status, code, message, param, event_id, origin, request_id };
        let event = live::error_event(&wrong, self.errors);
        self.run.x.fill(|ready| ready.say(Message::Text(event.into())));
    }

    fn close(&self, code: u16, reason: &str) {
        self.run.x.fill(|ready| ready.say(Message::close(code, reason)));
    }

    // its end

    async fn conclude(mut self, over: Over) -> End {
        match over {
            Over::Client(closing) => {
                self.wind_up(LAST_USAGE, (Outcome::Cancelled, "")).await;
                self.part(Message::Close(closing)).await;
                End::Done(State::End)
            }
            Over::Upstream(closing) => {
                let code = closing.as_ref().map_or(1000, |closing| closing.code);
                let was_busy = self.turns.settle(self.run, truncated());
                self.run.x.fill(|ready| ready.say(Message::Close(closing)));
                self.upward.answer_close();
                let _ = self.flush().await;
                match code {
                    1000 | 1001 | 1005 if !was_busy => End::Done(State::End),
                    code => End::Broken(Failure::new(
                        FailureKind::Truncated,
                        format!("the upstream closed the session with {code}"),
                    )),
                }
            }
            Over::Lost(kind, detail) => {
                self.turns.settle(self.run, (Outcome::Error, kind.code()));
                let failure = Failure::new(kind, detail);
                let message = match kind {
                    FailureKind::TooLarge => last_words::message(&failure),
                    _ => "the upstream ended the session",
                };
                self.error((502, kind.code(), message, "upstream"), None, None);
                self.close(1011, kind.code());
                End::Broken(failure)
            }
            Over::Refused(refusal) => {
                self.wind_up(REFUSED_USAGE, (Outcome::Error, refusal.code)).await;
                self.close(1008, refusal.code);
                self.part(Message::close(1000, "")).await;
                let mut failure = Failure::new(FailureKind::Limited, refusal.message.clone());
                failure.refusal = Some(Box::new(refusal));
                End::Broken(failure)
            }
            Over::Stopped(stop) => self.stopped(stop).await,
        }
    }

    async fn stopped(&mut self, stop: Stop) -> End {
        let end = match stop {
            Stop::Cancelled => self.run.stopped(stop, FailureKind::Shutdown),
            Stop::Total if self.run.x.admission.step.ends_first => {
                self.run.stopped(stop, FailureKind::RunOver)
            }
            Stop::Total => {
                self.goodbye("session_expired", "the session lasted as long as it may");
                End::Done(State::End)
            }
            Stop::Phase | Stop::Tick => {
                self.goodbye("session_idle", "neither side said anything for so long");
                End::Done(State::End)
            }
        };
        let (end, outcome) = match end {
            End::Failed(failure) => {
                let code = failure.kind.code();
                let message = last_words::message(&failure);
                let (status, closes) = match failure.kind {
                    FailureKind::Shutdown => (503, 1001),
                    _ => (403, 1008),
                };
                self.error((status, code, message, "gateway"), None, None);
                self.close(closes, code);
                (End::Broken(failure), (Outcome::Error, code))
            }
            other => (other, (Outcome::Cancelled, "")),
        };
        self.wind_up(LAST_USAGE, outcome).await;
        self.part(Message::close(1001, "")).await;
        end
    }

    fn goodbye(&mut self, code: &'static str, message: &str) {
        self.error((408, code, message, "gateway"), None, None);
        self.close(1001, code);
    }

    /// Ends the responses that run, and hears what they used, if that is said at once.
    async fn wind_up(&mut self, within: Duration, outcome: (Outcome, &'static str)) {
        self.is_muted = true;
        if self.turns.is_busy() && self.send(Message::Text(live::CANCEL.into())).is_none() {
            let until = Instant::now() + within;
            while self.turns.is_busy() {
                let upward = &mut self.upward;
                let next = poll_fn(|cx| upward.poll_upstream(cx));
                let Ok(Came::FromUpstream(said)) =
                    tokio::time::timeout_at(until.into(), next).await
                else {
                    break;
                };
                if self.upstream_said(said).await.is_some() {
                    break;
                }
            }
        }
        self.turns.settle(self.run, outcome);
    }

    /// Closes the upstream's side, and waits a moment for its answer: a connection that is dropped over unread bytes is
    /// a reset, which the close may not survive.
    async fn part(&mut self, message: Message) {
        if self.send(message).is_some() {
            return;
        }
        let upward = &mut self.upward;
        let answer = async {
            while let Came::FromUpstream(Some(Ok(_))) = poll_fn(|cx| upward.poll_upstream(cx)).await
            {
            }
        };
        let _ = tokio::time::timeout(FAREWELL, answer).await;
    }

    async fn flush(&mut self) -> Result<(), tokio::time::error::Elapsed> {
        let upward = &mut self.upward;
        tokio::time::timeout(FAREWELL, poll_fn(|cx| upward.poll_flush(cx))).await.map(drop)
    }
}

const fn truncated() -> (Outcome, &'static str) {
    (Outcome::Error, FailureKind::Truncated.code())
}
