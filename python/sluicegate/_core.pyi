"""The hot path, written in Rust. Nothing here blocks for long unless its text says so."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, final

from sluicegate.errors import Refusal

__all__ = [
    "LEDGER_COLUMNS",
    "NGRAM_MODEL_ID",
    "About",
    "BodyTooLargeError",
    "Cache",
    "CacheQuestion",
    "CacheRecord",
    "CacheRefresh",
    "CacheTask",
    "Case",
    "Chore",
    "Chores",
    "Engine",
    "EventTooLargeError",
    "Exchange",
    "Failure",
    "Front",
    "Governance",
    "GrantNeededError",
    "InvalidBodyError",
    "JournalDrain",
    "JournalFullError",
    "LedgerQuestion",
    "MalformedEventError",
    "Metrics",
    "ModelRoutes",
    "PanicException",
    "Place",
    "RedisLine",
    "RefusedError",
    "RequestHeaders",
    "SseParser",
    "StreamCounter",
    "UnreadableRowError",
    "VectorIndex",
    "__version__",
    "answer_between",
    "aws_signature",
    "batch_correct",
    "batch_count",
    "batch_place",
    "batch_quote",
    "batch_targets",
    "batch_told",
    "build_profile",
    "count_tokens",
    "decode_tokens",
    "form_parts",
    "journal_snapshot",
    "ledger_arrays",
    "ledger_groups",
    "ledger_values",
    "ngram_vector",
    "plain_body",
    "scan_body",
    "seal",
    "stream_error",
    "text_difference",
    "unquoted",
    "unseal",
]

__version__: Final[str]
build_profile: Final[str]
"""What it was built with: `release`, `ci` or `debug`; benches refuse the last."""

class PanicException(BaseException):
    """A defect of the core. `except Exception` misses it; its text may quote a request."""

class RefusedError(Exception):
    """A request that is answered without any upstream. Args: `(request_id, refusal)`, of which
    `refusal` is `(status, code, message, param, retry_after_s, headers, is_held)`; `is_held`:
    requests that still run hold what it needs, so that it may be asked again in a moment.
    """

class EventTooLargeError(ValueError):
    """A server-sent event passed its bound."""

class MalformedEventError(ValueError):
    """An event that its dialect does not allow."""

class BodyTooLargeError(ValueError):
    """A body that passes its bound once it is decoded."""

class InvalidBodyError(ValueError):
    """A body that cannot be accepted; the message says where and why."""

class UnreadableRowError(ValueError):
    """A journal row that the ledger's columns cannot hold."""

class JournalFullError(OSError):
    """The journal can take no new intent until the store has drained it."""

_Headers = list[tuple[bytes, bytes]]
_Said = str | bytes | tuple[int, str]
"""A session's message: text, bytes, or how it closes."""
_Ready = tuple[tuple[int, _Headers] | None, bytes, int, "Failure | None", "tuple[_Said, ...]"]
"""`(head, body, state, failure, messages)`: head once, before any bytes; state 0 open, 1 end, 2
failed, 3 broken off; messages of sessions alone.
"""

class GrantNeededError(Exception):
    """`GrantNeededError(token)`: a request that other hosts must be asked about first; they are
    being asked. `await engine.granted(token, loop)`, then begin again.
    """

@final
class LedgerQuestion:
    """What was spent of a limit, by each host."""

    @property
    def limit(self) -> str:
        """The limit's name."""

    @property
    def since_unix_ns(self) -> int:
        """Since when its use counts, in nanoseconds since 1970."""

    def answer(self, rows: Sequence[tuple[Sequence[str], str, int]] | None) -> None:
        """Answers it: the values of the scope, the host, what was spent, money in pico-dollars;
        None where it cannot be known now.
        """

@final
class Cache:
    """The answers that a worker keeps: in memory, and, through whoever calls `take`, in stores."""

    def take(self, within_s: float) -> list[CacheTask]:
        """What the stores are asked, waited for at most so long. Blocks without the GIL."""

    def give(self, task: int, record: CacheRecord | None) -> None:
        """Answers the task of this id, of kind `get`; None where no store has it. Too late is no
        error.
        """

    def give_up(self, task: int) -> None:
        """Answers it where nobody knows whether a store has it: for its request that is a miss, and
        what else points to it stays.
        """

    def purge(self, purges: list[tuple[int, str, str]]) -> int:
        """Takes note of purges: `(epoch, kind, value)`.

        Args:
            purges: kind is `key` (hexadecimal), `tag`, `model` (as asked for, or
                `provider/model`), `tenant`, `namespace` or `all`. An entry is dead where a purge
                that matches it has an epoch above the entry's. In any order, any number of times.
            Questions end with their answers. Blocks without the GIL.
        Returns: how many entries in memory that ended.
        Raises:
            ValueError: no such kind.
        """

    @property
    def epoch(self) -> int:
        """The highest that is known; entries carry that of their request's beginning."""

    def stats(self) -> list[tuple[str, int]]:
        """`entries`, `bytes`, `hits`, `misses`, `kept`, `evicted`, `lost`, of this worker."""

@final
class CacheTask:
    """Something that stores are asked."""

    @property
    def kind(self) -> str:
        """`get` (answer by `Cache.give`, a request waits 50 ms at most), `put`, `refresh`."""

    @property
    def id(self) -> int:
        """Of `get`."""

    @property
    def key(self) -> bytes | None:
        """Of `get` and `put`: 32 bytes."""

    @property
    def record(self) -> CacheRecord | None:
        """Of `put`."""

    @property
    def refresh(self) -> CacheRefresh | None:
        """Of `refresh`."""

