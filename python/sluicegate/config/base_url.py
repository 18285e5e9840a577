"""Where a provider listens: its URL checked, and filled in where the catalogue's is a pattern."""

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from sluicegate.config.problems import suggestion
from sluicegate.providers import ProviderRow

_PART: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
"""A piece of a host's name or of a path: nothing that could lead elsewhere."""

Fail = Callable[..., None]
"""`fail(*path, message)`; the path is relative to the provider."""


def base_url_of(
    row: ProviderRow | None, given: str | None, settings: Mapping[str, str], fail: Fail
) -> str | None:
    """The URL that a file gives, else the catalogue's; None where neither is known.

    What is missing of a pattern is told, and stays in it.
    """
    asked = row.settings if row and given is None else {}
    for name, value in settings.items():
        if name not in asked:
            fail("settings", name, f"is not asked for{suggestion(name, asked)}")
        elif not _PART.fullmatch(value):
            fail("settings", name, "may have letters, digits, dots, dashes and underscores alone")
    for name, meaning in asked.items():
        if name not in settings:
            fail("settings", name, f"is missing: {meaning}")
    if given is not None:
        if wrong := wrong_with_url(given):
            fail("base_url", wrong)
        return given
    if row is None:
        return None
    return re.sub(r"\{(\w+)\}", lambda m: settings.get(m[1], m[1]), row.base_url)


def wrong_with_url(base_url: str) -> str:
    """Why a base URL cannot be used; empty if it can."""
    try:
        url = urlsplit(base_url)
        port = url.port
    except ValueError as error:
        return f"is not a URL: {error}"
    if url.scheme not in {"http", "https"}:
        return "must begin with http:// or https://"
    if not url.hostname or port == 0 or any(c.isspace() for c in base_url):
        return "is not a URL with a host"
    if url.username is not None or url.password is not None:
        return "must not hold credentials; they belong in api_key"
    if url.query or url.fragment:
        return "must have no query and no fragment"
    return ""
