//! Which way a request goes.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

use super::answer::{FrontBody, Outgoing, whole};
use super::case::{Case, Trouble, Verdict};
use super::floor::Floor;
use super::handover::hand_over;
use super::model::{self, Gone};
use super::wire::Phase;
use crate::drive::{ModelRoute, Place, caught_async};

/// The requests of one connection.
#[derive(Clone)]
pub(super) struct Service {
    pub floor: Rc<Floor>,
    /// The client's end, and ours.
    pub ends: (SocketAddr, SocketAddr),
    /// None where many requests share the connection.
    pub phase: Option<Rc<Cell<Phase>>>,
}

impl Service {
    /// Answers one request.
    pub async fn call(self, request: Request<Incoming>) -> Result<Response<Outgoing>, Gone> {
        if let Some(phase) = &self.phase {
            phase.set(Phase::Busy);
        }
        let uri = request.uri();
        let place = self.floor.options.routes.find(request.method(), uri.path(), uri.query());
        let answer = match place {
            Some(place) => self.model(place, request).await?,
            None => Box::pin(hand_over(&self.floor.options.handover, self.ends, request)).await,
        };
        Ok(answer.map(|body| Outgoing::new(body, self.phase)))
    }

    /// A defect is one request's 500. What serves a request is large and stands apart: its room is given back when the
    /// answer begins, and a connection has room for one of these futures as long as it lives.
    async fn model(
        &self,
        place: Place,
        request: Request<Incoming>,
    ) -> Result<Response<FrontBody>, Gone> {
        let route = place.route.clone();
        let served = {
            let mut serving = Box::pin(model::serve(self.floor.clone(), place, request));
            caught_async(serving.as_mut()).await
        };
        match served {
            Some(served) => served,
            None => Box::pin(self.failed(route)).await,
        }
    }

    async fn failed(&self, route: Arc<ModelRoute>) -> Result<Response<FrontBody>, Gone> {
        let presence = self.floor.enter();
        let case = Arc::new(Case::new(presence.id, route, None));
        let answered = case.put(Trouble::Defect);
        self.floor.counsel.ask(case);
        let verdict = answered.await;
        self.floor.counsel.close(presence.id);
        match verdict {
            Ok(Verdict::Answer(answer)) => Ok(whole(answer)),
            _ => Err(Gone),
        }
    }
}
