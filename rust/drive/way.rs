//! Where a request goes: to the targets of a model, or of who made the response that it is about, if the key may.

use std::sync::Arc;

use super::about::{About, Origin};
use super::draft::{Draft, Stop};
use super::gate::Gate;
use super::passage::Passage;
use super::refusal::Refusal;
use super::snapshot::Route;
use crate::dialect::Dialect;
use crate::govern::Principal;

impl Gate<'_> {
    /// The route of the model that is asked for, where the key may have it.
    pub(super) fn asked_route(&self, draft: &Draft<'_>) -> Result<Arc<Route>, Stop> {
        let model = draft.scan.model().filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| Stop::from(Refusal::missing_model()))?;
        let principal = &draft.principal;
        self.check_response(draft)?;
        let path = &draft.place.route.path;
        if !principal.may_call(path) {
            return Err(Refusal::route_forbidden(path, principal).into());
        }
        let route = match &draft.place.passage {
            Some(passage) => self.passage(passage, draft)?,
            None => self.route_to(draft, model)?,
        };
        let route = self.snapshot.owned_by(principal, route);
        match draft.place.passage.as_deref().and_then(Passage::key).filter(|key| !key.is_empty()) {
            Some(key) => {
                let passage = route.under(key);
                passage.ok_or_else(|| Refusal::key_gone().into())
            }
            None => Ok(route),
        }
    }

    /// What only a request for a response can ask for.
    fn check_response(&self, draft: &Draft<'_>) -> Result<(), Stop> {
        let named = match &draft.place.passage {
            Some(passage) => passage.response(&draft.scan),
            None => draft.scan.previous_response(),
        };
        let Some(response) = named else { return Ok(()) };
        match self.budgets.is_of_another(&draft.principal.tenant(), response) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Refusal::gone(response, draft.place).into()),
            Err(error) => Err(Refusal::limits_unavailable(&error).into()),
        }
    }

    /// Where a request goes that may be about a response: then to whoever made it.
    fn route_to(&self, draft: &Draft<'_>, model: &str) -> Result<Arc<Route>, Box<Refusal>> {
        let (principal, about) = (&draft.principal, draft.place.about.as_deref());
        let Some(About {
            response, origin: Origin::Made { provider, model: made }, errand, ..
        }) = about
        else {
            return match about {
                Some(About { origin: Origin::Kept, errand: Some(_), .. }) => {
                    Ok(Arc::new(Route::to(Vec::new())))
                }
                _ => self.route(principal, model),
            };
        };
        if !principal.may_reach(provider) {
            return Err(Box::new(Refusal::provider_forbidden(model, provider, principal)));
        }
        let pinned = match errand {
            Some(_) => {
                let asked = self.snapshot.route(model);
                self.snapshot.pinned(asked.as_deref(), provider, made)
            }
            // Another model of that provider can go on from it.
            None => self.route(principal, model)?.within(provider, made),
        };
        let spoken = if draft.place.may_be_threaded() {
            Dialect::Anthropic
        } else {
            Dialect::OpenAiResponses
        };
        let has_it = |route: &Route| {
            route.targets.iter().any(|target| target.upstream.dialect_for(spoken) == spoken)
        };
        pinned
            .filter(|route| has_it(route))
            .ok_or_else(|| Box::new(Refusal::gone(response, draft.place)))
    }

    pub(super) fn route(
        &self,
        principal: &Principal,
        model: &str,
    ) -> Result<Arc<Route>, Box<Refusal>> {
        let route = self.snapshot.route(model);
        let route = route.ok_or_else(|| Box::new(Refusal::unknown_model(model)))?;
        if !principal.may_use(model) {
            return Err(Box::new(Refusal::forbidden(model, principal)));
        }
        let mut providers = route.targets.iter().map(|target| &target.upstream.provider);
        match providers.find(|provider| !principal.may_reach(provider)) {
            Some(provider) => {
                Err(Box::new(Refusal::provider_forbidden(model, provider, principal)))
            }
            None => Ok(route),
        }
    }

    /// The way to a provider by its name.
    fn passage(&self, passage: &Passage, draft: &Draft<'_>) -> Result<Arc<Route>, Box<Refusal>> {
        if passage.leads_out() {
            return Err(Box::new(Refusal::leads_out()));
        }
        if passage.opens_session() {
            return Err(Box::new(Refusal::session_elsewhere()));
        }
        let (provider, principal) = (&passage.provider, &draft.principal);
        let route = self.snapshot.passage(provider, passage.model(&draft.scan));
        let route = route.ok_or_else(|| Box::new(Refusal::unknown_provider(provider)))?;
        let name = draft.scan.model().unwrap_or_default();
        if !principal.may_reach(provider) {
            return Err(Box::new(Refusal::provider_forbidden(name, provider, principal)));
        }
        if passage.key().is_some() {
            return Ok(route); // of each model that it is about the gateway has asked
        }
        if !principal.may_use(name) {
            return Err(Box::new(Refusal::forbidden(name, principal)));
        }
        let is_signed = route.targets.iter().any(|target| target.upstream.signer.is_some());
        if is_signed && !passage.can_be_signed() {
            return Err(Box::new(Refusal::unsignable()));
        }
        // A job in the background is paid for where it is asked for by its id, and nowhere else.
        let is_unpaid = draft.place.about.as_ref().is_some_and(|about| about.is_unpaid);
        if passage.begins_job(&draft.scan) || (is_unpaid && passage.names_response()) {
            return Err(Box::new(Refusal::background()));
        }
        Ok(route)
    }
}
