"""What the upstream saw and did, one object a request: the truth that a ledger is compared with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Exchange:
    """One request and what became of its answer.  Times are `time.monotonic()`."""

    connection: int
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    arrived: float
    model: str = ""
    attempt: int = 0
    dialect: str = ""
    stream: bool = False
    status: int | None = None
    input_tokens: int = 0
    token_times: list[float] = field(default_factory=list)
    bytes_sent: int = 0
    write_blocked_ms: float = 0.0
    finished: float | None = None
    cancelled: float | None = None
    #: Whether the request came over a connection that had served another.
    reused: bool = False
    #: What went out of the usage, later words over earlier ones.
    said: dict[str, Any] = field(default_factory=dict)
    #: Content tokens before the first thing that no client can read.
    readable_tokens: int = 0
    #: Kinds of the events that went out whole; a body that is no stream is one event.
    kinds: set[str] = field(default_factory=set)

    def note(self, tokens: int, kind: str, usage: dict[str, Any] | None) -> None:
        """What went out. Behind the end, and behind what cannot be read, nothing counts."""
        if self.kinds & {"broken", "end"}:
            return
        self.readable_tokens += tokens
        self.kinds.add(kind)
        self.said |= usage or {}

    @property
    def is_complete(self) -> bool:
        """Whether the answer ended as its dialect wants it, or at least said why it ends."""
        is_over = "end" in self.kinds or ("finish" in self.kinds and self.finished is not None)
        return is_over and "broken" not in self.kinds

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        lower = name.lower()
        return next((value for key, value in self.headers if key.lower() == lower), None)

    @property
    def json(self) -> Any:
        """The request body, decoded; of a form, its fields as text."""
        return self.form or json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a body that is a form, files among them, a character a byte."""
        kind, _, boundary = (self.header("content-type") or "").partition("boundary=")
        if not kind.startswith("multipart/form-data"):
            return {}
        fields: dict[str, str] = {}
        for part in self.body.split(b"--" + boundary.strip('"').encode())[1:-1]:
            top, _, value = part.partition(b"\r\n\r\n")
            name = top.partition(b'name="')[2].partition(b'"')[0]
            fields[name.decode()] = value.removesuffix(b"\r\n").decode("latin-1")
        return fields

    @property
    def ref(self) -> str:
        """What follows `@` in the model name."""
        return self.model.partition("@")[2]

    @property
    def tokens_sent(self) -> int:
        """Content tokens that left the upstream."""
        return len(self.token_times)


@dataclass(slots=True)
class Stats:
    """Sums over the requests for one model name."""

    requests: int = 0
    attempts: int = 0
    finished: int = 0
    cancelled: int = 0
    tokens_sent: int = 0
    write_blocked_ms: float = 0.0

    def add(self, exchange: Exchange) -> None:
        """Counts one more request."""
        self.requests += 1
        self.attempts = max(self.attempts, exchange.attempt)
        self.finished += exchange.finished is not None
        self.cancelled += exchange.cancelled is not None
        self.tokens_sent += exchange.tokens_sent
        self.write_blocked_ms += exchange.write_blocked_ms


@dataclass(slots=True)
class Log:
    """All that one upstream recorded, in order.  Appended to by its thread, read by the test."""

    requests: list[Exchange] = field(default_factory=list)
    anomalies: list[str] = field(default_factory=list)
    unrouted: list[Exchange] = field(default_factory=list)
    #: Requests to paths of `operations`.
    others: list[Exchange] = field(default_factory=list)
    trap_hits: list[Exchange] = field(default_factory=list)
    canaries: set[str] = field(default_factory=set)
    canary_hits: list[str] = field(default_factory=list)
    attempts: dict[tuple[str, str], int] = field(default_factory=dict)
    #: Idle connections that were reset under a request which nobody read.
    killed: int = 0

    def stats(self, model: str) -> Stats:
        """Sums over what `of` finds."""
        out = Stats()
        for exchange in self.of(model):
            out.add(exchange)
        return out

    def of(self, model: str) -> list[Exchange]:
        """The requests for `model`; a name without `@` also finds all its refs."""
        return [
            exchange
            for exchange in list(self.requests)
            if model in (exchange.model, exchange.model.partition("@")[0])
        ]

    def look_for_canaries(self, exchange: Exchange) -> None:
        """Notes every secret that should never have come here."""
        for canary in self.canaries:
            for name, value in exchange.headers:
                if canary in value:
                    self.canary_hits.append(f"{canary} in header {name}")
            if canary.encode() in exchange.body or canary in exchange.path:
                self.canary_hits.append(f"{canary} in {exchange.method} {exchange.path}")
