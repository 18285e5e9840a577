"""The call: a request of a few tokens, in the provider's own dialect, as the gateway encodes and
signs it.
"""

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from sluicegate import _core
from sluicegate.config.settings import Upstream
from sluicegate.dialects import DIALECTS, UPSTREAM_DIALECTS
from sluicegate.providers.clouds import VERSIONS

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
    "bedrock": ("", "/model/{model}/converse"),
    "cohere": ("/v2", "/chat"),
    "gemini": ("/v1beta", "/models/{model}:generateContent"),
    "ollama": ("/api", "/chat"),
    "openai": ("/v1", "/chat/completions"),
    "openai_responses": ("/v1", "/responses"),
}
"""What a bare host is given as a version, and where a dialect asks."""
_ADDRESSED: Final = {
    "deployments": "/deployments/{model}/chat/completions",
    "invoke_model": "/model/{model}/invoke",
    "raw_predict": "/models/{model}:rawPredict",
}
"""Where a cloud has that instead."""
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
    """What came of it: a status, headers by their names in small letters and a body, or what went
    wrong on the way.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: Exception | None = None
    took_s: float = 0.0


def has_list(upstream: Upstream) -> bool:
    """Whether it can be asked for its models: the clouds tell them elsewhere."""
    is_vertex = urlsplit(upstream.base_url).path.rstrip("/").endswith("/publishers/google")
    return upstream.dialect != "bedrock" and upstream.address not in VERSIONS and not is_vertex


def call_of(upstream: Upstream, model: str | None, *, now_s: float | None = None) -> Call:
    """The call that shows whether a provider works: for a model, else for its list of models.

    Args: now_s: when it is signed, since 1970; now where omitted.
    """
    url = urlsplit(upstream.base_url)
    headers = {"accept": "application/json", "content-type": "application/json"}
    if upstream.dialect == "anthropic" and upstream.address not in VERSIONS:
        headers["anthropic-version"] = "2023-06-01"
    headers |= dict(upstream.headers)
    host = f"{url.scheme}://{url.netloc}"
    query = f"?{upstream.query}" if upstream.query else ""
    if model is None:
        version, path = _LISTS.get(upstream.dialect, ("", "/models"))
        where = host + _base(upstream, url.path, version) + path + query
        return Call("GET", where, headers, b"", None)
    path = _ADDRESSED.get(upstream.address) or _PATHS[upstream.dialect][1]
    path = _base(upstream, url.path) + path.replace("{model}", quote(model, safe=""))
    call = Call("POST", host + path + query, headers, _body(upstream, model), model)
    return _signed(call, upstream, int(time.time() if now_s is None else now_s))


def _signed(call: Call, upstream: Upstream, now_s: int) -> Call:
    if upstream.signer is None:
        return call
    url = urlsplit(call.url)
    signer = msgspec.json.encode(upstream.signer)
    proof = _core.aws_signature(signer, call.method, url.path, url.netloc, call.body, now_s)
    return replace(call, headers=call.headers | dict(proof))


def _base(upstream: Upstream, path: str, version: str = "") -> str:
    """The path below which a dialect has its own, as the core has it."""
    usual, _ = _PATHS[upstream.dialect]
    version = version or usual
    path = path.rstrip("/")
    if upstream.dialect not in _LISTS:
        is_bare = upstream.unversioned or upstream.address in _ADDRESSED
        return path or ("" if is_bare else version)
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
    if upstream.address not in VERSIONS:
        return body
    fields = msgspec.json.decode(body) | {"anthropic_version": VERSIONS[upstream.address]}
    return msgspec.json.encode({k: v for k, v in fields.items() if k not in {"model", "stream"}})


def make(call: Call, *, timeout_s: float, trust: ssl.SSLContext | None = None) -> Outcome:
    """Makes it. Raises nothing that the network can cause."""
    url = urlsplit(call.url)
    begun = time.monotonic()
    connection = _connection(url.scheme, url.hostname or "", url.port, timeout_s, trust)
    try:
        where = f"{url.path}?{url.query}" if url.query else url.path
        connection.request(call.method, where, call.body or None, call.headers)
        answer = connection.getresponse()
        body = answer.read(MAX_ANSWER_BYTES)
        took_s = time.monotonic() - begun
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Outcome(answer.status, headers, body, None, took_s)
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
