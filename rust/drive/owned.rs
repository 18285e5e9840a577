//! Tenants' own credentials for providers: in the place of the operator's, for requests of their own alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::snapshot::{Route, Snapshot, Target, Upstream};
use crate::govern::Principal;

/// Whose a credential is: organisation, team and key, of which the narrower ones are empty where it is a wider one's. A
/// key stands alone, since its name is nobody else's.
pub type Owner = (String, String, String);

/// By owner and provider.
#[derive(Debug, Default)]
pub(super) struct Owned(HashMap<Owner, HashMap<String, Arc<Upstream>>>);

impl Owned {
    pub(super) fn add(&mut self, owner: Owner, upstream: Arc<Upstream>) {
        self.0.entry(owner).or_default().insert(upstream.provider.clone(), upstream);
    }

    /// What a key's holder has by itself, by its team and by its organisation, the nearest first.
    fn of(&self, principal: &Principal) -> Vec<&HashMap<String, Arc<Upstream>>> {
        let Principal { name, organisation, team, .. } = principal;
        let owner = |organisation: &str, team: &str, key: &str| {
            (organisation.to_owned(), team.to_owned(), key.to_owned())
        };
        let mut owners = vec![owner("", "", name)];
        if !team.is_empty() {
            owners.push(owner(organisation, team, ""));
        }
        if !organisation.is_empty() {
            owners.push(owner(organisation, "", ""));
        }
        owners.iter().filter_map(|owner| self.0.get(owner)).collect()
    }
}

impl Snapshot {
    /// A route with the holder's own credentials where it has some: of a provider's targets, which differ in the
    /// operator's keys alone, one is left, with the share of all.
    ///
    /// Cost: nothing where nobody has any; else a look-up, and for who has one a route.
    pub(super) fn owned_by(&self, principal: &Principal, route: Arc<Route>) -> Arc<Route> {
        if self.owned.0.is_empty() {
            return route;
        }
        let own = self.owned.of(principal);
        let find = |target: &Target| own.iter().find_map(|by| by.get(&target.upstream.provider));
        if !route.targets.iter().any(|target| find(target).is_some()) {
            return route;
        }
        let mut targets: Vec<Target> = Vec::with_capacity(route.targets.len());
        for target in &route.targets {
            let Some(upstream) = find(target) else {
                targets.push(target.clone());
                continue;
            };
            let same = |other: &&mut Target| other.upstream.is_byok && other.group == target.group;
            if let Some(other) = targets.iter_mut().find(same)
                && Arc::ptr_eq(&other.upstream, upstream)
                && other.model == target.model
            {
                other.weight = other.weight.saturating_add(target.weight);
                continue;
            }
            targets.push(self.at_own(upstream, target));
        }
        Arc::new(Route::new(route.strategy, targets))
    }

    fn at_own(&self, upstream: &Arc<Upstream>, target: &Target) -> Target {
        let prices = match target.model.as_str() {
            "" => None,
            model => self.pricing.schedule(&upstream.tariff, &upstream.provider, model),
        };
        Target { upstream: upstream.clone(), prices, ..target.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let timeouts = r#"{"connect_s": 5, "first_byte_s": 60, "idle_s": 60, "total_s": 600}"#;
        let upstream = |provider: &str, more: &str| {
            format!(
                r#"{{"provider": "{provider}", "dialect": "openai", "base_url": "http://127.0.0.1:9/v1", "headers": [],
                "timeouts": {timeouts}, "ask_usage": true, "drain": false{more}}}"#
            )
        };
        let key = |name: &str| format!(r#", "key": {{"name": "{name}", "weight": 1}}"#);
        let own = |owner: &str| format!(r#", "owner": {owner}"#);
        let upstreams = [
            upstream("p", &key("1")),
            upstream("p", &key("2")),
            upstream("q", ""),
            upstream("p", &own(r#"["o", "t", ""]"#)),
            upstream("p", &own(r#"["", "", "k"]"#)),
            upstream("q", &own(r#"["o", "", ""]"#)),
        ];
        let target = |upstream: usize, group: usize| {
            format!(
                r#"{{"upstream": {upstream}, "model": "m", "weight": 3, "group": {group}, "timeouts": {timeouts}}}"#
            )
        };
        let targets = [target(0, 0), target(1, 0), target(2, 1)].join(",");
        let json = format!(
            r#"{{"upstreams": [{}], "models": {{"m": {{"strategy": "weighted", "targets": [{targets}]}}}},
            "commit_after_s": 15, "max_event_bytes": 1024, "max_answer_bytes": 1024,
            "default_max_output_tokens": 4096}}"#,
            upstreams.join(",")
        );
        Snapshot::from_json(json.as_bytes()).unwrap()
    }

    fn holder(name: &str, organisation: &str, team: &str) -> Principal {
        Principal {
            name: name.to_owned(),
            organisation: organisation.to_owned(),
            team: team.to_owned(),
            ..Principal::default()
        }
    }

    #[test]
    fn each_tenant_has_its_own_and_nobody_elses() {
        let snapshot = snapshot();
        for (principal, own) in [
            (holder("a", "", ""), [false, false, false].as_slice()),
            (holder("a", "x", "t"), &[false, false, false]),
            (holder("a", "", "t"), &[false, false, false]),
            (holder("a", "o", "t"), &[true, true]),
            (holder("a", "o", "u"), &[false, false, true]),
            (holder("k", "", ""), &[true, false]),
            (holder("", "", ""), &[false, false, false]),
        ] {
            let route = snapshot.owned_by(&principal, snapshot.route("m").unwrap());
            let found: Vec<bool> = route.targets.iter().map(|t| t.upstream.is_byok).collect();
            assert_eq!(found, own, "{principal:?}");
        }
    }

    #[test]
    fn the_nearest_wins_and_has_the_share_of_all() {
        let snapshot = snapshot();
        let of = |organisation: &str, key: &str| {
            &snapshot.owned.0[&(organisation.to_owned(), String::new(), key.to_owned())]
        };
        let route = snapshot.owned_by(&holder("k", "o", "t"), snapshot.route("m").unwrap());
        assert!(Arc::ptr_eq(&route.targets[0].upstream, &of("", "k")["p"]));
        assert_eq!(route.targets[0].weight, 6);
        assert!(Arc::ptr_eq(&route.targets[1].upstream, &of("o", "")["q"]));
    }
}
