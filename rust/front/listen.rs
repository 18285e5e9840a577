//! Takes connections, as many as are allowed at once.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};

use super::case::Counsel;
use super::connection;
use super::floor::Floor;
use super::options::FrontOptions;
use crate::drive::Engine;

const BACKLOG: u32 = 1024;
/// Where the system has no more files, a moment later it may.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// What a listener is told while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// New requests to models are refused; connections end after what runs on them.
    Drain,
    /// Running requests end, and their clients are told.
    ShutDown,
    /// Requests of runs that were ended end.
    EndKilled,
    /// Larger bodies are refused from now on.
    MaxBodyBytes(usize),
}

/// One worker's listener, as other threads see it.
#[derive(Debug)]
pub struct Front {
    controls: UnboundedSender<Control>,
    active: Arc<AtomicUsize>,
}

impl Front {
    /// Begins to listen. Blocks until it does, or says why it cannot.
    pub fn start(
        engine: &Arc<Engine>,
        options: FrontOptions,
        counsel: Arc<dyn Counsel>,
    ) -> io::Result<Self> {
        let (controls, controlled) = unbounded_channel();
        let active = Arc::new(AtomicUsize::new(0));
        let (told, begun) = oneshot::channel();
        let front = Self { controls, active: active.clone() };
        let shared = engine.clone();
        engine.on_runtime(move || {
            let listener = match listen(options.address) {
                Ok(listener) => listener,
                Err(error) => return drop(told.send(Err(error))),
            };
            let floor = Rc::new(Floor::new(shared, options, counsel, active));
            tokio::task::spawn_local(accept(floor, listener, controlled));
            drop(told.send(Ok(())));
        });
        begun.blocking_recv().unwrap_or_else(|_| Err(io::Error::other("the engine has ended")))?;
        Ok(front)
    }

    /// Requests to models that run.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// Tells it something.
    pub fn control(&self, control: Control) {
        let _ = self.controls.send(control); // one that has ended has nothing to do
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseport(true)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(
    floor: Rc<Floor>,
    listener: TcpListener,
    mut controlled: UnboundedReceiver<Control>,
) {
    let places = Arc::new(Semaphore::new(floor.options.max_connections));
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            (accepted, place) = next => match accepted {
                Ok((tcp, peer)) => {
                    let floor = floor.clone();
                    tokio::task::spawn_local(async move {
                        connection::serve(floor, tcp, peer).await;
                        drop(place);
                    });
                }
                Err(_) => tokio::time::sleep(AFTER_ERROR).await,
            },
            control = controlled.recv() => match control {
                Some(Control::Drain) => {
                    floor.is_draining.set(true);
                    floor.closing.notify_waiters();
                }
                Some(Control::ShutDown) => floor.shut_down(),
                Some(Control::EndKilled) => floor.end_killed(),
                Some(Control::MaxBodyBytes(most)) => floor.max_body_bytes.set(most),
                None => return, // nobody can reach it any more
            },
        }
    }
}
