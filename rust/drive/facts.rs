//! What a plugin is told of a request: whose it is and what it asks for, and no credential.

use serde::Serialize;
use serde_json::value::RawValue;

use super::admit::Admission;
use super::place::Place;
use super::request_headers::RequestHeaders;
use crate::govern::Principal;

/// As JSON; what is not known is left out.
#[derive(Debug, Serialize)]
struct Facts<'a> {
    path: &'a str,
    operation: &'static str,
    dialect: &'static str,
    key_name: &'a str,
    organisation: &'a str,
    team: &'a str,
    project: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ref: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    stream: bool,
}

impl<'a> Facts<'a> {
    fn of(place: &'a Place, headers: &'a RequestHeaders, principal: &'a Principal) -> Self {
        let own_user = Some(principal.user.as_str()).filter(|user| !user.is_empty());
        Self {
            path: &place.route.path,
            operation: place.route.operation.name(),
            dialect: place.route.dialect.name(),
            key_name: &principal.name,
            organisation: &principal.organisation,
            team: &principal.team,
            project: &principal.project,
            user: headers.user.as_deref().or(own_user),
            run: headers.run.as_deref(),
            tag: headers.tag.as_deref(),
            client_ref: headers.client_ref.as_deref(),
            metadata: headers.metadata.as_deref(),
            model: place.model.as_deref(),
            stream: place.route.stream,
        }
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default() // strings into memory
    }
}

/// Of a request that is not admitted yet: what its body says is not among them.
pub(super) fn before(place: &Place, headers: &RequestHeaders, principal: &Principal) -> Vec<u8> {
    Facts::of(place, headers, principal).json()
}

/// Of one that is.
pub(super) fn admitted(admission: &Admission) -> Vec<u8> {
    let a = admission;
    let mut facts = Facts::of(&a.place, &a.headers, &a.principal);
    facts.user = a.headers.user.as_deref().or_else(|| a.scan.user()).or(facts.user);
    facts.model = Some(&a.requested_model);
    facts.stream = a.scan.stream();
    facts.json()
}
