//! A request to a model: read, admitted, relayed. Python is asked what a failure leads to, and nothing else.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use atomic_waker::AtomicWaker;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;

use super::answer::{Broken, FrontBody, whole, with_headers};
use super::case::{Case, Consulted, GoesOn, Trouble, Verdict};
use super::floor::{Floor, Presence};
use super::read::{let_run_out, read};
use super::upgraded::{Slot, agree};
use crate::drive::{
    self, Cancel, Exchange, ModelRoute, Operation, Place, Ready, RequestHeaders, State, Wake,
};
use crate::live::{self, Line, UpgradeError};
use crate::transport::UnpackError;

/// How long a request waits for what others hold and may never use.
const HELD_WAIT: Duration = Duration::from_secs(2);
const HELD_PAUSE: Duration = Duration::from_millis(10);
const MAX_HELD_PAUSE: Duration = Duration::from_millis(100);
/// How often other hosts are asked in a row: what they grant another request may take first.
const MAX_ASKED: u32 = 8;
/// A coded body of so many bytes is decoded within a millisecond or two.
const MAX_AT_ONCE_BYTES: usize = 8 << 10;

/// The connection is a WebSocket from here on.
const SWITCHED: u16 = 101;

/// Nobody is there to be answered.
#[derive(Debug, thiserror::Error)]
#[error("the client left")]
pub(super) struct Gone;

/// Serves a request from its head to the head of its answer.
pub(super) async fn serve(
    floor: Rc<Floor>,
    place: Place,
    request: Request<Incoming>,
    slot: Option<Slot>,
) -> Result<Response<FrontBody>, Gone> {
    let presence = floor.enter();
    let (parts, mut body) = request.into_parts();
    let route = place.route.clone();
    let mut asking = Asking { floor, route, id: presence.id, first_target: 0, case: None };
    if asking.floor.is_draining.get() {
        return asking.refused(Trouble::NotReady).await;
    }
    let headers = match asking.floor.engine.read_headers(&place, pairs(&parts.headers)) {
        Ok(headers) => headers,
        Err(refused) => {
            let_run_out(&asking.floor, &parts, body);
            return asking.refused(refused.into()).await;
        }
    };
    let mut upgrade = None;
    if place.route.operation == Operation::Realtime {
        upgrade = match (slot, live::check(&parts.headers)) {
            (Some(slot), Ok(accept)) => Some((slot, accept)),
            (_, checked) => {
                let error = checked.err().unwrap_or(UpgradeError::NotAsked);
                let refused = asking.floor.engine.not_upgraded(&place, error);
                let_run_out(&asking.floor, &parts, body);
                return asking.refused(refused.into()).await;
            }
        };
    }
    let mut place = place;
    let mut body = match read(&mut body, &asking.floor).await {
        Ok(body) => match plain(&headers, body, asking.floor.max_body_bytes.get()).await {
            Ok(body) => body,
            Err(trouble) => return asking.refused(trouble).await,
        },
        Err(trouble) => {
            if matches!(trouble, Trouble::BodyTooLarge) {
                let_run_out(&asking.floor, &parts, body);
            }
            return asking.refused(trouble).await;
        }
    };
    if upgrade.is_some() {
        body = Bytes::from_static(drive::SESSION_BODY);
    }
    if asking.floor.engine.asks_plugins() {
        match Box::pin(asking.consult(&place, &headers, &body)).await {
            Verdict::Found(_, other) => body = other.unwrap_or(body),
            Verdict::Refused(refusal) => {
                let incoming = drive::Incoming { place: &place, headers, body: &body };
                let refused = asking.floor.engine.refuse(incoming, *refusal);
                return asking.refused(refused.into()).await;
            }
            Verdict::Answer(answer) => return Ok(whole(answer)),
            _ => return Err(Gone),
        }
    }
    if let Some(response) = drive::goes_on_from(&place, &body)
        && let Some(tenant) = asking.floor.engine.tenant(&headers)
    {
        let goes_on = Trouble::GoesOn(Box::new(GoesOn { tenant, response, body: body.clone() }));
        match Box::pin(asking.floor.ask_apart(asking.route.clone(), goes_on)).await {
            Verdict::Found(about, other) => {
                place.about = about;
                // What goes to a provider's own path goes as it is.
                body = other.filter(|_| place.passage.is_none()).unwrap_or(body);
            }
            Verdict::Answer(answer) => return Ok(whole(answer)),
            _ => return Err(Gone),
        }
    }
    let (admission, hold) = match admitted(&asking, &place, &headers, &body).await {
        Ok(admitted) => admitted,
        Err(refused) => return asking.refused(refused.into()).await,
    };
    let bell = Arc::new(Bell::default());
    drop(parts); // they keep the buffer that they were read into
    let engine = &asking.floor.engine;
    let (x, first_target, started) = engine.begin((admission, hold), presence.id, bell.clone());
    asking.first_target = first_target;
    presence.admitted(&x);
    let run = Run { x, bell, asking, presence, had_trouble: false, upgrade };
    run.until_head(started).await
}

