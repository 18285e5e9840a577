//! The connection to the server. Nothing here waits without bound.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind, Value};

use super::batch::Batch;

/// The rules of sharing.
pub(super) const SCRIPT: &str = include_str!("script.lua");
/// For a connection, with its greeting.
const CONNECT: Duration = Duration::from_secs(1);
/// For an answer that came in time for nobody; then the connection is given up.
const ANSWER: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The connection failed or was given up: whether the batch was carried out, nobody knows.
    #[error("{0}")]
    Lost(String),
    /// The server answered with an error, and did nothing.
    #[error("{0}")]
    Refused(String),
}

/// What the server does when its memory is full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Its policy; empty where it does not tell.
    pub policy: String,
    /// Bytes that it may use; 0 is no bound.
    pub max_bytes: u64,
    /// Keys that it has evicted since it began.
    pub evicted: u64,
}

impl Memory {
    /// Whether counters stay until they expire.
    pub fn is_kept(&self) -> bool {
        self.evicted == 0 && (self.policy == "noeviction" || self.max_bytes == 0)
    }
}

/// A server, and the connection to it while there is one.
#[derive(Debug)]
pub struct Link {
    client: Client,
    digest: String,
    connection: Option<MultiplexedConnection>,
}

impl Link {
    /// The server of a URL. Nothing is opened yet.
    pub fn new(url: &str) -> Result<Self, LinkError> {
        let client = Client::open(url).map_err(|error| LinkError::Refused(said(&error)))?;
        let digest = redis::Script::new(SCRIPT).get_hash().to_owned();
        Ok(Self { client, digest, connection: None })
    }

    /// Where the server is, for people; without credentials.
    pub fn place(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// Whether there is a connection.
    pub const fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Connects. Gives what the server says of its memory.
    pub async fn open(&mut self) -> Result<Memory, LinkError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None);
        let opening = self.client.get_multiplexed_async_connection_with_config(&config);
        let opened = bounded(CONNECT, opening).await?;
        self.connection = Some(opened);
        let memory = self.memory().await;
        if memory.is_err() {
            self.close();
        }
        memory
    }

    /// Gives the connection up.
    pub fn close(&mut self) {
        self.connection = None;
    }

    /// What the server says of its memory.
    pub async fn memory(&mut self) -> Result<Memory, LinkError> {
        let mut memory = Memory { max_bytes: 1, ..Memory::default() };
        for section in ["memory", "stats"] {
            let mut command = redis::cmd("INFO");
            command.arg(section);
            let told =
                match bounded(CONNECT, command.query_async::<String>(self.connection()?)).await {
                    Err(LinkError::Refused(_)) => return Ok(memory), // some hosts do not let it be asked
                    told => told?,
                };
            for line in told.lines() {
                match line.split_once(':') {
                    Some(("maxmemory_policy", policy)) => policy.clone_into(&mut memory.policy),
                    Some(("maxmemory", bytes)) => memory.max_bytes = bytes.parse().unwrap_or(1),
                    Some(("evicted_keys", count)) => memory.evicted = count.parse().unwrap_or(0),
                    _ => {}
                }
            }
        }
        Ok(memory)
    }

    /// Has the server carry out a batch.
    pub async fn call(&mut self, batch: &Batch) -> Result<Value, LinkError> {
        let connection = self.connection()?.clone();
        let digest = self.digest.clone();
        bounded(ANSWER, async {
            match run(&connection, "EVALSHA", &digest, batch).await {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    run(&connection, "EVAL", SCRIPT, batch).await
                }
                answered => answered,
            }
        })
        .await
    }

    fn connection(&mut self) -> Result<&mut MultiplexedConnection, LinkError> {
        self.connection.as_mut().ok_or_else(|| LinkError::Lost("there is no connection".into()))
    }
}

async fn run(
    connection: &MultiplexedConnection,
    command: &str,
    script: &str,
    batch: &Batch,
) -> Result<Value, RedisError> {
    let mut command = redis::cmd(command);
    command.arg(script).arg(batch.keys().len()).arg(batch.keys()).arg(batch.words());
    command.query_async(&mut connection.clone()).await
}

async fn bounded<T>(
    time: Duration,
    future: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, LinkError> {
    match tokio::time::timeout(time, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if is_answer(&error) => Err(LinkError::Refused(said(&error))),
        Ok(Err(error)) => Err(LinkError::Lost(said(&error))),
        Err(_) => Err(LinkError::Lost(format!("no answer in {} s", time.as_secs()))),
    }
}

/// Whether the server itself said no.
fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// In one line. The server's texts and ours name no password.
fn said(error: &RedisError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
