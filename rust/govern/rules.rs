//! Limits by where they bind a request: wherever it goes, or at one of its targets.

use std::sync::Arc;

use super::index::{Index, Rule};
use super::scope::{Dimension, Subject};
use crate::budget::Charge;

/// Limits, found by what they are about.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// That bind a request wherever it goes.
    requests: Index,
    /// That bind it at the targets of a provider.
    providers: Index,
    /// On one `provider/model`, which bind it there whatever name the client used.
    models: Index,
}

impl Rules {
    pub fn new<'a>(rules: impl Iterator<Item = &'a Rule> + Clone) -> Self {
        Self {
            requests: Index::new(rules.clone().filter(|rule| !rule.is_on_provider())),
            providers: Index::new(rules.clone().filter(|rule| rule.is_on_provider())),
            models: Index::new(rules.filter(|rule| rule.is_on_target())),
        }
    }

    /// Adds those that bind a request wherever it goes.
    pub fn at_request(&self, subject: &Subject<'_>, charges: &mut Vec<Charge>) {
        self.requests.collect(subject, charges);
    }

    /// Whether none binds anything at a target.
    pub const fn has_none_at_targets(&self) -> bool {
        self.providers.is_empty() && self.models.is_empty()
    }

    /// Adds those that bind it at a target beside those. `subject` has the requested name as its model; `named` is the
    /// target's own.
    pub fn at_target(
        &self,
        subject: &Subject<'_>,
        provider: &str,
        named: &str,
        charges: &mut Vec<Charge>,
    ) {
        let subject = subject.with(Dimension::Provider, provider);
        let begin = charges.len();
        self.providers.collect(&subject, charges);
        if named == subject.get(Dimension::Model) {
            return;
        }
        let from = charges.len();
        let subject = subject.with(Dimension::Model, named);
        self.models.collect(&subject, charges);
        self.providers.collect(&subject, charges);
        // Those on the provider alone were found under both names.
        let known: Vec<_> = charges
            .get(begin..from)
            .unwrap_or_default()
            .iter()
            .map(|charge| Arc::as_ptr(&charge.limit))
            .collect();
        let mut at = 0;
        charges.retain(|charge| {
            at += 1;
            at <= from || !known.contains(&Arc::as_ptr(&charge.limit))
        });
    }
}

impl Rule {
    /// Whether it says something of a request's run.
    pub fn is_on_run(&self) -> bool {
        self.is_on(Dimension::Run)
    }

    fn is_on_provider(&self) -> bool {
        self.is_on(Dimension::Provider)
    }

    fn is_on_target(&self) -> bool {
        let named = |(dimension, value): &(Dimension, String)| {
            *dimension == Dimension::Model && value.contains('/')
        };
        !self.is_on_provider() && self.scope.iter().any(named)
    }

    fn is_on(&self, asked: Dimension) -> bool {
        self.scope.iter().any(|(dimension, _)| *dimension == asked)
    }
}