/// A body without its codings. What is not small is decoded beside the front's thread.
async fn plain(headers: &RequestHeaders, body: Bytes, max_bytes: usize) -> Result<Bytes, Trouble> {
    if headers.codings.is_empty() {
        return Ok(body);
    }
    let made = if body.len() <= MAX_AT_ONCE_BYTES {
        headers.plain(&body, max_bytes)
    } else {
        let (headers, body) = (headers.clone(), body.clone());
        let made = tokio::task::spawn_blocking(move || headers.plain(&body, max_bytes)).await;
        made.map_err(|_| Trouble::Defect)?
    };
    match made {
        Ok(made) => Ok(made.unwrap_or(body)),
        Err(UnpackError::TooLarge) => Err(Trouble::BodyTooLarge),
        Err(UnpackError::Broken(_)) => Err(Trouble::BodyCoded),
    }
}

/// Asks the core until it admits or refuses for good.
async fn admitted(
    asking: &Asking,
    place: &Place,
    headers: &RequestHeaders,
    body: &Bytes,
) -> Result<(drive::Admission, drive::Hold), drive::Refused> {
    let until = Instant::now() + HELD_WAIT;
    let mut pause = HELD_PAUSE;
    let mut is_last = false;
    let mut asked = 0;
    loop {
        let incoming = drive::Incoming { place, headers: headers.clone(), body };
        let engine = &asking.floor.engine;
        match engine.admit(incoming, is_last, asked < MAX_ASKED) {
            Err(mut refused) if refused.short.is_some() && asked < MAX_ASKED => {
                asked += 1;
                if let (Some(share), Some(asks)) = (engine.share(), refused.short.take()) {
                    share.asked(asks).await;
                }
                is_last = Instant::now() >= until || asking.floor.is_draining.get();
            }
            Err(refused) if refused.refusal.is_held && !is_last => {
                asked = 0;
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(MAX_HELD_PAUSE);
                is_last = Instant::now() >= until || asking.floor.is_draining.get();
            }
            decided => return decided,
        }
    }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}

/// Wakes whoever serves an exchange.
#[derive(Debug, Default)]
struct Bell(AtomicWaker);

impl Wake for Bell {
    fn wake(&self, _: u64) {
        self.0.wake();
    }
}

/// The way to whoever decides.
struct Asking {
    floor: Rc<Floor>,
    route: Arc<ModelRoute>,
    id: u64,
    first_target: usize,
    case: Option<Arc<Case>>,
}

impl Asking {
    async fn ask(&mut self, trouble: Trouble, x: Option<&Arc<Exchange>>) -> Verdict {
        let case = self
            .case
            .get_or_insert_with(|| {
                let exchange = x.map(|x| (x.clone(), self.first_target));
                Arc::new(Case::new(self.id, self.route.clone(), exchange))
            })
            .clone();
        let answered = case.put(trouble);
        self.floor.counsel.ask(case);
        answered.await.unwrap_or(Verdict::Gone)
    }

    /// What plugins say of a request.
    async fn consult(&self, place: &Place, headers: &RequestHeaders, body: &Bytes) -> Verdict {
        let Some(facts) = self.floor.engine.facts(place, headers) else {
            return Verdict::Found(None, None); // admission says what is wrong with its key
        };
        let consulted = Box::new(Consulted { facts, body: body.clone() });
        self.floor.ask_apart(self.route.clone(), Trouble::Plugins(consulted)).await
    }

    /// The answer to a request that was never admitted.
    async fn refused(mut self, trouble: Trouble) -> Result<Response<FrontBody>, Gone> {
        match self.ask(trouble, None).await {
            Verdict::Answer(answer) => Ok(whole(answer)),
            _ => Err(Gone),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(case) = self.case.take() {
            self.floor.counsel.close(case.id);
        }
    }
}

/// An exchange and what serves it.
pub(super) struct Run {
    x: Arc<Exchange>,
    bell: Arc<Bell>,
    asking: Asking,
    #[allow(dead_code)] // counts the request as long as it lives
    presence: Presence,
    /// Its rows wait to hear what the client was given.
    had_trouble: bool,
    /// A session: what its connection becomes.
    upgrade: Option<(Slot, String)>,
}

impl Run {
    /// Where a session hears what its client says.
    pub fn line(&self) -> Option<&Line> {
        self.x.session.as_ref().map(|session| &session.line)
    }

    /// The largest message of a client's.
    pub fn max_message_bytes(&self) -> usize {
        self.asking.floor.max_body_bytes.get()
    }

    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Ready> {
        self.bell.0.register(cx.waker());
        self.x.outbox.take().map_or(Poll::Pending, Poll::Ready)
    }

