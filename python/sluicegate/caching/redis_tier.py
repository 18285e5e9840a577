"""Entries in the Redis or Valkey server that hosts share their limits through. The server ends each
with its life.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sluicegate import _core
from sluicegate.caching.frame import Frames, label_in
from sluicegate.caching.known import Known
from sluicegate.store.cache import Entry, Purge

log = logging.getLogger("sluicegate")

READ_WITHIN_S: Final = 0.05
"""A request waits for it."""
WRITE_WITHIN_S: Final = 2.0
"""Nobody waits for it."""
BYTES_AT_ONCE: Final = 2**21
KEYS_AT_ONCE: Final = 500
HEAD_BYTES: Final = 4096
"""What is read of an entry to see whether it is dead; one with more tags stays until its end."""
ROOM: Final = 0.75
"""Of the server's memory, what is in use when no more is put: limits need the rest, and would stand
still in a server that is full.
"""
LOOK_EVERY_S: Final = 1.0
_PREFIX: Final = "{sluicegate}cache:"
"""One hash tag for all, as the limits have it."""


class RedisTier:
    """A tier; see `Tier`. Reading and writing have a connection each."""

    def __init__(
        self,
        url: str,
        frames: Frames,
        identity: Callable[[], str],
        max_bytes: int,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Args:
        url: the server's.
        identity: of the store that gives the epochs; hosts with another see nothing of these.
        max_bytes: of the whole server, where that has no bound of its own.
        """
        self._reading = _core.RedisLine(url)
        self._writing = _core.RedisLine(url)
        self._frames = frames
        self._identity = identity
        self._max_bytes = max_bytes
        self._now_ms = now_ms
        self._known_prefix = b""
        self._looked_s = float("-inf")
        self._has_room = True

    def get(self, keys: Sequence[bytes]) -> Mapping[bytes, Entry]:
        """The entries of those keys that have one."""
        if not keys:
            return {}
        words = [b"MGET", *(self._key(key) for key in keys)]
        [frames] = _asked(self._reading, [words], READ_WITHIN_S)
        read = {
            key: self._frames.decode(key, frame)
            for key, frame in zip(keys, frames, strict=True)
            if frame is not None
        }
        return {key: entry for key, entry in read.items() if entry is not None}

    def put(self, entries: Sequence[Entry]) -> None:
        """Keeps them, if there is room."""
        if not self._is_room():
            return
        commands: list[list[bytes]] = []
        waiting_bytes = 0
        for entry in entries:
            life_ms = entry.expires_ms - self._now_ms()
            if life_ms <= 0:
                continue
            frame = self._frames.encode(entry)
            commands.append([b"SET", self._key(entry.label.key), frame, b"PX", b"%d" % life_ms])
            waiting_bytes += len(frame)
            if waiting_bytes > BYTES_AT_ONCE:
                self._do(commands)
                commands, waiting_bytes = [], 0
        self._do(commands)

    def forget(self, purges: Sequence[Purge]) -> Sequence[bytes]:
        """Deletes what is dead by these purges: single keys at once, else by a look at each entry,
        some at a time.
        """
        known = Known()
        known.add(purges)
        dead: list[bytes] = []
        keys = [bytes.fromhex(purge.value) for purge in purges if purge.kind == "key"]
        for begin in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[begin : begin + KEYS_AT_ONCE]
            dead += self._drop_dead([self._key(key) for key in some], known)
        if len(keys) < len(purges):
            for names in self._names():
                dead += self._drop_dead(names, known)
        return dead

    def sweep(self) -> None:
        """The server does it."""

    def ping(self) -> None:
        """Asks whether it is there."""
        _asked(self._reading, [[b"PING"]], READ_WITHIN_S)

    def close(self) -> None:
        """Ends the connections."""
        self._reading.close()
        self._writing.close()

    def _key(self, key: bytes) -> bytes:
        if not self._known_prefix:
            self._known_prefix = f"{_PREFIX}{self._identity()}:".encode()
        return self._known_prefix + key.hex().encode()

    def _names(self) -> Iterator[list[bytes]]:
        """Of all entries, some at a time."""
        cursor, pattern = b"0", self._key(b"") + b"*"
        while True:
            words = [b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"%d" % KEYS_AT_ONCE]
            [[cursor, names]] = self._do([words])
            if names:
                yield names
            if cursor == b"0":
                return

    def _drop_dead(self, names: Sequence[bytes], known: Known) -> list[bytes]:
        looks = [[b"GETRANGE", name, b"0", b"%d" % HEAD_BYTES] for name in names]
        heads = zip(names, self._writing.call(looks, WRITE_WITHIN_S), strict=True)
        # What is no entry, and is refused for it, is in nobody's way.
        labels = [(name, label_in(head)) for name, head in heads if isinstance(head, bytes)]
        dead = {name: label.key for name, label in labels if label and known.kills(label)}
        if dead:
            self._do([[b"UNLINK", *dead]])
        return list(dead.values())

    def _do(self, commands: Sequence[Sequence[bytes]]) -> list[Any]:
        return _asked(self._writing, commands, WRITE_WITHIN_S)

    def _is_room(self) -> bool:
        """Whether more may be put, as it was a second ago at the most."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            [told] = self._writing.call([[b"INFO", b"memory"]], WRITE_WITHIN_S)
            text = told.decode("ascii", "replace") if isinstance(told, bytes) else ""
            self._looked_s, had_room = now_s, self._has_room
            self._has_room = has_room(text, self._max_bytes)
            if had_room and not self._has_room:
                log.warning("the cache puts nothing more into shared_state: its memory is in use")
        return self._has_room


def has_room(told: str, max_bytes: int) -> bool:
    """Whether a server has memory for more, by what it says of it.

    Args: max_bytes: of one that has no bound of its own.
    """
    facts = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    try:
        used, bound = int(facts["used_memory"]), int(facts["maxmemory"])
    except (KeyError, ValueError):
        return True  # some hosts do not tell; they have bounds of their own
    return used < (bound * ROOM if bound else max_bytes)


def _asked(
    line: _core.RedisLine, commands: Sequence[Sequence[bytes]], within_s: float
) -> list[Any]:
    answers = line.call(commands, within_s)
    for answer in answers:
        if isinstance(answer, str):
            raise OSError(f"shared_state: {answer}")
    return answers
