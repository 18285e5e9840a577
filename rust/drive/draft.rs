//! A request while it is decided on.

use std::sync::Arc;

use uuid::Uuid;

use super::demand::Asked;
use super::gate::Gate;
use super::operation::Operation;
use super::place::Place;
use super::refusal::Refusal;
use super::request_headers::RequestHeaders;
use super::run_guard::Stepping;
use super::snapshot::Route;
use super::units::Request;
use crate::body::{self, Scan};
use crate::budget::{Ask, Lineage};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::govern::{Dimension, Principal, Subject};

/// What is known of a request while it is decided on.
pub(super) struct Draft<'a> {
    pub id: Uuid,
    pub dialect: Dialect,
    pub principal: Arc<Principal>,
    pub headers: RequestHeaders,
    pub scan: Scan,
    pub body: &'a [u8],
    pub operation: Operation,
    pub place: &'a Place,
    pub unix_s: i64,
    pub is_last: bool,
    pub lineage: Lineage,
}

impl Draft<'_> {
    /// What the body says.
    pub fn read(&self) -> Result<Scan, Error> {
        match &self.headers.form {
            Some(boundary) if self.operation.is_carried() => body::scan_form(self.body, boundary),
            _ => self.place.scan(self.body),
        }
    }

    pub fn subject<'s>(&'s self, model: &'s str) -> Subject<'s> {
        subject(&self.principal, &self.headers, &self.scan, model)
    }

    pub fn stepping(&self) -> Stepping<'_> {
        Stepping {
            principal: &self.principal,
            headers: &self.headers,
            scan: &self.scan,
            operation: self.operation,
            dialect: self.dialect,
            body: self.body,
        }
    }

    pub fn asked<'s>(&'s self, route: &'s Route, gate: &'s Gate<'_>) -> Asked<'s> {
        Asked {
            answers: self.place.answers(&self.scan, self.body),
            request: Request {
                operation: self.operation,
                scan: &self.scan,
                body: self.body,
                form: self.headers.form.as_deref(),
            },
            scan: &self.scan,
            body: self.body,
            route,
            unix_s: self.unix_s,
            default_max_output_tokens: gate.snapshot.default_max_output_tokens,
            learned: gate.snapshot.reserve_learned.then_some(gate.learned),
            given: self.place.demand,
        }
    }
}

/// Why nothing was decided, or nothing good.
pub(super) struct Stop {
    pub refusal: Box<Refusal>,
    pub short: Option<Vec<Ask>>,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Box::new(refusal).into()
    }
}

impl From<Box<Refusal>> for Stop {
    fn from(refusal: Box<Refusal>) -> Self {
        Self { refusal, short: None }
    }
}

/// Whom the limits of a request are looked up for.
pub(super) fn subject<'s>(
    principal: &'s Principal,
    headers: &'s RequestHeaders,
    scan: &'s Scan,
    model: &'s str,
) -> Subject<'s> {
    let end_user = headers.user.as_deref().or_else(|| scan.user()).unwrap_or_default();
    Subject::default()
        .with(Dimension::Organisation, &principal.organisation)
        .with(Dimension::Team, &principal.team)
        .with(Dimension::Project, &principal.project)
        .with(Dimension::User, &principal.user)
        .with(Dimension::Key, &principal.name)
        .with(Dimension::EndUser, end_user)
        .with(Dimension::Tag, headers.tag.as_deref().unwrap_or_default())
        .with(Dimension::Run, headers.run.as_deref().unwrap_or_default())
        .with(Dimension::Model, model)
}
