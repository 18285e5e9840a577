//! Which way a request goes.

use std::net::SocketAddr;
use std::rc::Rc;

use http::{Request, Response};
use hyper::body::Incoming;

use super::activity::Activity;
use super::answer::{FrontBody, Outgoing, whole};
use super::case::{Trouble, Verdict};
use super::floor::Floor;
use super::handover::hand_over;
use super::model::{self, Gone};
use super::upgraded::Slot;
use crate::drive::{Place, caught_async};

/// The requests of one connection.
#[derive(Clone)]
pub(super) struct Service {
    pub floor: Rc<Floor>,
    /// The client's end, and ours.
    pub ends: (SocketAddr, SocketAddr),
    /// What runs on the connection.
    pub activity: Activity,
    /// For a session, which takes the connection over; None where it cannot.
    pub slot: Option<Slot>,
}

impl Service {
    /// Answers one request.
    pub async fn call(self, request: Request<Incoming>) -> Result<Response<Outgoing>, Gone> {
        let busy = self.activity.begin();
        let uri = request.uri();
        let place = self.floor.options.routes.find(request.method(), uri.path(), uri.query());
        let answer = match place {
            Some(place) => self.model(place, request).await?,
            None => Box::pin(hand_over(&self.floor.options.handover, self.ends, request)).await,
        };
        Ok(answer.map(|body| Outgoing::new(body, busy)))
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
            let mut serving =
                Box::pin(model::serve(self.floor.clone(), place, request, self.slot.clone()));
            caught_async(serving.as_mut()).await
        };
        match served {
            Some(served) => served,
            None => match Box::pin(self.floor.ask_apart(route, Trouble::Defect)).await {
                Verdict::Answer(answer) => Ok(whole(answer)),
                _ => Err(Gone),
            },
        }
    }
}
