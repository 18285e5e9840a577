"""The call: a request of a few tokens, in the provider's own dialect, as the gateway encodes it."""

import http.client
import ssl
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.config.settings import Upstream
from sluicegate.dialects import DIALECTS, UPSTREAM_DIALECTS

MAX_TOKENS: Final = 16
"""Enough for a word, and for the least that hosts accept."""
MAX_ANSWER_BYTES: Final = 1_000_000
_QUESTION: Final = msgspec.json.encode(
    {
        "model": "any",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": "Say the word ok."}],
    }
)
_PATHS: Final = {
    "anthropic": ("/v1", "/messages"),
    "cohere": ("/v2", "/chat"),
    "gemini": ("/v1beta", "/models/{model}:generateContent"),
    "ollama": ("/api", "/chat"),
    "openai": ("/v1", "/chat/completions"),
    "openai_responses": ("/v1", "/responses"),
}
"""What a bare host is given as a version, and where a dialect asks."""
_LISTS: Final = {"cohere": ("/v1", "/models"), "ollama": ("/api", "/tags")}
"""The same of the list of models, where that is not `/models`. These dialects have their versions
whatever a base URL ends in.
"""
ASKABLE: Final = tuple(_PATHS)


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent.

    Args:
        model: None where the list of models is asked for.
    """

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes
    model: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: a status and a body, or what went wrong on the way."""

    status: int | None = None
    location: str = ""
    body: bytes = b""
    error: Exception | None = None
    took_s: float = 0.0


def call_of(upstream: Upstream, model: str | None) -> Call:
    """The call that shows whether a provider works: for a model, else for its list of models."""
    _, path = _PATHS[upstream.dialect]
    url = urlsplit(upstream.base_url)
    headers = {"accept": "application/json", "content-type": "application/json"}
    if upstream.dialect == "anthropic":
        headers["anthropic-version"] = "2023-06-01"
    headers |= dict(upstream.headers)
    host = f"{url.scheme}://{url.netloc}"
    if model is None:
        version, path = _LISTS.get(upstream.dialect, ("", "/models"))
        return Call("GET", host + _base(upstream, url.path, version) + path, headers, b"", None)
    where = host + _base(upstream, url.path) + path.replace("{model}", model)
    return Call("POST", where, headers, _body(upstream, model), model)


def _base(upstream: Upstream, path: str, version: str = "") -> str:
    """The path below which a dialect has its own, as the core has it."""
    usual, _ = _PATHS[upstream.dialect]
    version = version or usual
    path = path.rstrip("/")
    if upstream.dialect not in _LISTS:
        return path or ("" if upstream.unversioned else version)
    return path.removesuffix("/v1").removesuffix(usual) + version


def _body(upstream: Upstream, model: str) -> bytes:
    asked = DIALECTS["anthropic"].decode_request(_QUESTION)
    body, _ = UPSTREAM_DIALECTS[upstream.dialect].encode_request(
        asked,
        model=model,
        stream=False,
        drop_unsupported=True,
        default_max_tokens=MAX_TOKENS,
        host=upstream.host,
    )
    return body


def make(call: Call, *, timeout_s: float, trust: ssl.SSLContext | None = None) -> Outcome:
    """Makes it. Raises nothing that the network can cause."""
    url = urlsplit(call.url)
    begun = time.monotonic()
    connection = _connection(url.scheme, url.hostname or "", url.port, timeout_s, trust)
    try:
        connection.request(call.method, url.path, call.body or None, call.headers)
        answer = connection.getresponse()
        body = answer.read(MAX_ANSWER_BYTES)
        took_s = time.monotonic() - begun
        return Outcome(answer.status, answer.getheader("location") or "", body, None, took_s)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Outcome(error=error, took_s=time.monotonic() - begun)
    finally:
        connection.close()


def _connection(
    scheme: str, host: str, port: int | None, timeout_s: float, trust: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    trust = trust or ssl.create_default_context()
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=trust)
