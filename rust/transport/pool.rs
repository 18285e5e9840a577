//! Idle connections, kept for the next request to the same server.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;

use super::{Connection, Connector, Endpoint, RequestBody, TransportError};

/// An idle connection older than this is closed, not used: many servers and load balancers end theirs after 60 s.
const MAX_IDLE: Duration = Duration::from_secs(45);
/// A connection rests this long before it is used again: what a broken server sends behind an answer
/// has arrived by then, and closes the connection instead of answering the next request.
const MIN_IDLE: Duration = Duration::from_millis(10);
/// Idle connections kept for each server.
const MAX_IDLE_PER_SERVER: usize = 1024;

/// Connections to every server in use. Belongs to the runtime's thread.
#[derive(Debug, Default)]
pub struct Pool {
    connector: Connector,
    servers: RefCell<Vec<Rc<Server>>>,
}

#[derive(Debug)]
struct Server {
    endpoint: Endpoint,
    idle: RefCell<VecDeque<(Connection, Instant)>>,
}

/// A connection in use. Give it back with [`Lease::recycle`] once the answer was read to its end; dropping it closes it.
#[derive(Debug)]
pub struct Lease {
    connection: Connection,
    server: Rc<Server>,
    /// Whether it carried requests before: its death may then be the server's idle timeout and says nothing of this request.
    pub reused: bool,
}

impl Pool {
    /// An idle connection, if a live one is there.
    pub fn idle(&self, endpoint: &Endpoint) -> Option<Lease> {
        let server = self.server(endpoint);
        let connection = server.take_idle(Instant::now())?;
        Some(Lease { connection, server, reused: true })
    }

    /// A new connection.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<Lease, TransportError> {
        let connection = self.connector.connect(endpoint).await?;
        Ok(Lease { connection, server: self.server(endpoint), reused: false })
    }

    fn server(&self, endpoint: &Endpoint) -> Rc<Server> {
        let mut servers = self.servers.borrow_mut();
        if let Some(server) = servers.iter().find(|s| s.endpoint.same_server(endpoint)) {
            return server.clone();
        }
        let server = Rc::new(Server { endpoint: endpoint.clone(), idle: RefCell::default() });
        servers.push(server.clone());
        server
    }
}

impl Server {
    /// The most recently used connection that is still good; what has died or aged on the way is closed.
    fn take_idle(&self, now: Instant) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        while idle
            .front()
            .is_some_and(|(c, since)| c.is_closed() || now.duration_since(*since) > MAX_IDLE)
        {
            idle.pop_front();
        }
        for at in (0..idle.len()).rev() {
            match idle.get(at) {
                Some((connection, _)) if connection.is_closed() => drop(idle.remove(at)),
                Some((connection @ Connection::Http2(..), _)) => {
                    if let Some(shared) = connection.shared() {
                        return Some(shared);
                    }
                }
                Some((_, since)) if now.duration_since(*since) < MIN_IDLE => {}
                Some((connection, _)) if connection.is_ready() => {
                    return idle.remove(at).map(|(c, _)| c);
                }
                _ => {}
            }
        }
        None
    }
}

impl Lease {
    /// Closes the server's other idle connections: if one had died unnoticed, so may they have.
    pub fn distrust(&self) {
        self.server.idle.borrow_mut().clear();
    }

    /// Sends one request and waits for the answer's head.
    pub async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TransportError> {
        if self.reused {
            self.connection.expect_quiet();
        }
        self.connection.send(request).await
    }

    /// Whether requests share this connection, so that headers take the HTTP/2 form.
    pub const fn is_http2(&self) -> bool {
        matches!(self.connection, Connection::Http2(..))
    }

    /// Makes an HTTP/2 connection known to the pool as soon as it is open: requests share it.
    pub fn share(&self) {
        if let Some(shared) = self.connection.shared() {
            let mut idle = self.server.idle.borrow_mut();
            idle.retain(|(c, _)| !c.is_closed());
            idle.push_back((shared, Instant::now()));
        }
    }

    /// Keeps the connection for the next request.
    ///
    /// It is used again only if nothing came on it meanwhile (`Wire::is_quiet`), and hyper closes it where something
    /// unread stands behind the answer: surplus bytes of one answer never become the head of the next.
    pub fn recycle(self) {
        if self.is_http2() || self.connection.is_closed() {
            return;
        }
        let mut idle = self.server.idle.borrow_mut();
        if idle.len() >= MAX_IDLE_PER_SERVER {
            idle.pop_front();
        }
        idle.push_back((self.connection, Instant::now()));
    }
}
