"""The call: a request of a few tokens, in the provider's own dialect, as the gateway encodes it."""

import http.client
import ssl
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.config.settings import Upstream
from sluicegate.dialects import DIALECTS

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
    "gemini": ("/v1beta", "/models/{model}:generateContent"),
    "openai": ("/v1", "/chat/completions"),
    "openai_responses": ("/v1", "/responses"),
}
"""What a bare host is given as a version, and where a dialect asks."""


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
    version, path = _PATHS[upstream.dialect]
    url = urlsplit(upstream.base_url)
    base = url.path.rstrip("/") or ("" if upstream.unversioned else version)
    headers = {"accept": "application/json", "content-type": "application/json"}
    if upstream.dialect == "anthropic":
        headers["anthropic-version"] = "2023-06-01"
    headers |= dict(upstream.headers)
    where = f"{url.scheme}://{url.netloc}{base}"
    if model is None:
        return Call("GET", f"{where}/models", headers, b"", None)
    body = _body(upstream, model)
    return Call("POST", where + path.replace("{model}", model), headers, body, model)


def _body(upstream: Upstream, model: str) -> bytes:
    asked = DIALECTS["anthropic"].decode_request(_QUESTION)
    body, _ = DIALECTS[upstream.dialect].encode_request(
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
