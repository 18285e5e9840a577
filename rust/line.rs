//! A line to a Redis or Valkey server for a thread that waits: commands go out together, their answers come back, all
//! of it in a bounded time. A line that broke is made anew by the next call.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, Value};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::error::Error;

/// What the server answers to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There is nothing.
    Nothing,
    /// A number.
    Number(i64),
    /// Bytes, or a word of the server's.
    Bytes(Vec<u8>),
    /// Several of them.
    Several(Vec<Answer>),
    /// It refused the command, with these words.
    Refused(String),
}

/// A server, and the connection to it while there is one.
#[derive(Debug)]
pub struct Line {
    /// Runs while a call waits, and not in between. None when the line is gone.
    runtime: Option<Runtime>,
    client: Client,
    connection: Option<MultiplexedConnection>,
}

impl Line {
    /// The server of a URL (`redis://`, `rediss://`, `unix://`). Nothing is opened yet.
    ///
    /// # Errors
    /// The URL is none, or there is nothing to wait with.
    pub fn new(url: &str) -> Result<Self, Error> {
        let client = Client::open(url).map_err(|error| Error::SharedState(said(&error)))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::SharedState(error.to_string()))?;
        Ok(Self { runtime: Some(runtime), client, connection: None })
    }

    /// The answers to commands, each a list of words, in their order.
    ///
    /// # Errors
    /// The server cannot be reached or has not answered in time. What it has done nobody knows; the connection is
    /// given up, so that no late answer is taken for another command's.
    pub fn call<W: AsRef<[u8]>>(
        &mut self,
        commands: &[Vec<W>],
        within: Duration,
    ) -> Result<Vec<Answer>, Error> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for words in commands {
            let mut command = Cmd::new();
            for word in words {
                command.arg(word.as_ref());
            }
            pipeline.add_command(command);
        }
        let held = self.connection.take();
        let client = &self.client;
        let Some(runtime) = &self.runtime else {
            return Err(Error::SharedState("the line is closed".into()));
        };
        let asking = async { timeout(within, asked(client, held, &pipeline)).await };
        let (connection, values) = match runtime.block_on(asking) {
            Ok(answered) => answered.map_err(|error| Error::SharedState(said(&error)))?,
            Err(_) => {
                return Err(Error::SharedState(format!("no answer in {} ms", within.as_millis())));
            }
        };
        self.connection = Some(connection);
        Ok(values.into_iter().map(answer_of).collect())
    }

    /// Gives the connection up.
    pub fn close(&mut self) {
        self.connection = None;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.connection = None;
        // A name that is still looked up is nothing to wait for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The answers by the connection that there is, else, or where the server has hung up meanwhile, by a new one.
async fn asked(
    client: &Client,
    held: Option<MultiplexedConnection>,
    pipeline: &Pipeline,
) -> Result<(MultiplexedConnection, Vec<Value>), RedisError> {
    if let Some(mut connection) = held
        && let Ok(values) = connection.req_packed_commands(pipeline, 0, pipeline.len()).await
    {
        return Ok((connection, values));
    }
    // Who asks bounds the whole of it.
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let values = connection.req_packed_commands(pipeline, 0, pipeline.len()).await?;
    Ok((connection, values))
}

fn answer_of(value: Value) -> Answer {
    match value {
        Value::Int(number) => Answer::Number(number),
        Value::BulkString(bytes) => Answer::Bytes(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => {
            Answer::Bytes(text.into_bytes())
        }
        Value::Okay => Answer::Bytes(b"OK".to_vec()),
        Value::Array(values) => Answer::Several(values.into_iter().map(answer_of).collect()),
        Value::ServerError(error) => Answer::Refused(said(&error.into())),
        _ => Answer::Nothing,
    }
}

/// In one line. The server's texts and ours name no password.
fn said(error: &RedisError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