@final
class CacheRecord:
    """An answer as stores have it."""

    def __new__(
        cls,
        *,
        key: bytes,
        tenant: str,
        namespace: str,
        model: str,
        target: str,
        tags: list[str],
        epoch: int,
        made_ms: int,
        expires_ms: int,
        body: bytes,
    ) -> CacheRecord:
        """See the properties.

        Raises:
            ValueError: the key has not 32 bytes.
        """

    @property
    def key(self) -> bytes:
        """32 bytes."""

    @property
    def tenant(self) -> str:
        """Whose it is."""

    @property
    def namespace(self) -> str:
        """Where its tenant put it; empty where nowhere."""

    @property
    def model(self) -> str:
        """The name that was asked for."""

    @property
    def target(self) -> str:
        """`provider/model` that answered."""

    @property
    def tags(self) -> list[str]:
        """Names that its request gave it."""

    @property
    def epoch(self) -> int:
        """See `Cache.purge`."""

    @property
    def made_ms(self) -> int:
        """When it was made, in milliseconds since 1970."""

    @property
    def expires_ms(self) -> int:
        """When it is good for nothing any more, the uses of what is too old included."""

    @property
    def body(self) -> bytes:
        """Opaque; what the core did not write, it does not read."""

@final
class Chores:
    """What the cache has others do, so that the core's thread waits for none of it."""

    def take(self, within_s: float) -> list[Chore]:
        """What is to be done, waited for at most so long. Blocks without the GIL."""

    def vector(self, chore: int, model_id: str, vector: bytes | None) -> None:
        """Answers `embed`: little-endian 32-bit floats; None where there is none.

        Args:
            model_id: what made it, with its version; vectors of two are never compared.
        Raises:
            ValueError: no such floats.
        """

    def verified(self, chore: int, is_so: bool) -> None:
        """Answers `verify`."""

    def near(self, chore: int, found: list[tuple[bytes, str, float]]) -> None:
        """Answers `near` with `(key, text, similarity)` each, the nearest first.

        Raises:
            ValueError: a key has not 32 bytes.
        """

    def learn(self, questions: list[CacheQuestion]) -> int:
        """Puts in what others were asked. Blocks without the GIL, some 0.5 ms for each.

        Returns: how many have a direction, as many dimensions as the others, and an answer that
            was not purged.
        """

    def set_threshold(self, embedder: str, threshold: float) -> None:
        """The likeness that counts where the configuration says `auto`."""

    def stats(self) -> list[tuple[str, int]]:
        """`questions`, `bytes`, `looked`, `hits`, `refused` by guards, `shadow`: would-be hits."""

@final
class Chore:
    """Something to be done for the cache."""

    @property
    def kind(self) -> str:
        """`embed`, `verify`, `near`, which a request waits for; `judge`, `remember`, `forget`."""

    @property
    def id(self) -> int:
        """Of `embed`, `verify` and `near`."""

    @property
    def embedder(self) -> str:
        """Of `embed` and `judge`: `minilm` or `provider/model`."""

    @property
    def model(self) -> str:
        """Of `verify`: who is asked; of `judge`: the name that was asked for."""

    @property
    def tenant(self) -> str:
        """Of `judge`."""

    @property
    def text(self) -> str:
        """The question."""

    @property
    def other(self) -> str:
        """Of `verify` and `judge`: the question that was asked before."""

    @property
    def answer(self) -> str:
        """Of `verify`: the text of the answer to that."""

    @property
    def kept(self) -> str:
        """Of `judge`: the text of the would-be answer."""

    @property
    def real(self) -> str:
        """Of `judge`: the text of the model's answer."""

    @property
    def similarity(self) -> float:
        """Of `judge`: of the two questions."""

    @property
    def holder(self) -> bytes:
        """Of `embed` and `verify`: in whose name, for `Engine.begin_for`."""

    @property
    def wanted(self) -> tuple[str, bytes, bytes, int] | None:
        """Of `near`: `(model_id, scope, vector, most)`: the vector as little-endian 32-bit floats,
        and how many questions are looked at.
        """

    @property
    def key(self) -> bytes | None:
        """Of `forget`: the name of an answer that no store has any more."""

    @property
    def remembered(self) -> CacheQuestion | None:
        """Of `remember`: a question that has an answer now."""

@final
class CacheQuestion:
    """What was asked, as stores have it, and what ends it."""

    def __new__(
        cls,
        *,
        model_id: str,
        scope: bytes,
        text: str,
        vector: bytes,
        key: bytes,
        tenant: str,
        namespace: str,
        model: str,
        target: str,
        tags: list[str],
        epoch: int,
        expires_ms: int,
    ) -> CacheQuestion:
        """See the properties.

        Raises:
            ValueError: scope or key has not 32 bytes, or the vector is none.
        """

    @property
    def model_id(self) -> str:
        """Which embedder made the vector, with its version."""

    @property
    def scope(self) -> bytes:
        """32 bytes: a digest of all that must be the same."""

    @property
    def text(self) -> str:
        """Its words."""

    @property
    def vector(self) -> bytes:
        """Little-endian 32-bit floats."""

    @property
    def key(self) -> bytes:
        """32 bytes: the name of its answer."""

    @property
    def tenant(self) -> str:
        """Whose that is."""

    @property
    def namespace(self) -> str:
        """Where its tenant put it; empty where nowhere."""

    @property
    def model(self) -> str:
        """The name that was asked for."""

    @property
    def target(self) -> str:
        """`provider/model` that answered."""

    @property
    def tags(self) -> list[str]:
        """Names that its request gave it."""

    @property
    def epoch(self) -> int:
        """See `Cache.purge`."""

    @property
    def expires_ms(self) -> int:
        """When its answer is as good as new no more: it answers no other question then."""

