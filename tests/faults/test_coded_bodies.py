"""Requests whose bodies are compressed: read like any other, and never larger than any other."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import assert_row, cost, only_row, ref
from .conftest import Start

MIB = 1 << 20


def _zstd(plain: bytes, size: int | None = None) -> bytes:
    """A frame of blocks that are stored, or that repeat one byte `size` times (RFC 8878, 3.1.1)."""
    total = len(plain) if size is None else size
    out = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", total)
    for at in range(0, total or 1, 128 << 10):
        count = min(128 << 10, total - at)
        is_last = at + count >= total
        kind, data = (0, plain[at : at + count]) if size is None else (1, plain)
        out += struct.pack("<I", count << 3 | kind << 1 | is_last)[:3] + data
    return out


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": _zstd,
    "gzip, zstd": lambda plain: _zstd(gzip.compress(plain)),
}
#: by path: a body for a model, as the clients of that path write it
PATHS: dict[str, Callable[[str], dict[str, Any]]] = {
    "/v1/chat/completions": lambda model: {
        "model": f"u/{model}",
        "messages": [{"role": "user", "content": "one two three"}],
    },
    "/v1/responses": lambda model: {"model": f"r/{model}", "input": "one two three"},
    "/passthrough/u/v1/chat/completions": lambda model: {
        "model": model,
        "messages": [{"role": "user", "content": "one two three"}],
    },
}


def _post(gateway: Gateway, path: str, coding: str, body: bytes, name: str = "") -> httpx.Response:
    headers = {
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "content-encoding": coding,
        "x-request-id": name,
    }
    return httpx.post(f"{gateway.url}{path}", content=body, headers=headers, timeout=20)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", CODINGS)
def test_a_coded_body_is_read_and_goes_up_plain(
    gateway: Gateway, upstream: ScriptedUpstream, path: str, coding: str
) -> None:
    name = ref("coded")
    model = f"ok-2@{name}"
    body = json.dumps(PATHS[path](model)).encode()
    answer = _post(gateway, path, coding, CODINGS[coding](body), name)
    assert answer.status_code == 200, answer.text
    [seen] = upstream.of(model)
    assert seen.json["model"] == model
    names = {header.lower() for header, _ in seen.headers}
    assert "content-encoding" not in names
    assert_row(only_row(gateway, name), outcome="ok", input_tokens=3, cost_usd=cost(3, 2))


@pytest.mark.parametrize("coding", CODINGS)
def test_what_begins_a_batch_may_be_coded_too(gateway: Gateway, coding: str) -> None:
    batch = {"input_file_id": "file-none", "endpoint": "/v1/responses", "completion_window": "24h"}
    answer = _post(gateway, "/v1/batches", coding, CODINGS[coding](json.dumps(batch).encode()))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "file_not_found")
    answer = _post(gateway, "/v1/messages/batches", coding, CODINGS[coding](b'{"requests":[]}'))
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "requests" in answer.json()["error"]["message"]


@pytest.mark.parametrize("coding", ["compress", "gzip;q=1", "gzip, gzip, gzip", "aws-chunked"])
@pytest.mark.parametrize("path", PATHS)
def test_a_coding_that_is_not_known_is_named(gateway: Gateway, path: str, coding: str) -> None:
    refused = _post(gateway, path, coding, b"x")
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (415, "unsupported_content_encoding")
    assert error["param"] == "content-encoding"
    assert coding in error["message"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br"])
@pytest.mark.parametrize("how", ["plain", "cut"])
def test_a_body_that_is_not_what_it_says_is_refused(
    gateway: Gateway, upstream: ScriptedUpstream, coding: str, how: str
) -> None:
    model = f"ok-2@{ref('broken')}"
    body = json.dumps(PATHS["/v1/chat/completions"](model)).encode()
    coded = CODINGS.get(coding, bytes)(body)[:-3] if how == "cut" else body
    refused = _post(gateway, "/v1/chat/completions", coding, coded)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")
    assert not upstream.of(model)


@pytest.mark.parametrize(
    "coded",
    [
        lambda size: ("gzip", gzip.compress(b" " * size)),
        lambda size: ("zstd", _zstd(b" ", size)),
        lambda size: ("gzip, zstd", _zstd(gzip.compress(b" " * size))),
    ],
    ids=["gzip", "zstd", "both"],
)
def test_au_08_no_body_swells_beyond_what_one_may_have(
    own_gateway: Start, coded: Callable[[int], tuple[str, bytes]]
) -> None:
    gateway = own_gateway(server={"max_body_bytes": "2MiB"})
    assert _post(gateway, "/v1/chat/completions", "gzip", gzip.compress(b"{}")).status_code == 400
    before = gateway.reset_peak()
    coding, body = coded(100 * MIB)
    assert len(body) < MIB
    refused = _post(gateway, "/v1/chat/completions", coding, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large")
    assert gateway.peak_rss_bytes() - before < 64 * MIB


def test_a_large_body_that_is_coded_is_as_good_as_plain(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = ref("large")
    asked = PATHS["/v1/chat/completions"](f"ok-2@{name}")
    words = " ".join(f"word{number}" for number in range(200_000))
    asked["messages"][0]["content"] = words
    body = gzip.compress(json.dumps(asked).encode())
    assert _post(gateway, "/v1/chat/completions", "gzip", body, name).status_code == 200
    [seen] = upstream.of(f"ok-2@{name}")
    assert seen.json["messages"][0]["content"] == words


def test_au_01_a_bad_key_is_refused_before_anything_is_decoded(gateway: Gateway) -> None:
    headers = {"authorization": "Bearer sk-none-such-00000000", "content-encoding": "gzip"}
    url = f"{gateway.url}/v1/chat/completions"
    assert httpx.post(url, content=b"x", headers=headers).status_code == 401
