//! Decides, without waiting for anything, whether a request may go on, and where to.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use uuid::Uuid;

use super::about::Origin;
use super::alerts::AlertKind;
use super::clock::{rfc3339, unix_ms, unix_seconds};
use super::deadline::after;
use super::defect::{Point, caught};
use super::demand::Asked;
use super::draft::{Draft, Stop, subject};
use super::gate::Gate;
use super::hold::Hold;
use super::operation::Operation;
use super::place::Place;
use super::rate_headers::{self, RunsLeft};
use super::refusal::Refusal;
use super::request_headers::RequestHeaders;
use super::run_guard::RunStep;
use super::snapshot::{Route, Snapshot, Target};
use super::units::Request;
use crate::body::Scan;
use crate::budget::{self, Ask, AtCap, Charge, Demand, Lineage, MAX_CHARGES, Measure};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::govern::{Governance, Moment, Principal, Unknown};

/// A request as a front brings it.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Where it came to.
    pub place: &'a Place,
    /// See [`super::Engine::read_headers`].
    pub headers: RequestHeaders,
    /// All of the body.
    pub body: &'a Bytes,
}

/// A request that may not go on.
#[derive(Debug)]
pub struct Refused {
    /// The gateway's id of the request.
    pub id: Uuid,
    /// What the client is told.
    pub refusal: Box<Refusal>,
    /// What is known of it, where the key was good: such a refusal has a ledger row. Requests without a key have
    /// none, so that nobody fills the ledger from outside.
    pub known: Option<Box<Known>>,
    /// What other hosts must be asked for first; the refusal is what the client is told where they cannot be.
    pub short: Option<Vec<Ask>>,
}

impl Refused {
    /// A request without a good key.
    pub(super) fn of(id: Uuid, refusal: Refusal) -> Self {
        Self { id, refusal: Box::new(refusal), known: None, short: None }
    }
}

/// What a refused request said.
#[derive(Debug)]
pub struct Known {
    /// Who asked.
    pub principal: Arc<Principal>,
    /// What its headers say.
    pub headers: RequestHeaders,
    /// What its body says, as far as it was read.
    pub scan: Scan,
    /// When it arrived, as the ledger writes it.
    pub time: String,
}

/// A request that may go on.
#[derive(Debug)]
pub struct Admission {
    /// The gateway's id of the request, UUID version 7.
    pub id: Uuid,
    /// The configuration it began with.
    pub snapshot: Arc<Snapshot>,
    /// The limits it began with.
    pub governance: Arc<Governance>,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// The targets behind the requested model.
    pub route: Arc<Route>,
    /// What its headers say.
    pub headers: RequestHeaders,
    /// What its body says.
    pub scan: Scan,
    /// The body itself.
    pub body: Bytes,
    /// As a step of its run.
    pub step: RunStep,
    /// What is asked.
    pub operation: Operation,
    /// In which dialect.
    pub dialect: Dialect,
    /// Where it came to, without a credential.
    pub place: Place,
    /// The name that the client asked for.
    pub requested_model: String,
    /// The model that a limit led it to instead.
    pub downgraded: Option<String>,
    /// The most that it may use.
    pub demand: Demand,
    /// When it arrived.
    pub arrived: Instant,
    /// When it arrived, in seconds since 1970: the prices of that moment hold for all its attempts.
    pub unix_s: i64,
    /// When it arrived, as the ledger writes it.
    pub time: String,
    /// When it must be over.
    pub deadline: Instant,
}

/// The most models that a request is led on to by limits that downgrade.
const MAX_DOWNGRADES: usize = 4;

