//! Idle connections, kept for the next request to the same server.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;

use super::connect::Surplus;
use super::{Connection, Connector, Endpoint, Opening, RequestBody, TransportError};

/// An idle connection older than this is closed, not used: many servers and load balancers end theirs after 60 s.
const MAX_IDLE: Duration = Duration::from_secs(45);
/// A connection rests this long before it is used again: what a broken server sends behind an answer
/// has arrived by then, and closes the connection instead of answering the next request.
const MIN_IDLE: Duration = Duration::from_millis(10);
/// How long it rests while few are idle. Those that have rested longest are used first, so that all of them rest as
/// long as their number allows; a busy server's come back sooner.
const REST: Duration = Duration::from_secs(1);
/// Idle connections that are few. More than these are never opened only to let others rest.
const FEW: usize = 64;
/// How long no connection is used twice to a server that was seen to send what nobody asked for.
const DISTRUSTED: Duration = Duration::from_mins(1);
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
    /// Those that have rested longest come first.
    idle: RefCell<VecDeque<(Connection, Instant)>>,
    /// When one of its connections last brought what nobody asked for.
    surplus: Surplus,
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
        let server = self.server(endpoint);
        let connection = self.connector.connect(endpoint, server.surplus.clone()).await?;
        Ok(Lease { connection, server, reused: false })
    }

    /// A connection for a WebSocket, of which the pool knows nothing more.
    pub async fn open(&self, endpoint: &Endpoint) -> Result<Opening, TransportError> {
        self.connector.open(endpoint).await
    }

    fn server(&self, endpoint: &Endpoint) -> Rc<Server> {
        let mut servers = self.servers.borrow_mut();
        if let Some(server) = servers.iter().find(|s| s.endpoint.same_server(endpoint)) {
            return server.clone();
        }
        let server = Rc::new(Server {
            endpoint: endpoint.clone(),
            idle: RefCell::default(),
            surplus: Rc::default(),
        });
        servers.push(server.clone());
        server
    }
}

impl Server {
    /// A connection that is still good; what has died or aged on the way is closed.
    fn take_idle(&self, now: Instant) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        while idle
            .front()
            .is_some_and(|(c, since)| c.is_closed() || now.duration_since(*since) > MAX_IDLE)
        {
            idle.pop_front();
        }
        let shared = idle.iter().rev().find_map(|(connection, _)| connection.shared());
        if shared.is_some() {
            return shared;
        }
        if self.is_distrusted() {
            idle.clear();
        }
        take_rested(&mut idle, now)
    }

    /// Whether one answer's bytes may be taken for another's: then no connection is used twice.
    fn is_distrusted(&self) -> bool {
        self.surplus.get().is_some_and(|at| at.elapsed() < DISTRUSTED)
    }
}

/// The connection that has rested longest, if that is long enough. One on which something has come is closed.
fn take_rested(idle: &mut VecDeque<(Connection, Instant)>, now: Instant) -> Option<Connection> {
    let enough = if idle.len() < FEW { REST } else { MIN_IDLE };
    loop {
        let at = idle.iter().position(|(c, _)| matches!(c, Connection::Http1(..)))?;
        if now.duration_since(idle.get(at)?.1) < enough {
            return None;
        }
        let (connection, _) = idle.remove(at)?;
        if connection.is_ready() {
            return Some(connection);
        }
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
        if self.is_http2() || self.connection.is_closed() || self.server.is_distrusted() {
            return;
        }
        let mut idle = self.server.idle.borrow_mut();
        if idle.len() >= MAX_IDLE_PER_SERVER {
            idle.pop_front();
        }
        idle.push_back((self.connection, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

    /// A server that answers so often what it was asked once, with a pause between.
    async fn server(times: usize) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        spawn_local(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                spawn_local(async move {
                    while tcp.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                        for _ in 0..times {
                            tcp.write_all(ANSWER).await.unwrap();
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                });
            }
        });
        Endpoint::parse(&url).unwrap()
    }

    /// Asks over a new connection and gives it back.
    async fn ask(pool: &Pool, endpoint: &Endpoint) {
        let mut lease = pool.connect(endpoint).await.unwrap();
        let request = Request::get("/").header("host", "h").body(Full::default()).unwrap();
        lease.send(request).await.unwrap().into_body().collect().await.unwrap();
        lease.recycle();
    }

    #[tokio::test]
    async fn a_connection_rests_before_it_is_used_again() {
        let test = async {
            let (pool, endpoint) = (Pool::default(), server(1).await);
            ask(&pool, &endpoint).await;
            assert!(pool.idle(&endpoint).is_none());
            for (_, since) in pool.server(&endpoint).idle.borrow_mut().iter_mut() {
                *since = since.checked_sub(REST).unwrap();
            }
            tokio::time::sleep(MIN_IDLE).await;
            assert!(pool.idle(&endpoint).is_some());
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn where_many_are_idle_they_rest_for_a_moment() {
        let test = async {
            let (pool, endpoint) = (Pool::default(), server(1).await);
            for _ in 0..FEW {
                ask(&pool, &endpoint).await;
            }
            tokio::time::sleep(2 * MIN_IDLE).await;
            assert!(pool.idle(&endpoint).is_some());
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn a_server_that_sends_what_nobody_asked_for_has_no_connection_used_twice() {
        let test = async {
            let (pool, endpoint) = (Pool::default(), server(2).await);
            ask(&pool, &endpoint).await;
            let server = pool.server(&endpoint);
            while !server.is_distrusted() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(pool.idle(&endpoint).is_none());
            ask(&pool, &endpoint).await;
            assert!(server.idle.borrow().is_empty());
        };
        tokio::time::timeout(Duration::from_secs(10), LocalSet::new().run_until(test))
            .await
            .unwrap();
    }
}
