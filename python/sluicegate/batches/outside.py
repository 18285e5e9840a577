"""What the gateway asks of a provider by itself, with nobody waiting: how batches stand, and what
became of their lines.
"""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.batches.forms.base import Call
from sluicegate.config import Settings
from sluicegate.config.settings import Upstream
from sluicegate.snapshot import OWN_KEY, own_headers

MAX_STATUS_BYTES: Final = 64 * 2**20
"""Of an answer that is read whole; Gemini's has all results in it."""
PIECE_BYTES: Final = 1 << 20
_VERSIONS: Final = {"gemini": "/v1beta"}
"""What a bare host is given, where that is not `/v1`."""


class OutsideError(Exception):
    """A provider gave no good answer. The text has no credential, no host of ours."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """Args: status: HTTP's, if there was one."""
        super().__init__(message)
        self.status = status


def path_at(upstream: Upstream, path: str) -> str:
    """Where a provider has a path of its API's."""
    base = urlsplit(upstream.base_url).path.rstrip("/")
    if base:
        return base + path
    return path if upstream.unversioned else _VERSIONS.get(upstream.dialect, "/v1") + path


def headers_of(
    settings: Settings, upstream: Upstream, key: str, owner: dict[str, Any]
) -> dict[str, str]:
    """The headers of a request under one key of a provider's.

    Args:
        key: its name; empty where the provider has only one.
        owner: `organisation`, `team` and `key` of whose own credential it may be.

    Raises:
        OutsideError: there is no such key any more.
    """
    headers = dict(upstream.headers)
    if key == OWN_KEY:
        headers |= dict(own_headers(_own(settings, upstream.name, owner), upstream))
    elif key:
        found = next((each for each in upstream.keys if each.name == key), None)
        if found is None:
            raise OutsideError(f"its key {key} at {upstream.name} is not configured any more")
        headers |= dict(found.headers)
    if upstream.dialect == "anthropic":
        headers = {"anthropic-version": "2023-06-01"} | headers
    return headers


def _own(settings: Settings, provider: str, owner: dict[str, Any]) -> Any:
    """The nearest of a tenant's own credentials."""
    wanted = [
        ("", "", owner["key"]),
        (owner["organisation"], owner["team"], ""),
        (owner["organisation"], "", ""),
    ]
    by_owner = {own.owner: own for own in settings.own_keys if own.provider == provider}
    for each in wanted:
        if each in by_owner:
            return by_owner[each]
    raise OutsideError(f"the tenant's own key for {provider} is not there any more")


@contextmanager
def answered(
    upstream: Upstream, call: Call, headers: dict[str, str], trust: ssl.SSLContext | None = None
) -> Iterator[http.client.HTTPResponse]:
    """A good answer, to be read.

    Raises:
        OutsideError: there is none.
    """
    url = urlsplit(upstream.base_url)
    timeout_s = max(upstream.deadlines.connect_s, upstream.deadlines.idle_s)
    host = url.hostname or ""
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        trust = trust or ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, url.port, timeout=timeout_s, context=trust)
    else:
        connection = http.client.HTTPConnection(host, url.port, timeout=timeout_s)
    path = path_at(upstream, call.path) + (f"?{upstream.query}" if upstream.query else "")
    sent = {"accept": "*/*", "accept-encoding": "identity", **headers}
    if call.body:
        sent["content-type"] = "application/json"
    try:
        connection.request(call.method, path, call.body or None, sent)
        answer = connection.getresponse()
        if answer.status >= 300:
            raise OutsideError(f"{upstream.name} answers with {answer.status}", answer.status)
        yield answer
    except (OSError, http.client.HTTPException) as error:
        why = type(error).__name__
        raise OutsideError(f"{upstream.name} does not answer ({why})") from error
    finally:
        connection.close()


def json_of(upstream: Upstream, call: Call, headers: dict[str, str]) -> dict[str, Any]:
    """An answer that is a JSON object.

    Raises:
        OutsideError: it is none.
    """
    with answered(upstream, call, headers) as answer:
        body = answer.read(MAX_STATUS_BYTES)
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OutsideError(f"{upstream.name} answers with no JSON object") from error


def download(upstream: Upstream, call: Call, headers: dict[str, str], to: IO[bytes]) -> None:
    """Writes an answer to a file, a piece at a time.

    Raises:
        OutsideError: it did not come whole.
    """
    with answered(upstream, call, headers) as answer:
        while piece := answer.read(PIECE_BYTES):
            to.write(piece)
        # A body whose length was told may end before it.
        if answer.length:
            raise OutsideError(f"{upstream.name} broke off in the middle of its answer")