impl Gate<'_> {
    /// What a request's headers say, and who asks, by a credential in them or in the place.
    pub fn authenticate<'h>(
        &self,
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
        place: Option<&Place>,
    ) -> Result<(RequestHeaders, Arc<Principal>), Refusal> {
        let passes = place.is_some_and(|place| place.passage.is_some());
        let mut headers = RequestHeaders::read(headers, self.digester, passes)?;
        if let Some(credential) = place.and_then(|place| place.credential.as_deref()) {
            headers.add_credential(credential, self.digester)?;
        }
        let principal = self.holder_now(&headers)?;
        Ok((headers, principal))
    }

    /// Who asks now.
    pub(super) fn holder_now(&self, headers: &RequestHeaders) -> Result<Arc<Principal>, Refusal> {
        let at = Moment { now: Instant::now(), unix_ms: unix_ms(SystemTime::now()) };
        self.holder(headers, at)
    }

    fn holder(&self, headers: &RequestHeaders, at: Moment) -> Result<Arc<Principal>, Refusal> {
        if let Some(principal) = &headers.on_behalf {
            return Ok(principal.clone());
        }
        let directory = &self.governance.directory;
        let holder = directory.holder(headers.credential.as_ref(), self.store, at);
        holder.map_err(|unknown| match unknown {
            Unknown::No => Refusal::unauthorized(),
            Unknown::NotNow => Refusal::keys_unavailable(),
        })
    }

    /// Admits or refuses a request. Cost: one pass over the body, and where limits bind it one decision under the
    /// counters' lock; no I/O.
    ///
    /// Until `is_last` a request that runs into what others hold is refused, to be asked again in a moment.
    pub fn admit(
        &self,
        incoming: Incoming<'_>,
        is_last: bool,
    ) -> Result<(Admission, Hold), Refused> {
        let arrived = Instant::now();
        let now = SystemTime::now();
        let id = Uuid::now_v7();
        let (place, headers) = (incoming.place, incoming.headers);
        let at = Moment { now: arrived, unix_ms: unix_ms(now) };
        // A body takes its time, and meanwhile a key may be revoked.
        let principal = self.holder(&headers, at).map_err(|refusal| Refused::of(id, refusal))?;
        let mut draft = Draft {
            id,
            place,
            dialect: place.route.dialect,
            principal,
            headers,
            scan: Scan::default(),
            body: incoming.body,
            operation: place.route.operation,
            unix_s: unix_seconds(now),
            is_last,
            lineage: Lineage::default(),
        };
        let decided = caught(|| self.decide(&mut draft));
        let mut decided = decided.unwrap_or_else(|| Err(Refusal::defect().into()));
        if let Err(stop) = &mut decided {
            self.tell_run(&draft, &mut stop.refusal);
        }
        let Draft { principal, headers, mut scan, unix_s, .. } = draft;
        let time = rfc3339(now);
        let Decided { route, downgraded, demand, hold, mut step } = match decided {
            Ok(decided) => decided,
            Err(Stop { refusal, short }) => {
                let known = Box::new(Known { principal, headers, scan, time });
                return Err(Refused { id, refusal, known: Some(known), short });
            }
        };
        let is_session = place.route.operation == Operation::Realtime;
        let bound = |t: &Target| if is_session { t.timeouts.session } else { t.timeouts.total };
        let total = route.targets.iter().map(bound).max().unwrap_or(Duration::MAX);
        let asked = headers.timeout_ms.map_or(Duration::MAX, Duration::from_millis);
        let requested_model = scan.model().unwrap_or_default().to_owned();
        let mut deadline = after(arrived, total.min(asked));
        if let Some(left_ns) = step.lineage.wall_left_ns {
            let runs = after(arrived, Duration::from_nanos(left_ns));
            step.ends_first = runs < deadline;
            deadline = deadline.min(runs);
        }
        let body = match step.noted.take() {
            None => incoming.body.clone(),
            Some(noted) => {
                scan = place.scan(&noted).unwrap_or(scan); // it was JSON before, and is
                noted.into()
            }
        };
        let admission = Admission {
            id,
            deadline,
            body,
            step,
            operation: place.route.operation,
            dialect: place.route.dialect,
            place: Place { credential: None, ..place.clone() },
            snapshot: self.snapshot.clone(),
            governance: self.governance.clone(),
            principal,
            route,
            downgraded,
            headers,
            scan,
            requested_model,
            demand,
            arrived,
            unix_s,
            time,
        };
        Ok((admission, hold))
    }

    fn decide(&self, draft: &mut Draft<'_>) -> Result<Decided, Stop> {
        draft.scan = draft.read().map_err(|error| Stop::from(Refusal::from(error)))?;
        if let Some(about) = draft.place.about.as_deref().filter(|a| a.origin == Origin::Missing) {
            return Err(Refusal::gone(&about.response, draft.place).into());
        }
        draft.headers.run = self.run_of(&draft.stepping());
        let route = self.asked_route(draft)?;
        self.begin_run(draft)?;
        self.decide_on(draft, route)
    }

    /// Holds what the request may use, of the model that it asks for or of one that a limit leads it to.
    fn decide_on(&self, draft: &Draft<'_>, mut route: Arc<Route>) -> Result<Decided, Stop> {
        let model = draft.scan.model().unwrap_or_default();
        let principal = &draft.principal;
        let billed = draft.place.is_billed(draft.body) && draft.operation.wants_price();
        let run = draft.headers.run.as_deref().unwrap_or_default();
        let mut charges = self.charges(draft, model)?;
        let has_budget = charges.iter().any(|charge| charge.limit.measure == Measure::Cost);
        if draft.operation == Operation::StoredResponse {
            // What is there was paid for, or is when it is read: tokens and money are counted, and refuse nothing.
            for charge in &mut charges {
                charge.is_waived |= draft.headers.on_behalf.is_some()
                    || !matches!(charge.limit.measure, Measure::Requests | Measure::Parallel);
            }
        }
        if draft.operation == Operation::File && draft.place.demand.is_some() {
            charges.clear(); // it goes up for a batch, which holds all of it
        }
        if draft.operation == Operation::Batch {
            // It runs within a day, at its vendor's own pace: rates are for what is answered now.
            charges.retain(|c| !c.limit.is_rate() || c.limit.measure == Measure::Requests);
        }
        let mut downgraded: Option<String> = None;
        for _ in 0..=MAX_DOWNGRADES {
            let must_be_priced = billed && (has_budget || self.snapshot.refuse_unpriced);
            if must_be_priced && let Some(target) = route.unpriced(draft.operation, draft.unix_s) {
                return Err(Refusal::unpriced(target).into());
            }
            let decided = self.hold(draft, &route, &charges);
            self.tell_forgotten();
            match decided {
                Ok((hold, demand)) => {
                    // Behind the limits: a request that has to ask again is no step yet.
                    let step = self.step(draft.lineage.clone(), &draft.stepping())?;
                    if let (Some(circle), Some(target)) = (&step.circle, route.targets.first()) {
                        self.alerts.raise_of(AlertKind::RunLoops, target, run, || {
                            format!("the run {run:?} goes round in circles: {circle}")
                        });
                    }
                    self.rigged.at(Point::Admit, model);
                    return Ok(Decided { route, downgraded, demand, hold, step });
                }
                Err(budget::Refused::Failed(error)) => {
                    return Err(Refusal::limits_unavailable(&error).into());
                }
                Err(budget::Refused::Short(asks)) => {
                    let refusal = Box::new(Refusal::limits_unavailable(&Error::LimitsAdrift));
                    return Err(Stop { refusal, short: Some(asks) });
                }
                Err(budget::Refused::Limit(denied)) => {
                    let AtCap::Downgrade(cheaper) = &denied.limit.at_cap else {
                        return Err(Refusal::limited(&denied).into());
                    };
                    if draft.place.about.is_some() || draft.place.passage.is_some() {
                        return Err(Refusal::limited(&denied).into()); // another model has no such response, or path
                    }
                    // It goes on counting, so that what is spent there shows.
                    for charge in &mut charges {
                        charge.is_waived |= Arc::ptr_eq(&charge.limit, &denied.limit);
                    }
                    route = self.snapshot.owned_by(principal, self.route(principal, cheaper)?);
                    downgraded = Some(cheaper.clone());
                }
            }
        }
        Err(Refusal::forbidden(downgraded.as_deref().unwrap_or(model), principal).into())
    }

    /// Learns how the request's run stands among others. Its parent is the one that it named first.
    fn begin_run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        draft.lineage = self.lineage(&draft.stepping())?;
        if draft.headers.run.is_some() {
            draft.headers.parent_run = draft.lineage.above.first().cloned();
        }
        Ok(())
    }

    /// The limits that bind the request wherever it goes, those of the runs above its own among them.
    fn charges(&self, draft: &Draft<'_>, model: &str) -> Result<Vec<Charge>, Stop> {
        let above = &draft.lineage.above;
        let charges = self.governance.request_charges(&draft.subject(model), above);
        if !above.is_empty() && charges.len() > MAX_CHARGES {
            let run = draft.headers.run.as_deref().unwrap_or_default();
            let (runs, limits) = (above.len(), charges.len());
            let why = format!(
                "is {runs} runs below the first one, so that {limits} limits bind it; \
                 at most {MAX_CHARGES} can"
            );
            return Err(Refusal::run_too_far(run, &why).into());
        }
        Ok(charges)
    }

    fn tell_forgotten(&self) {
        let names = self.budgets.take_forgotten();
        if names > 0 {
            let (kind, now) = (AlertKind::LimitsForgotten, Instant::now());
            self.alerts.raise_in("limits", "counters", kind, now, || {
                "clients use more names of end users, tags, runs or models than there is room for; \
                 limits on the ones used least lately count anew"
                    .to_owned()
            });
        }
    }

    /// What is left of the run of a request that is refused.
    fn tell_run(&self, draft: &Draft<'_>, refusal: &mut Refusal) {
        let Some(run) = draft.headers.run.as_deref() else { return };
        rate_headers::of_run(run, &mut refusal.headers);
        let subject = draft.subject(draft.scan.model().unwrap_or_default());
        let now = budget::Now::read();
        let mut runs = RunsLeft::default();
        for charge in self.governance.request_charges(&subject, &draft.lineage.above) {
            if rate_headers::is_of_runs(&charge.limit)
                && let Ok((_, _, left)) = self.budgets.standing(&charge, now)
            {
                runs.add(&charge.limit, left);
            }
        }
        runs.write(&mut refusal.headers);
    }

    /// Holds what the request may use. Where all of it does not fit and nobody holds what is missing, it may begin with
    /// less: its answer ends where its budget does.
    fn hold(
        &self,
        draft: &Draft<'_>,
        route: &Route,
        charges: &[Charge],
    ) -> Result<(Hold, Demand), budget::Refused> {
        let asked = draft.asked(route, self);
        if draft.operation == Operation::Realtime {
            return self.hold_session(draft, &asked, charges);
        }
        // What passes as it is is not cut: all of it is held or nothing.
        let least = if draft.operation.is_cut() { 1 } else { u64::MAX };
        // How long an answer becomes of which the request does not say it, nobody knows: there the bound is a guess.
        if !draft.is_last && draft.scan.max_tokens().is_some() {
            match self.hold_at_least(draft, &asked, charges, u64::MAX) {
                Err(budget::Refused::Limit(denied)) if !denied.is_held => {}
                decided => return decided,
            }
        }
        self.hold_at_least(draft, &asked, charges, least)
    }

    /// A session holds its place among others; what its responses may use is held for each. One must fit now.
    fn hold_session(
        &self,
        draft: &Draft<'_>,
        asked: &Asked<'_>,
        charges: &[Charge],
    ) -> Result<(Hold, Demand), budget::Refused> {
        let id = draft.id.as_u128();
        let hold = |charges: Vec<Charge>, demand: Demand| {
            let (budgets, crossings) = (self.budgets.clone(), self.crossings.clone());
            Hold::reserve(budgets, crossings, id, charges, demand)
        };
        let is_place =
            |charge: &Charge| matches!(charge.limit.measure, Measure::Requests | Measure::Parallel);
        let (places, uses): (Vec<_>, Vec<_>) = charges.iter().cloned().partition(is_place);
        drop(hold(uses, asked.bound())?);
        Ok((hold(places, Demand::default())?, Demand::default()))
    }

    /// All of it by its size, or counted where that does not fit; with less only where neither does.
    fn hold_at_least(
        &self,
        draft: &Draft<'_>,
        asked: &Asked<'_>,
        charges: &[Charge],
        least_output_tokens: u64,
    ) -> Result<(Hold, Demand), budget::Refused> {
        let id = draft.id.as_u128();
        let hold = |mut demand: Demand, least_output_tokens: u64| {
            demand.least_output_tokens = least_output_tokens.min(demand.output_tokens);
            let (budgets, crossings) = (self.budgets.clone(), self.crossings.clone());
            Hold::reserve(budgets, crossings, id, charges.to_vec(), demand)
                .map(|hold| (hold, demand))
        };
        let bound = asked.bound();
        let denied = match hold(bound, u64::MAX) {
            Err(budget::Refused::Limit(denied)) => denied,
            decided => return decided,
        };
        let is_worth_counting = denied.limit.measure.grows_with_input() && denied.remaining > 0;
        let counted = if is_worth_counting { asked.counted() } else { None };
        match counted {
            Some(counted) => hold(counted, least_output_tokens),
            None if least_output_tokens < bound.output_tokens => hold(bound, least_output_tokens),
            None => Err(budget::Refused::Limit(denied)),
        }
    }
}

/// What was decided.
struct Decided {
    route: Arc<Route>,
    downgraded: Option<String>,
    demand: Demand,
    hold: Hold,
    step: RunStep,
}

impl Admission {
    /// How many answers are asked for.
    pub(super) fn answers(&self) -> u64 {
        self.scan.answers()
    }

    /// What its demand depends on.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            answers: self.place.answers(&self.scan, &self.body),
            request: Request::of(self),
            scan: &self.scan,
            body: &self.body,
            route: &self.route,
            unix_s: self.unix_s,
            default_max_output_tokens: self.snapshot.default_max_output_tokens,
            learned: None,
            given: self.place.demand,
        }
    }

    /// The limits of one of its targets, beside those that were held when it was admitted.
    pub(super) fn target_charges(&self, target: &Target) -> Vec<Charge> {
        let subject = subject(&self.principal, &self.headers, &self.scan, &self.requested_model);
        let above = &self.step.lineage.above;
        self.governance.target_charges(&subject, above, &target.upstream.provider, &target.model)
    }
}
