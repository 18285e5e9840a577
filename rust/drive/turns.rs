//! The responses of a session: those that were asked for, and those that run.

use std::collections::VecDeque;

use super::attempt::Running;
use super::refusal::Refusal;
use super::row::Outcome;
use super::snapshot::Target;
use super::turn::{Ended, Turn};
use crate::live::{Bound, Context, Done};
use crate::stream::Usage;

/// What a session has to pay for.
#[derive(Default)]
pub(super) struct Turns {
    /// What the next response reads.
    pub context: Context,
    /// The most tokens of a response, as the session says it.
    pub bound: Bound,
    /// Who writes down what is heard.
    pub transcriber: Option<Target>,
    /// Asked for by the client, in order; none of them began.
    asked: VecDeque<Turn>,
    open: Vec<Turn>,
}

impl Turns {
    /// Whether anything was asked for, or runs.
    pub fn is_busy(&self) -> bool {
        !self.asked.is_empty() || !self.open.is_empty()
    }

    /// The client asks for a response.
    pub async fn ask(
        &mut self,
        run: &Running,
        event_id: Option<String>,
        bound: Bound,
        tokens: u64,
    ) -> Result<(), Refusal> {
        let input_tokens = self.context.tokens().saturating_add(tokens);
        let output_tokens = self.output_tokens(run, bound);
        let asks = (&run.target, input_tokens, output_tokens);
        let mut turn = Turn::begin(run, asks).await?;
        turn.event_id = event_id;
        turn.mark = self.context.mark();
        self.asked.push_back(turn);
        Ok(())
    }

    /// A response began; a refusal where nobody had asked for it and it may not run.
    pub async fn began(&mut self, run: &Running, response: String) -> Option<Refusal> {
        let (turn, refusal) = match self.asked.pop_front() {
            Some(turn) => (Some(turn), None),
            None => self.unasked(run).await,
        };
        if let Some(mut turn) = turn {
            turn.response = Some(response);
            self.open.push(turn);
        }
        refusal
    }

    /// The upstream answers what it heard.
    async fn unasked(&self, run: &Running) -> (Option<Turn>, Option<Refusal>) {
        let output_tokens = self.output_tokens(run, Bound::Unsaid);
        let asks = (&run.target, self.context.tokens(), output_tokens);
        let (turn, refusal) = match Turn::begin(run, asks).await {
            Ok(turn) => (Ok(turn), None),
            Err(refusal) => (Turn::waived(run, &run.target), Some(refusal)),
        };
        match turn {
            Ok(mut turn) => {
                turn.mark = self.context.mark();
                (Some(turn), refusal)
            }
            Err(worse) => (None, Some(refusal.unwrap_or(worse))),
        }
    }

    /// A part of a response came.
    pub fn add(&mut self, response: &str, audio_bytes: usize, text: &str) {
        let named = |turn: &&mut Turn| turn.response.as_deref() == Some(response);
        if let Some(turn) = self.open.iter_mut().find(named) {
            turn.add(audio_bytes, text);
        }
    }

    /// A response is over.
    pub fn done(&mut self, run: &Running, done: &Done) {
        let named = |turn: &Turn| turn.response.as_deref() == Some(&*done.response);
        let turn = match self.open.iter().position(named) {
            Some(at) => self.open.swap_remove(at),
            // Nobody saw it begin: it is paid all the same.
            None => match Turn::waived(run, &run.target) {
                Ok(mut turn) => {
                    turn.response = Some(done.response.clone());
                    turn
                }
                Err(_) => return,
            },
        };
        if let (Some(input), Some(output)) = (done.usage.input_tokens, done.usage.output_tokens) {
            self.context.told(turn.mark, input.saturating_add(output));
        }
        let failed = match (done.has_failed, done.is_cancelled) {
            (true, _) => Some((Outcome::Error, "upstream_error")),
            (false, true) => Some((Outcome::Cancelled, "")),
            _ => None,
        };
        let ended = Ended { failed, usage: done.usage, finish: done.finish, is_unpriced: false };
        turn.settle(run, &ended);
    }

    /// An event of the client's was wrong. If it asked for a response there will be none; one that comes all the same is
    /// held for when it begins.
    pub fn failed(&mut self, run: &Running, event_id: Option<&str>) {
        let named = |turn: &Turn| turn.event_id.as_deref() == event_id;
        if let Some(at) = self.asked.iter().position(named)
            && let Some(turn) = self.asked.remove(at)
        {
            let failed = Some((Outcome::Error, "upstream_error"));
            turn.settle(run, &Ended { failed, ..Ended::default() });
        }
    }

    /// What was heard was written down, by a model with a price of its own. One that is paid by the minute has no
    /// tokens.
    pub fn transcribed(&mut self, run: &Running, usage: &Usage) {
        let target = self.transcriber.as_ref().unwrap_or(&run.target);
        if let Ok(turn) = Turn::waived(run, target) {
            let is_unpriced = usage.is_empty();
            turn.settle(run, &Ended { usage: *usage, is_unpriced, ..Ended::default() });
        }
    }

    /// Ends what is left; whether there was anything.
    pub fn settle(&mut self, run: &Running, failed: (Outcome, &'static str)) -> bool {
        let was_busy = self.is_busy();
        for turn in self.asked.drain(..).chain(self.open.drain(..)) {
            turn.settle(run, &Ended { failed: Some(failed), ..Ended::default() });
        }
        was_busy
    }

    fn output_tokens(&self, run: &Running, bound: Bound) -> u64 {
        match bound.or(self.bound) {
            Bound::Tokens(tokens) => tokens,
            Bound::Unsaid | Bound::Infinite => run.x.admission.snapshot.default_max_output_tokens,
        }
    }
}
