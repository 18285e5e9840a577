"""Access tokens of Google's for providers on Vertex AI, renewed before they end.

Source: https://cloud.google.com/docs/authentication/application-default-credentials
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from sluicegate.config.settings import Settings, Upstream

log = logging.getLogger("sluicegate")

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
RETRY_S: Final = 10.0
"""After a failure; what was there goes on to be sent."""
_EARLY_S: Final = 300.0
"""Before its end, a token is renewed: metadata servers give the old one until shortly before."""
_LEAST_S: Final = 1.0
_UNKNOWN_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Token:
    """What is sent, and for how long it holds."""

    value: str
    lives_s: float


Fetch = Callable[[str], Token]
"""A token for a file of credentials; empty is the environment's."""


def fetch(credentials_file: str) -> Token:
    """A new token: of a service account, of a user, or of the machine's metadata server.

    Raises:
        Exception: whatever the library has: files, networks and formats have their own.
    """
    import google.auth  # noqa: PLC0415  # an extra: only who is on Vertex AI needs it
    from google.auth.transport.requests import Request  # noqa: PLC0415

    if credentials_file:
        load = google.auth.load_credentials_from_file
        credentials, _ = load(credentials_file, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    else:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    credentials.refresh(Request())
    expiry: datetime | None = credentials.expiry
    lives_s = _UNKNOWN_S
    if expiry is not None:
        lives_s = (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    return Token(str(credentials.token), lives_s)


class GoogleTokens:
    """The tokens of one configuration's providers."""

    def __init__(self, settings: Settings, fetch: Fetch = fetch) -> None:
        """None is fetched yet."""
        self._files = {
            name: upstream.google_credentials
            for name, upstream in settings.upstreams.items()
            if upstream.google_credentials is not None
        }
        self._fetch = fetch
        self._tokens: dict[str, str] = {}
        self._due_s = dict.fromkeys(self._files, 0.0)

    def is_due(self, now_s: float | None = None) -> bool:
        """Whether one of them must be renewed; `now_s` is monotonic."""
        now_s = time.monotonic() if now_s is None else now_s
        return any(due_s <= now_s for due_s in self._due_s.values())

    def renew(self, now_s: float | None = None) -> bool:
        """Fetches those that are due; whether there is a new one. Takes a network's time."""
        now_s = time.monotonic() if now_s is None else now_s
        is_new = False
        for name in [name for name, due_s in self._due_s.items() if due_s <= now_s]:
            try:
                token = self._fetch(self._files[name])
            except Exception as error:  # noqa: BLE001  # the library's errors have no common class
                log.error("provider %s: no access token of Google's: %s", name, error)
                self._due_s[name] = now_s + RETRY_S
                continue
            # A short life is renewed at its half.
            self._due_s[name] = now_s + max(token.lives_s - _EARLY_S, token.lives_s / 2, _LEAST_S)
            self._tokens[name] = token.value
            is_new = True
        return is_new

    def applied(self, settings: Settings) -> Settings:
        """The settings with what is sent now."""
        if not self._tokens:
            return settings
        return replace(settings, upstreams=_with(settings, self._tokens))


def _with(settings: Settings, tokens: Mapping[str, str]) -> dict[str, Upstream]:
    out: dict[str, Upstream] = dict(settings.upstreams)
    for name, token in tokens.items():
        upstream = settings.upstreams[name]
        headers = (("authorization", f"Bearer {token}"), *upstream.headers)
        out[name] = replace(upstream, headers=headers)
    return out
