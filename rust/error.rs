//! Everything that can go wrong inside the core, a variant each.

/// What went wrong, as a sentence with its values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One server-sent event grew past the configured bound.
    #[error("a server-sent event is larger than {max_event_bytes} bytes")]
    EventTooLarge {
        /// The bound that was passed.
        max_event_bytes: usize,
    },
    /// A streamed event is not what its dialect allows.
    #[error("malformed {dialect} event: {reason}")]
    MalformedEvent {
        /// Name of the dialect that the event should be in.
        dialect: &'static str,
        /// What is wrong with it; never contains the payload.
        reason: String,
    },
    /// A JSON body that cannot be accepted.
    #[error("invalid JSON at byte {offset}: {reason}")]
    InvalidJson {
        /// Offset of the first byte that is wrong.
        offset: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A field that the gateway acts on has a value that it cannot act on.
    #[error("`{field}` {reason} (at byte {offset})")]
    InvalidField {
        /// The field.
        field: &'static str,
        /// Offset of its value's first byte.
        offset: usize,
        /// What is wrong with its value.
        reason: &'static str,
    },
    /// A top-level key stands twice, so that two readers could see two requests.
    #[error("the key {key:?} stands twice in the body")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A top-level key that readers without an eye for case take for a field that is acted on.
    #[error("the key {key:?} could be read as `{field}`, which it is not")]
    ShadowedField {
        /// The field.
        field: &'static str,
        /// The key.
        key: String,
    },
    /// Arrays and objects nest too deep.
    #[error("the body nests more than {max_depth} levels deep")]
    TooDeep {
        /// The bound.
        max_depth: u32,
    },
    /// The journal cannot take another record.
    #[error("the journal is full: {used_bytes} of {max_bytes} bytes are waiting to be drained")]
    JournalFull {
        /// Bytes that wait.
        used_bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// The journal's files cannot be read or written.
    #[error("journal: {0}")]
    Journal(String),
    /// A row of the journal that the ledger's columns cannot hold.
    #[error("{0}")]
    UnreadableRow(String),
    /// Nothing can be counted, not even for this process alone.
    #[error("metrics: {0}")]
    Metrics(String),
    /// The counters of limits cannot be used.
    #[error("limits: {0}")]
    Limits(String),
    /// Another process holds the counters and does not let go.
    #[error("limits: another process holds the counters and does not let go")]
    LimitsBusy,
    /// Limits are shared with other hosts, nobody can be asked, and what this host was granted is used up.
    #[error("limits: the store that they are shared through does not answer")]
    LimitsAdrift,
    /// The store that limits are shared through cannot be used as it is.
    #[error("shared_state: {0}")]
    SharedState(String),
}
