"""The URL of the server that hosts share their limits through, and what can be wrong with it."""

from typing import Final
from urllib.parse import urlsplit

LOCAL: Final = "local"
_SCHEMES: Final = frozenset({"redis", "rediss"})
_SPOKEN_BY: Final = {
    "valkey": "redis",
    "valkeys": "rediss",
    "http": "redis",
    "https": "rediss",
    "tcp": "redis",
    "redis+unix": "unix",
    "redis+tls": "rediss",
}
_ESCAPES: Final = "in a password write / as %2F, @ as %40, # as %23, ? as %3F"
_FORM: Final = "redis://user:password@host:6379/0, rediss://... with TLS, or unix:///path/to/socket"


def problem_of_url(text: str) -> str | None:
    """What is wrong with it; None where nothing is. It may hold a password: no message repeats any
    of it but the scheme.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        return f"must be local or {_FORM}"
    if scheme in _SPOKEN_BY:
        return f"must begin with {_SPOKEN_BY[scheme]}://, not {scheme}://"
    if scheme == "unix":
        return _problem_of_socket(rest)
    if scheme not in _SCHEMES:
        return f"must be local or {_FORM}"
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return f"has no port from 1 to 65535; {_ESCAPES}"
    if not host:
        return "names no host"
    if "@" in (url.path + url.query + url.fragment) or url.fragment:
        return f"has signs that end the host's name; {_ESCAPES}"
    if url.query:
        return "takes nothing behind a ?"
    number = url.path.removeprefix("/")
    if number and not number.isdecimal():
        return "must end in the number of a database, as in redis://host:6379/0"
    return None


def _problem_of_socket(rest: str) -> str | None:
    if not rest.startswith("/"):
        return "must have a path from the root: unix:///path/to/socket"
    if rest.startswith("//") or rest == "/":
        return "names no socket: unix:///path/to/socket"
    return None
