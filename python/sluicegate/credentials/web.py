"""Small requests to those who give credentials out."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from sluicegate.credentials.lease import CredentialError

TIMEOUT_S: Final = 10.0
METADATA_TIMEOUT_S: Final = 2.0
"""For what is on this machine or link, or nowhere."""
MAX_BYTES: Final = 1_000_000
SHOWN: Final = 200
"""Characters of what somebody else says."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A credential is given to no other host than the one that was asked."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OUTSIDE: Final = urllib.request.build_opener(_NoRedirects())
_HERE: Final = urllib.request.build_opener(_NoRedirects(), urllib.request.ProxyHandler({}))
"""Metadata is behind no proxy."""


def asked(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    document: Mapping[str, Any] | None = None,
    timeout_s: float = TIMEOUT_S,
    is_here: bool = False,
) -> tuple[int, bytes]:
    """Status and body of an answer.

    Args:
        form, document: the body, sent by POST; a document as JSON.
        is_here: on this machine or link.

    Raises:
        CredentialError: there is no answer. The text has no part of the URL but its host.
    """
    body = None if form is None else urlencode(form).encode()
    sent = dict(headers or {})
    if document is not None:
        body = msgspec.json.encode(document)
        sent["content-type"] = "application/json"
    request = urllib.request.Request(  # noqa: S310  # the operator's own, or the vendor's
        url, body, sent, method=method if body is None else "POST"
    )
    try:
        with (_HERE if is_here else _OUTSIDE).open(request, timeout=timeout_s) as answer:
            return answer.status, answer.read(MAX_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        why = "timed out" if isinstance(reason, TimeoutError) else type(reason).__name__
        raise CredentialError(f"{request.host} cannot be reached ({why})") from None


def fields_of(body: bytes) -> dict[str, Any]:
    """A JSON object's fields; none where it is no object."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def shown(text: object, *secrets: str) -> str:
    """What somebody else says, in one short line without our secrets."""
    line = " ".join(str(text or "").split())
    for secret in filter(None, secrets):
        line = line.replace(secret, "***")
    return line[:SHOWN]
