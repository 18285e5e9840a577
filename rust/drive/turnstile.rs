//! What the responses of a session must pass: keys and limits as they are now, not as they were when it began.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;

use super::clock::unix_ms;
use super::crossings::Crossings;
use super::draft::subject;
use super::exchange::Exchange;
use super::refusal::Refusal;
use super::snapshot::Target;
use crate::budget::{AtCap, Budgets, Charge, Measure};
use crate::govern::{Governance, Moment, Principal, Sighting, Unknown};
use crate::live::Line;

/// What a session asks for with its handshake: all of that stands in the URL.
pub const SESSION_BODY: &[u8] = b"{}";

/// What a session has beside its exchange.
#[derive(Debug)]
pub struct Session {
    /// What its client says.
    pub line: Line,
    pub(super) turnstile: Turnstile,
}

/// What decides about a session's responses.
#[derive(Debug)]
pub struct Turnstile {
    pub(super) governance: Arc<ArcSwap<Governance>>,
    pub(super) store: Arc<Sighting>,
    pub(super) budgets: Arc<Budgets>,
    pub(super) crossings: Arc<Crossings>,
}

/// The limits of one response.
pub(super) struct Charges {
    /// Wherever it goes.
    pub request: Vec<Charge>,
    /// Of its target.
    pub target: Vec<Charge>,
}

impl Turnstile {
    /// The limits of a response, if the session's key may still ask for one. Its place among parallel requests the
    /// session has already.
    pub(super) fn charges(&self, x: &Exchange, target: &Target) -> Result<Charges, Refusal> {
        let principal = self.holder(x, target)?;
        let a = &x.admission;
        let governance = self.governance.load();
        let subject = subject(&principal, &a.headers, &a.scan, &a.requested_model);
        let above = &a.step.lineage.above;
        let provider = &target.upstream.provider;
        let mut charges = Charges {
            request: governance.request_charges(&subject, above),
            target: governance.target_charges(&subject, above, provider, &target.model),
        };
        for charges in [&mut charges.request, &mut charges.target] {
            charges.retain(|charge| charge.limit.measure != Measure::Parallel);
            for charge in charges {
                // It led the session to a cheaper model already.
                let has_led = a.downgraded.is_some();
                charge.is_waived |= has_led && matches!(charge.limit.at_cap, AtCap::Downgrade(_));
            }
        }
        Ok(charges)
    }

    /// The model that writes down what is heard, as a target beside the session's own.
    pub(super) fn transcriber(
        &self,
        x: &Exchange,
        own: &Target,
        model: &str,
    ) -> Result<Target, Refusal> {
        let principal = self.holder(x, own)?;
        let name = format!("{}/{model}", own.upstream.provider);
        if !principal.may_use(&name) {
            return Err(Refusal::forbidden(&name, &principal));
        }
        let a = &x.admission;
        let route = a.snapshot.uncached_route(&name);
        let named = route.as_ref().and_then(|route| route.targets.first());
        let named = named.ok_or_else(|| Refusal::unknown_model(&name))?;
        let target = Target {
            model: model.to_owned(),
            prices: named.prices.clone(),
            series: Arc::default(),
            ..own.clone()
        };
        let charges = self.charges(x, &target)?;
        let has_budget = charges.request.iter().any(|charge| charge.limit.measure == Measure::Cost);
        if (has_budget || a.snapshot.refuse_unpriced) && target.sheet(a.unix_s).is_none() {
            return Err(Refusal::unpriced(&target));
        }
        Ok(target)
    }

    /// Who asks, and still may.
    fn holder(&self, x: &Exchange, target: &Target) -> Result<Arc<Principal>, Refusal> {
        let a = &x.admission;
        let at = Moment { now: Instant::now(), unix_ms: unix_ms(SystemTime::now()) };
        let governance = self.governance.load();
        let holder = governance.directory.holder(a.headers.credential.as_ref(), &self.store, at);
        let principal = holder.map_err(|unknown| match unknown {
            Unknown::No => Refusal::unauthorized(),
            Unknown::NotNow => Refusal::keys_unavailable(),
        })?;
        let (path, model) = (&a.place.route.path, &a.requested_model);
        let provider = &target.upstream.provider;
        if !principal.may_call(path) {
            Err(Refusal::route_forbidden(path, &principal))
        } else if !principal.may_use(model) {
            Err(Refusal::forbidden(model, &principal))
        } else if !principal.may_reach(provider) {
            Err(Refusal::provider_forbidden(model, provider, &principal))
        } else {
            Ok(principal)
        }
    }
}