@final
class CacheRefresh:
    """A request to be made once more: its client got an answer that was a little too old."""

    @property
    def path(self) -> str:
        """As routes have it, with `{model}` in it where the path names the model."""

    @property
    def model(self) -> str | None:
        """The model that its path named."""

    @property
    def as_array(self) -> bool:
        """Its stream is one JSON array."""

    @property
    def holder(self) -> bytes:
        """For `Engine.begin_for`."""

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """That go on to the upstream, and what it says of the cache: an answer of its own."""

    @property
    def body(self) -> bytes:
        """As it was asked."""

@final
class Engine:
    """The core of one worker: configuration in force, journal, runtime thread."""

    def __new__(
        cls,
        journal_dir: str | os.PathLike[str],
        limits_dir: str | os.PathLike[str],
        master_key: bytes,
        snapshot: bytes,
        *,
        segment_bytes: int = ...,
        max_journal_bytes: int = ...,
        shared_state: tuple[str, str, bool] | None = None,
        panics: str = "",
    ) -> Engine:
        """Opens the journal and the counters of limits, and starts the runtime's thread. Takes some
        milliseconds; waits while the first worker of a host tells the counters what was spent. No
        key opens anything before `govern`.

        Args:
            limits_dir: where the workers of a host share their counters; they must be able to lock
            and map files there.
            master_key: under which credentials are digested.
            snapshot: the configuration as JSON (`sluicegate.snapshot`).
            segment_bytes: size of one journal file (8 MiB).
            max_journal_bytes: bound of what waits to be drained (512 MiB); near it new requests
            get 503.
            shared_state: where hosts share their limits: the server's URL, this host's id, and
            whether the ledger knows what other hosts spent. None: this host has them for itself.
            panics: for tests: `POINT=MODEL` with commas between; requests for such a model have the
            core panic while it decides on them (`admit`), before it sends them (`attempt`) or
            behind the first piece of a stream (`relay`).
        Raises:
            ValueError: the snapshot cannot be used. OSError: the journal or the counters cannot be
            opened.
        """

    def replace(self, snapshot: bytes) -> None:
        """Puts another configuration in force; requests that run keep theirs."""

    def fileno(self) -> int:
        """Readable when an exchange has something; for the loop's `add_reader` with `dispatch`."""

    def dispatch(self) -> None:
        """Settles the futures of all exchanges that have something. On the loop's thread only."""

    def govern(self, governance: Governance) -> None:
        """Puts keys and limits in force; requests that run keep those they began with."""

    def keys_seen(self, age_s: float) -> None:
        """The store had, `age_s` ago, the keys that are in force now. Without it keys of the store
        open nothing once the window of the configuration is over.
        """

    @property
    def keys_are_stale(self) -> bool:
        """Whether that is so long ago that keys of the store open nothing."""

    @property
    def is_first(self) -> bool:
        """Whether the counters of limits know nothing yet: other workers wait for `seeded`."""

    def seeded(self) -> None:
        """Lets other workers use the counters."""

    def unseeded(self, governance: Governance) -> list[tuple[str, int]]:
        """`(name, since)` of limits whose counters must hear from the ledger before they are put in
        force; `since` in nanoseconds since 1970.
        """

    def seed(
        self, governance: Governance, name: str, spent: Sequence[tuple[Sequence[str], int]]
    ) -> bool:
        """Tells a limit's counters what was spent, by the values of its scope; money in
        pico-dollars. False where another worker has.
        """

    def standing(self, name: str, instance: str) -> tuple[int, int, int] | None:
        """`(spent, held, left)` of a limit in force for the values of its scope, joined by U+001F;
        money in pico-dollars. None where there is no such limit.
        """

    @property
    def shared_state(self) -> tuple[bool, str, str] | None:
        """`(is_well, detail, warning)` of what limits are shared through: whether other hosts can
        be asked, why not, and what an operator should change. None where limits are not shared.
        """

    def question(self, within_s: float) -> LedgerQuestion | None:
        """What the ledger must be asked so that limits can be shared; None where nothing is, after
        `within_s`. Blocks without the GIL: for a thread of its own.
        """

    def recover(self) -> int:
        """Gives back what dead workers held of limits, or spends it where the upstream may have
        acted; how many requests that were.
        """

    def reservations(self) -> int:
        """Requests that hold something of a limit now, in all workers of the host."""

    def crossings(self) -> list[tuple[str, str, int, str, str]]:
        """`(limit, instance, percent, spent, amount)` of thresholds reached since the last call,
        each once in a window; money in dollars. Values of several dimensions are joined by U+001F.
        """

    def begin(
        self,
        place: Place,
        headers: RequestHeaders,
        body: bytes,
        *,
        is_last: bool = True,
        may_ask: bool = False,
    ) -> Exchange:
        """Admits a request and, where its first target speaks the client's dialect, sends it.

        Args:
            place: where it came to.
            is_last: it is not asked again where it is refused only because of running requests.
            may_ask: other hosts are asked where this one has too little of a limit; without it that
            is a 503.
        Raises:
            GrantNeededError: other hosts are being asked.
            RefusedError: the request may not go on; a refusal to a known key is in the ledger,
            unless it is to be asked again.
        Cost: one pass over the body (about 1 GB/s); where limits bind it one decision under a lock
        that the workers share (a microsecond), or two and a count of its tokens where little is
        left. No I/O.
        """

    def begin_for(
        self,
        place: Place,
        holder: bytes,
        body: bytes,
        *,
        headers: Iterable[tuple[bytes, bytes]] | None = None,
    ) -> Exchange:
        """Begins a request that the gateway makes by itself, in the place of a key's holder: JSON
        of `name`, `organisation`, `team` and `project`. Limits count it and do not refuse it.

        Args:
            headers: as a client would send them. Only with an `x-sluicegate-cache` among them may
                its answer be a kept one, or be kept.

        Raises:
            RefusedError: as `begin` does.
        """

    def read_headers(self, place: Place, headers: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
        """What a request's headers say; refuses one without a good key, before anybody reads its
        body.

        Args:
            headers: ASGI's, names in lower case.
        Raises:
            RefusedError: as `begin` does.
        Cost: one HMAC-SHA256 of the key.
        """

    def tenant(self, place: Place, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Whose a request is: who shares what providers keep for it.

        Raises:
            RefusedError: as `begin` does, without a good key.
        """

    def asker(self, headers: Iterable[tuple[bytes, bytes]], path: str) -> str:
        """Whose a request to a path of the gateway's own is, as `tenant` says it.

        Raises:
            RefusedError: no good key, or one that may not use the path.
        """

    @property
    def asks_plugins(self) -> bool:
        """Whether plugins must be asked before a request is admitted."""

    def facts(self, place: Place, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """What plugins are told of a request, as JSON; None where its key is good no more.

        Raises:
            RefusedError: as `begin` does, without a good key.
        """

    def refuse(
        self,
        place: Place,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        status: int,
        message: str,
        *,
        failed: bool = False,
    ) -> None:
        """Refuses a request in a plugin's name; it has a ledger row. `failed`: the plugin could not
        decide.

        Raises:
            RefusedError: always: what the client is told.
        """

    def watched(self, within_s: float) -> list[tuple[str, str, bytes]]:
        """`(request_id, kind, payload)` of what plugins that watch are shown: `begun` with JSON,
        `head` with status, the key that the cache has for the answer (or nothing) and content type,
        each behind a space, `bytes`, `lost`, `row` with JSON, `over`. Blocks
        without the GIL: for a thread of its own.
        """

    def end_watched(self, request_id: str) -> None:
        """Ends a request that is watched; its client is told."""

    def kept(self, within_s: float) -> list[tuple[str, str, bytes, bytes]]:
        """`(tenant, model, request, response)` of answers that are to be kept, waited for a while.
        Blocks without the GIL: for a thread of its own.
        """

    def granted(self, token: int, event_loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """Done when it is worth while to begin again: units were granted, or not, or nobody can be
        asked. Must be called before the loop turns.
        """

    def models(
        self, headers: Iterable[tuple[bytes, bytes]], asked: list[str] | None = None
    ) -> list[str]:
        """What the holder of the headers' key may ask for, sorted: of the names asked, or of the
        aliases. A name counts where the key may use it and each provider behind it.

        Raises:
            RefusedError: no valid key.
        """

    def offers(self, name: str) -> list[tuple[str, str, dict[str, str] | None]]:
        """What stands behind a name: `(provider, model, prices)` of each target, none where nobody
        knows it. Prices are dollars apiece as decimal text, by the price book's keys, with discount
        and margin, of now and for short input; None is unpriced.
        """

    def alerts(self) -> list[tuple[str, str, str, str, int]]:
        """What an operator should hear of since the last call: `(kind, provider, model, detail,
        times)`. Kinds: `unpriced` and `model_differs`, once for each model; `usage_diverges`,
        `run_loops`, `shared_state_away`, `shared_state_lost`, `shared_state_evicts`,
        `limits_forgotten` and `responses_lost`, every ten minutes at most.
        """

    def refused(self, operation: str, dialect: str, status: int, code: str) -> None:
        """Counts a request that was answered without an exchange, and not by `RefusedError`."""

    def count_unknown(self, row: bytes) -> None:
        """Counts a journalled row of an attempt whose process died, so that nobody else will."""

    @property
    def cache(self) -> Cache:
        """Answers that are kept."""

    @property
    def chores(self) -> Chores:
        """What the cache has others do."""

    @property
    def metrics(self) -> Metrics:
        """What is counted by all workers of the host."""

    def stop(self) -> None:
        """Ends the runtime's thread once every attempt has settled. Blocks."""

@final
class ModelRoutes:
    """The paths that lead to a model."""

    def __new__(cls, table: Mapping[str, tuple[str, str, bool]]) -> ModelRoutes:
        """Args: table: `(operation, dialect, stream)` by path, which has `{model}` in it where it
        names the model, or `{provider}/{path}` at its end where it leads to a provider's own;
        `stream`: it says by itself that the answer streams.

        Raises:
            ValueError: no such operation or dialect.
        """

    def find(self, method: str, path: str, query: str) -> Place | None:
        """Where a path leads, percent-encoded or not; None where no model is behind it."""

@final
class Place:
    """Where a request came to, with what its path and query say."""

    @property
    def path(self) -> str:
        """The table's."""
    @property
    def operation(self) -> str:
        """`chat`, `embeddings`, `count_tokens`, `passthrough` and others of `routes.py`."""
    @property
    def dialect(self) -> str:
        """The client's."""

    def goes_on_from(self, body: bytes) -> str | None:
        """The response that a request with this body goes on from. Cost: a search for the field's
        name, and where it stands one pass over the body.
        """

    def concerning(self, about: About, model: str | None = None) -> Place:
        """The same of a request that is about a response.

        Args:
            model: the name that was asked for when the response was made; for errands.
        """

@final
class About:
    """A response that a request is about."""

    def __new__(
        cls,
        response: str,
        *,
        made: tuple[str, str] | None = None,
        kept: bool = False,
        errand: tuple[str, str, bool, tuple[bytes, int] | None] | None = None,
        unpaid: bool = False,
    ) -> About:
        """Args:
        response: its id.
        made: the provider that made it, with that one's name for the model.
        kept: the gateway keeps it. With neither it is missing, and the request is refused.
        errand: `(method, tail, stream, owed)` of what is asked about it: `tail` stands behind the
        path of responses, `owed` is the ledger's row of an attempt whose use the answer may tell,
        and when its request came, in seconds since 1970. None: a request goes on from it.
        unpaid: a job in the background that nobody has seen done.

        Raises:
            ValueError: no such method.
        """

@final
class Governance:
    """Keys and limits, read and checked, not yet in force."""

    def __new__(cls, spec: bytes) -> Governance:
        """Args: spec: as JSON (`sluicegate.governance`).

        Raises:
            ValueError: a digest or a limit that cannot be used.
        """

@final
class RequestHeaders:
    """What a request's headers say."""

    @property
    def is_coded(self) -> bool:
        """Whether the body is coded."""

@final
class Exchange:
    """One request and its answer. Forgetting it cancels it."""

    @property
    def request_id(self) -> str:
        """The gateway's id, UUID version 7."""
    @property
    def body(self) -> bytes:
        """The request: the client's, or that with a note to the model in it; of texts, those whose
        vectors are not kept. A copy.
        """
    @property
    def path(self) -> str:
        """The path that it came to, as the table of routes has it."""
    @property
    def form(self) -> str | None:
        """The boundary of a body that is a form."""
    @property
    def is_expanded(self) -> bool:
        """Whether a conversation that the gateway keeps was put into its body."""
    def is_own(self, target: int) -> bool:
        """Whether a target has what is asked in the form that the client speaks: then it gets the
        request as it is.
        """
    @property
    def requested_model(self) -> str:
        """The name that the client asked for."""
    @property
    def generation(self) -> int:
        """Of the snapshot that it began with."""
    @property
    def stream(self) -> bool:
        """Whether the client wants a stream."""
    @property
    def as_array(self) -> bool:
        """Whether that stream is the items of one JSON array."""
    @property
    def started(self) -> bool:
        """Whether the first target was tried by `begin`; else it must be translated."""
    @property
    def first_target(self) -> int:
        """Index into `targets`."""
    @property
    def targets(self) -> list[tuple[str, str, str, int]]:
        """`(provider, model, dialect, weight)` of each."""
    @property
    def keys(self) -> list[tuple[str, int, bool]]:
        """`(key, group, is free)` of each target: the name of its provider's key, empty where that
        has only one; which target of the configuration it is, of which there is one for each key;
        whether the key is neither cooling down nor over one of its limits now.
        """

    def cool(self, target: int, time_s: float) -> None:
        """Passes a target's key over for so many seconds, where its provider has several."""

    @property
    def open_row(self) -> bytes:
        """Whose it is and where it goes, as JSON by the ledger's columns."""
    @property
    def bearer(self) -> bytes:
        """Under whose limits it falls, as JSON for `batch_correct`."""

    @property
    def strategy(self) -> str:
        """`fallback` or `weighted`."""
    @property
    def attempts(self) -> int:
        """Attempts so far."""
    @property
    def head_sent(self) -> bool:
        """Whether status and headers are out, so that an error can only be an event."""
    @property
    def remaining_s(self) -> float:
        """Seconds until the request must be over."""

    def take(self) -> _Ready | None:
        """All that is ready; None where nothing is: then `wait`."""

    def wait(self, event_loop: asyncio.AbstractEventLoop) -> asyncio.Future[_Ready]:
        """A future for what `take` had not yet. One at a time."""

    def hear(self, message: str | bytes) -> int | None:
        """Takes a message of a session's client.

        Returns: a token for `Engine.granted`, where no other may follow before that is done.
        """

    def hear_close(self, code: int | None, reason: str) -> None:
        """A session's client closes, with a code if it says one."""

    def attempt(
        self,
        target: int,
        body: bytes | None = None,
        dropped: bytes | None = None,
        more: Sequence[bytes] | None = None,
        tool_forms: Sequence[tuple[str, str, str | None, bool]] | None = None,
    ) -> None:
        """Tries a target; `body` is the request in its dialect, None sends the client's own;
        `dropped` is what the translation left out, as the answer's header says it; `more` are
        further calls for the rest of it, for hosts that take only so many texts at once;
        `tool_forms` are the tools that the translation made functions: the function's name, the
        tool's own, the group that it is in, and whether it takes free text.
        """

    def cancel(self) -> None:
        """Ends it for a client that left: the upstream's connection closes. Idempotent."""

    def end_if_killed(self) -> None:
        """Ends it, and tells the client, if its run was ended since it began."""

    def shut_down(self) -> None:
        """Ends it because the gateway ends: the client is told. Idempotent."""

    def give_stale(self) -> bool:
        """Answers with a kept answer that is too old, where there is one: every upstream failed."""

    def close(self, status: int, code: str | None = None) -> None:
        """Counts the request, and tells the ledger what status the client was given where the core
        cannot know it.
        """

@final
class Front:
    """A listener of the gateway's own, on the runtime's thread. Requests to models take no step in
    Python unless there is something to decide; others are handed over.
    """

    def __new__(
        cls,
        engine: Engine,
        on_case: Callable[[Case], None],
        *,
        address: str,
        port: int,
        handover: str | os.PathLike[str],
        routes: ModelRoutes,
        max_connections: int,
        max_body_bytes: int,
        head_timeout_s: float,
        body_timeout_s: float,
        write_stall_s: float,
        idle_timeout_s: float,
    ) -> Front:
        """Listens at once, on a port that other processes may share.

        Args:
            on_case: called by `dispatch` with every case that asks something.
            handover: the ASGI app's socket; `x-sluicegate-ends` in its requests says who asks,
            and where.
            routes: the paths that lead to a model.
        Raises:
            OSError: it cannot listen there.
        """

    def fileno(self) -> int:
        """Readable when a case asks something; for `loop.add_reader`."""

    def dispatch(self) -> None:
        """Calls `on_case` for each case that asks something. The loop's reader of `fileno`."""

    def __len__(self) -> int:
        """Requests to models that run."""

    def drain(self) -> None:
        """From now on requests to models are refused, and connections end when they are idle."""

    def shut_down(self) -> None:
        """Ends running requests; their clients are told."""

    def end_killed(self) -> None:
        """Ends requests of runs that were ended; their clients are told."""

    def set_max_body_bytes(self, most: int) -> None:
        """Larger bodies are refused from now on."""

@final
class Case:
    """What one request of a `Front` asks, one question after the other."""

    course: Any
    """What whoever decides remembers between two questions; None at first."""

    @property
    def operation(self) -> str:
        """`chat`, `embeddings`, `count_tokens`, `passthrough` and others of `routes.py`."""
    @property
    def dialect(self) -> str:
        """The client's."""
    @property
    def exchange(self) -> Exchange | None:
        """The request where it was admitted. Forgetting this one cancels nothing."""
    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""

    def take(self) -> tuple[str, tuple[str, Refusal] | None, Failure | None] | None:
        """The question: `refused` with the refusal, `failed` with the failure, `translation`,
        `goes_on`, `plugins`,
        `body_too_large`, `body_too_slow`, `body_broken`, `not_ready`, `defect`. None where it was
        taken. One of the five below answers it.
        """

    @property
    def goes_on(self) -> tuple[str, str, bytes] | None:
        """`(tenant, response, body)` of a request that goes on from a response."""

    @property
    def consulted(self) -> tuple[bytes, bytes] | None:
        """`(facts, body)` of a request that plugins are asked about."""

    def refuse(self, status: int, message: str, *, failed: bool = False) -> None:
        """A plugin refuses the request; `failed`: it could not decide."""

    def found(self, about: About | None = None, body: bytes | None = None) -> None:
        """What the request is about, and with what body it goes on; None is its own."""

    def attempted(self) -> None:
        """The exchange tries a target again: its result is waited for."""

    def answer(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Gives the answer, where no head is out."""

    def last_bytes(self, body: bytes) -> None:
        """These end the answer; where the head is out."""

    def nothing(self) -> None:
        """Nobody is told anything; the connection ends."""

@final
class Failure:
    """Facts about a failed attempt."""

    @property
    def code(self) -> str:
        """Stable code of what went wrong."""
    @property
    def is_timeout(self) -> bool:
        """Whether time ran out."""
    @property
    def detail(self) -> str:
        """For the log; may name hosts, never a credential or a prompt."""
    @property
    def status(self) -> int | None:
        """The upstream's status, if it answered."""
    @property
    def retry_after(self) -> str | None:
        """The upstream's `retry-after`, as it came; milliseconds end in `ms`."""
    @property
    def error_type(self) -> str | None:
        """The class of the error, where the answer's head names it: AWS's."""
    @property
    def body(self) -> bytes:
        """What the upstream said, at most 64 KiB; never to be relayed as it is."""
    @property
    def target(self) -> int:
        """Index of the target."""
    @property
    def refusal(self) -> Refusal | None:
        """What the client is told, where a limit of the target is why; nothing was sent."""
    @property
    def resent(self) -> bool:
        """Whether the request went out twice already: not to the same upstream again."""

@final
class JournalDrain:
    """The one reader of a journal that may remove what it has read."""

    @staticmethod
    def try_open(directory: str | os.PathLike[str]) -> JournalDrain | None:
        """None where another process drains."""

    def next_batch(self, max_rows: int) -> list[tuple[str, int, str, bytes]]:
        """`(request_id, attempt, kind, payload)`; kind `settled`, `unknown` or `released`. Reads
        files.
        """

    def commit(self) -> None:
        """What was read is in the store: it may be removed. Writes files."""

    def rewind(self) -> None:
        """Reads again from the last commit."""

@final
class Metrics:
    """What all processes of a host count, in a file that they share. Its families are on the page
    `docs/metrics.md`.
    """

    def __new__(cls, directory: str | os.PathLike[str]) -> Metrics:
        """Opens the counts for a process that serves no models. While any process has them open
        they go on; whoever finds nobody begins them anew.

        Raises:
            OSError: no memory for them.
        """

    @property
    def trouble(self) -> str | None:
        """Why other processes do not see what is counted here; None where they do."""

    def text(self, journal_dir: str | os.PathLike[str], *, open_metrics: bool = False) -> str:
        """All of it, in Prometheus' text format or in OpenMetrics'.

        Cost: some milliseconds for a thousand series, without the GIL; not for an event loop.
        """

    def reload(self, ok: bool) -> None:
        """Counts a reading of the configuration."""

    def drained(self) -> None:
        """The ledger has all that was journalled by now."""

    def draining(self) -> None:
        """No new requests are taken by this worker."""

    def troubled(self, component: str, is_troubled: bool) -> None:
        """Whether this worker cannot use a component: `ledger`, `journal` or `shared_state`."""

    def components(self) -> list[tuple[str, str]]:
        """`(component, state)` of each over all workers that live: `ok`, `degraded`, `full`."""

@final
class RedisLine:
    """A line to a Redis or Valkey server for a thread that waits."""

    def __new__(cls, url: str) -> RedisLine:
        """The server of `shared_state`. Nothing is opened yet.

        Raises:
            OSError: the URL is none.
        """

    def call(self, commands: Sequence[Sequence[bytes]], within_s: float) -> list[Any]:
        """The answers to commands, which go out together, in their order: bytes (also of the words
        that the server answers, such as `OK`), numbers, lists of these, None for nothing; a text is
        the reason why the server refused that command.

        Connects where there is no connection, within the same time. Waits without the GIL; one
        caller after the other.

        Raises:
            OSError: the server cannot be reached or does not answer in time; what it has done
            nobody knows.
        """

    def close(self) -> None:
        """Gives the connection up; a later call makes one."""

@final
class SseParser:
    """Server-sent events out of a stream cut anywhere. Source: WHATWG HTML, "Server-sent events",
    9.2.6.
    """

    def __new__(cls, max_event_bytes: int = ...) -> SseParser:
        """Args: max_event_bytes: an event beyond it is an error (1 MiB)."""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes, bytes | None]]:
        """`(name, data, id)` of the events that `chunk` completes.

        Raises:
            EventTooLargeError: an event passed the bound.
        """

    def finish(self) -> tuple[str, bytes, bytes | None] | None:
        """The event that the stream's end left without a blank line."""

    @property
    def last_event_id(self) -> bytes:
        """The last id that an event set."""

@final
class StreamCounter:
    """Tokens of one text that arrives in pieces, equal to the whole text's count at any cut."""

    def __new__(cls, model: str) -> StreamCounter:
        """Args: model: names the vocabulary; o200k for unknown ones."""

    def push(self, text: str) -> None:
        """Adds a piece."""

    def total(self) -> int:
        """Tokens so far."""

@final
class VectorIndex:
    """Finds the vectors that lie nearest to a question among those of its scope.

    Scopes of few vectors are looked through one by one, greater ones by a graph (HNSW); both search
    by codes of eight bits, and eight bits more have the last word. What is removed is gone at once,
    and its room is used again. A vector is its numbers as little-endian 32-bit floats; its length
    does not matter, its direction does. Not kept anywhere: who inserts fills it again at the next
    start.
    """

    def __new__(cls, dimensions: int, entries: int) -> VectorIndex:
        """An empty index.

        Args:
            dimensions: numbers in each vector.
            entries: vectors in all scopes together.
        """

    def insert(self, scope: int, entry: int, vector: bytes) -> list[int]:
        """Inserts a vector in the place of what had its number; the oldest that made room for it.

        Args: scope: below 2^128. entry: below 2^64.
        Raises: ValueError: another dimension, or no direction (zeros, not a number).
        Cost: some 0.1 ms among 20,000 of 384 dimensions; releases the GIL.
        """

    def remove(self, entry: int) -> bool:
        """Removes what has a number; whether there was any. Cost: as of an insert, or less."""

    def search(self, scope: int, vector: bytes, most: int) -> list[tuple[int, float]]:
        """At most `most` pairs of number and cosine, the nearest first; none to what is no vector.

        A cosine is exact to some hundred thousandths.
        Cost: some 0.1 ms among 20,000 of 384 dimensions; releases the GIL.
        """

    def __len__(self) -> int: ...
    @property
    def size_bytes(self) -> int:
        """What the vectors and links take, about."""

NGRAM_MODEL_ID: Final[str]
"""What makes the vectors of `ngram_vector`, with its version."""

def ngram_vector(text: str, /) -> bytes | None:
    """A text as hashed character n-grams: 1,024 little-endian 32-bit floats of length one.

    None where the text has neither letter nor digit. Capitals, white space and signs make no
    difference. Cost: some ten microseconds for a question; releases the GIL.
    """

def text_difference(one: str, other: str, /) -> str | None:
    """In what two texts that lie near each other differ so that one answer could not serve both.

    One of `language`, `code`, `number`, `unit`, `date`, `negation`, `question`, `name`, `opposite`,
    `order`, `word`; None where one answer may. Symmetric. Cost: some 0.1 ms for two questions;
    releases the GIL.
    """

def answer_between(
    dialect: str,
    to: str,
    body: bytes,
    *,
    request_id: str,
    created_s: int,
    model: str | None = None,
) -> bytes:
    """A whole answer of one dialect in another.

    Args:
        request_id: for ids that the provider did not give.
        created_s: where the provider does not say it, in seconds since 1970.
        model: in the place of the provider's own name for it.

    Raises:
        ValueError: it is no answer of its dialect.
    """

def batch_correct(
    engine: Engine,
    bearer: bytes,
    before: tuple[int, int, int],
    after: tuple[int, int, int],
    at_unix_ns: int,
) -> None:
    """Puts the counters of limits right: what was charged at a moment was another use.

    Args:
        bearer: under whose limits it falls, as `Exchange.bearer` says it.
        before, after: tokens in, tokens out, pico-dollars.

    Raises:
        ValueError: no such bearer. OSError: the counters cannot be asked.
    Cost: a decision under the counters' lock for each limit. Windows that are over change nothing.
    """

def batch_count(engine: Engine, row: bytes) -> None:
    """Counts the ledger's row of a line of a batch: its tokens and its cost."""

def batch_place(
    place: Place,
    method: str,
    provider: str,
    path: str,
    *,
    asked: str = "",
    model: str = "",
    key: str = "",
    held: tuple[int, int, int] | None = None,
) -> Place:
    """Where a request of the gateway's own goes, on a client's behalf.

    Args:
        path: at the provider, its version included.
        asked: the name that the client asked for; limits on models count it.
        model: the provider's name for that.
        key: the provider's key that it goes under; empty is any.
        held: tokens in, tokens out and pico-dollars that it may use; None costs nothing.

    Raises:
        ValueError: no such method.
    """

def batch_quote(
    engine: Engine, place: Place, provider: str, model: str, body: bytes
) -> tuple[int, int, int | None]:
    """`(input_tokens, output_tokens, pico_usd)` that one line of a batch may use at most, as a
    request to `place`, at the prices of batches; None where there is no price.

    Raises:
        InvalidBodyError: it cannot be read.
    """

def batch_targets(
    engine: Engine, place: Place, headers: Iterable[tuple[bytes, bytes]], name: str
) -> list[tuple[str, str, str]]:
    """`(provider, model, dialect)` of each target behind a name that the holder of the headers' key
    may ask for; the dialect is what the provider is spoken to in by clients of `place`.

    Raises:
        RefusedError: no good key, no such name, or none that it may ask for.
    """

def batch_told(
    engine: Engine,
    dialect: str,
    provider: str,
    model: str,
    unix_s: int,
    held: tuple[int, int],
    body: bytes,
) -> bytes:
    """What the answer to one line of a batch says, as JSON by the ledger's columns: tokens, basis,
    cost at the prices of batches.

    Args:
        model: the provider's name for it.
        unix_s: when the batch was made; that moment's prices hold.
        held: tokens in and out, which count where the answer does not say them.

    Raises:
        ValueError: it is no answer of its dialect.
    """

def aws_signature(
    signer: bytes, method: str, path: str, host: str, body: bytes, unix_s: int, /
) -> list[tuple[str, str]]:
    """The headers that AWS wants of a request that goes out at this second since 1970.

    Args:
        signer: JSON with `access_key_id`, `secret_access_key`, `region`, `service`, and where they
        are temporary `session_token`, whose own header is the caller's to send.
        path: without a query.

    Raises:
        ValueError: the signer lacks something. Its text has no part of it.
    """

def count_tokens(model: str, text: str) -> int:
    """Tokens of a text in a model's vocabulary. Cost: about 60 ns a token; detaches from the
    interpreter.
    """

def decode_tokens(model: str, tokens: Sequence[int]) -> str | None:
    """The text of tokens in a model's vocabulary; None where one is not in it, or where they end
    inside a character. Detaches from the interpreter.
    """

def journal_snapshot(directory: str | os.PathLike[str]) -> list[tuple[str, int, str, bytes]]:
    """Everything that is not drained yet, read without any lock. Reads files."""

LEDGER_COLUMNS: Final[tuple[tuple[str, str], ...]]
"""`(name, kind)` of each column of the ledger, in the order of the export; kind `text`, `json` (a
text, or JSON as text), `integer` or `money` (a decimal text).
"""

def ledger_values(row: tuple[str, int, str, bytes]) -> tuple[str | int | None, ...]:
    """A journal row's values in the order of `LEDGER_COLUMNS`; None where the row says nothing.
    Columns that it does not know are passed over: a newer worker may have written them.

    Raises:
        UnreadableRowError: it is not a JSON object, has no time, a number beyond 64 bits, money
        that is no decimal of up to 15 whole digits and 12 places, or JSON that nobody could read.
    """

def ledger_groups(
    rows: Sequence[tuple[str, int, str, bytes]],
    together: int,
    *,
    host: str | None = None,
    apart_until: str | None = None,
) -> tuple[
    list[tuple[tuple[str, ...], list[tuple[str | int, ...]]]],
    list[tuple[str | int | None, ...]],
    list[tuple[int, str]],
]:
    """`(groups, rest, unreadable)` of journal rows, each attempt once: its last readable row.

    A group is `(columns, values)`: rows that say something in the same columns, the values of as
    many rows as go `together` in one tuple, one row after the other; `host` is the last column
    where it is given. The rest is whole rows: those for which no others are alike, and all of up to
    `apart_until`, a time. Unreadable is `(place, reason)`.

    Cost: about 2.5 us a row; holds the GIL.
    """

def ledger_arrays(
    rows: Sequence[tuple[str, int, str, bytes]], *, apart_until: str | None = None
) -> tuple[list[str], list[tuple[str | int | None, ...]], list[tuple[int, str]]]:
    """`(arrays, rest, unreadable)`: the same with an array literal of PostgreSQL's for each of
    `LEDGER_COLUMNS`; U+0000, which its text cannot hold, is U+FFFD.
    """

def form_parts(body: bytes, boundary: str) -> list[tuple[str, str | None, str | None, int, int]]:
    """The parts of a `multipart/form-data` body: name, file name, content type, and where the value
    begins and ends. What has no file name is a text, whatever its content type.

    Raises: ValueError: it can be read in more than one way, or not at all.
    Cost: one search through the body; holds the GIL.  Source: RFC 7578.
    """

def plain_body(coding: bytes, body: bytes, max_bytes: int, /) -> bytes:
    """A body without the codings that its `content-encoding` names.

    Raises:
        BodyTooLargeError: plain it has more than `max_bytes`, or swells more than 200 times.
        InvalidBodyError: it is not what the header says.
    Cost: lets go of the GIL; for large bodies milliseconds.
    """

def scan_body(body: bytes) -> dict[str, object]:
    """The fields that the gateway acts on: `model, stream, include_usage, user, max_tokens, n`.

    Raises:
        InvalidBodyError: not one JSON object, a top-level key twice or like another that is acted
        on but for its case, or more than 128 levels deep.
    """

def stream_error(
    dialect: str,
    message: str,
    kind: str,
    code: str,
    origin: str,
    request_id: str,
    *,
    as_array: bool = False,
) -> bytes:
    """An error as a stream's last event.

    Args: as_array: the stream is one JSON array, of which nothing is out yet.
    """

def seal(master_key: bytes, context: str, text: str) -> str:
    """A secret as a store may keep it, hex: AES-256-GCM under a key that is derived from the master
    key, with a random nonce; `context` is authenticated with it.
    """

def unseal(master_key: bytes, context: str, sealed: str) -> str:
    """What `seal` was given.

    Raises:
        ValueError: another key or context, or it was changed since.
    """

def unquoted(text: str, headers: Sequence[tuple[str, str]]) -> str:
    """A text of an upstream's without the secrets among the headers that are sent to it.

    A value of 8 characters or more is hidden whole; of a credential, by its header's name, every
    piece of 12 is hidden too.
    """
