"""Wrong credentials of the last minute, by where they came from."""

import fcntl
import ipaddress
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from sluicegate.admin.errors import TooManyTriesError

PER_MINUTE: Final = 10
WINDOW_S: Final = 60.0
MAX_PEERS: Final = 4096

_Seen = dict[str, list[float]]
_decode: Final = msgspec.json.Decoder(_Seen).decode


class Tries:
    """A small file that all processes of a host share, so that many workers do not mean many tries.

    It is locked for as long as it takes to read and write it. Times are the wall clock's.
    """

    def __init__(self, path: Path) -> None:
        """Args: path: made on first use, mode 0600."""
        self._path = path

    def begin(self, peer: str, now_s: float) -> None:
        """Counts a try before its credential is looked at: many at once are no way around.

        Raises:
            TooManyTriesError: there were too many; with the time until the next.
        """
        with self._locked(now_s) as seen:
            recent = seen.setdefault(place_of(peer), [])
            if len(recent) >= PER_MINUTE:
                raise TooManyTriesError(math.ceil(recent[0] + WINDOW_S - now_s))
            recent.append(now_s)

    def forgive(self, peer: str, at_s: float) -> None:
        """The try that began then was none: its credential was right, or could not be looked at."""
        with self._locked(at_s) as seen:
            recent = seen.get(place_of(peer), [])
            if at_s in recent:
                recent.remove(at_s)

    @contextmanager
    def _locked(self, now_s: float) -> Iterator[_Seen]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            seen = _recent(_read(file.read()), now_s)
            yield seen
            while len(seen) > MAX_PEERS:
                seen.pop(next(iter(seen)))
            file.seek(0)
            file.write(msgspec.json.encode({peer: at for peer, at in seen.items() if at}))
            file.truncate()


def place_of(peer: str) -> str:
    """Where an address is, as far as tries are counted together: whoever has an IPv6 address has
    all 2^64 of its network.
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.IPv6Network((address, 64), strict=False))


def _read(content: bytes) -> _Seen:
    try:
        return _decode(content)
    except msgspec.DecodeError:
        return {}  # it is new, or a process died while it wrote


def _recent(seen: _Seen, now_s: float) -> _Seen:
    """Those of the last minute; a clock that was set back must not keep anybody out."""
    recent = {
        peer: [at for at in all_of if 0 <= now_s - at < WINDOW_S] for peer, all_of in seen.items()
    }
    return {peer: at for peer, at in recent.items() if at}