    async fn until_head(mut self, started: bool) -> Result<Response<FrontBody>, Gone> {
        if !started && let Some(answer) = self.troubled(Trouble::Translation).await? {
            return Ok(answer);
        }
        loop {
            let mut ready = poll_fn(|cx| self.poll_ready(cx)).await;
            if let Some(head) = ready.head.take_if(|head| head.status == SWITCHED)
                && let Some(upgrade) = self.upgrade.take()
            {
                return Ok(agree(upgrade, self, head, ready));
            }
            let Ready { head, body, state, .. } = ready;
            match (head, state) {
                (Some(head), State::End) => {
                    self.close();
                    let body = Some(Bytes::from(body)).filter(|body| !body.is_empty());
                    return Ok(with_headers(head.status, head.headers, FrontBody::Whole(body)));
                }
                (Some(head), state) => {
                    let relayed = Relayed::new(self, body, state);
                    let body = FrontBody::Relayed(Box::new(relayed));
                    return Ok(with_headers(head.status, head.headers, body));
                }
                (None, State::Failed(failure)) => {
                    if let Some(answer) = self.troubled(Trouble::Failed(failure)).await? {
                        return Ok(answer);
                    }
                }
                (None, State::Open) => {}
                // Ended before there was anything to tell.
                (None, State::End | State::Broken) => return Err(Gone),
            }
        }
    }

    /// Has somebody decide; the answer, if that is the decision.
    async fn troubled(&mut self, trouble: Trouble) -> Result<Option<Response<FrontBody>>, Gone> {
        self.had_trouble |= matches!(trouble, Trouble::Failed(_));
        match self.asking.ask(trouble, Some(&self.x)).await {
            Verdict::Attempted => Ok(None),
            Verdict::Answer(answer) => Ok(Some(whole(answer))),
            Verdict::LastBytes(_) | Verdict::Found(..) | Verdict::Refused(_) | Verdict::Gone => {
                Err(Gone)
            }
        }
    }

    /// The answer is complete.
    fn close(&self) {
        if self.had_trouble {
            self.asking.floor.engine.close(&self.x, 200, None);
        }
    }
}

impl Drop for Run {
    /// Ends what its client left; one that ran to its end is not changed by that.
    fn drop(&mut self) {
        self.x.cancel(Cancel::ClientLeft);
    }
}

type Deciding = Pin<Box<dyn Future<Output = (Run, Verdict)>>>;

/// An answer whose head is out.
pub(super) struct Relayed {
    stage: Stage,
    /// Goes out before anything else.
    first: Vec<u8>,
}

enum Stage {
    Relaying(Run),
    Failed(Run, Box<drive::Failure>),
    Deciding(Deciding),
    BrokenOff,
    Over,
}

impl Relayed {
    fn new(run: Run, first: Vec<u8>, state: State) -> Self {
        let then = match state {
            State::Failed(failure) => Stage::Failed(run, failure),
            State::Broken => Stage::BrokenOff,
            _ => Stage::Relaying(run),
        };
        Self { stage: then, first }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over) && self.first.is_empty()
    }

    pub fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            if !self.first.is_empty() {
                return Poll::Ready(Some(Ok(std::mem::take(&mut self.first).into())));
            }
            match &mut self.stage {
                Stage::Over => return Poll::Ready(None),
                Stage::BrokenOff => {
                    self.stage = Stage::Over;
                    return Poll::Ready(Some(Err(Broken)));
                }
                Stage::Relaying(run) => {
                    let Ready { body, state, .. } = ready!(run.poll_ready(cx));
                    self.first = body;
                    self.go_on(state);
                }
                Stage::Failed(..) => self.decide(),
                Stage::Deciding(deciding) => {
                    let (run, verdict) = ready!(deciding.as_mut().poll(cx));
                    match verdict {
                        Verdict::Attempted => self.stage = Stage::Relaying(run),
                        Verdict::LastBytes(bytes) => {
                            self.stage = Stage::Over;
                            return Poll::Ready(Some(Ok(bytes)));
                        }
                        Verdict::Answer(_)
                        | Verdict::Found(..)
                        | Verdict::Refused(_)
                        | Verdict::Gone => {
                            self.stage = Stage::Over;
                            return Poll::Ready(Some(Err(Broken)));
                        }
                    }
                }
            }
        }
    }

    fn go_on(&mut self, state: State) {
        match (std::mem::replace(&mut self.stage, Stage::Over), state) {
            (relaying @ Stage::Relaying(_), State::Open) => self.stage = relaying,
            (Stage::Relaying(run), State::End) => run.close(),
            (Stage::Relaying(_), State::Broken) => self.stage = Stage::BrokenOff,
            (Stage::Relaying(run), State::Failed(failure)) => {
                self.stage = Stage::Failed(run, failure);
            }
            _ => {}
        }
    }

    fn decide(&mut self) {
        if let Stage::Failed(mut run, failure) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.stage = Stage::Deciding(Box::pin(async move {
                run.had_trouble = true;
                let x = run.x.clone();
                let verdict = run.asking.ask(Trouble::Failed(failure), Some(&x)).await;
                (run, verdict)
            }));
        }
    }
}
