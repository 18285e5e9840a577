"""Shows watching hooks what clients were given, each in a thread of its own: one that is slow or
hangs holds up neither requests nor the other hooks.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from sluicegate import _core
from sluicegate.plugins.hooks import Answer, End, Event, Request
from sluicegate.plugins.registry import Hook, told

log = logging.getLogger("sluicegate")

LOOK_EVERY_S: Final = 0.25
MAX_WAITING: Final = 10_000
"""Events and answers that may wait for one hook; what comes beyond them is lost to it."""
MAX_WHOLE_BYTES: Final = 4 << 20
"""Of an answer that is no stream; a larger one is shown as lost."""
STOP_WITHIN_S: Final = 2.0
TELL_EVERY_S: Final = 10.0

_FACTS: Final = msgspec.json.Decoder(Request)
_EVENTS: Final = b"text/event-stream"
_GIVEN: Final = frozenset({"hit", "semantic"})


class Watching:
    """The watching hooks of one worker: a thread that reads, and one for each hook."""

    def __init__(self, engine: _core.Engine, purge: Callable[[str], None]) -> None:
        """Args:
        engine: gives what is seen.
        purge: ends what the cache has under a key, soon.
        """
        self._engine = engine
        self._purge = purge
        self._watchers: tuple[_Watcher, ...] = ()
        self._running: dict[str, _Seen] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def use(self, hooks: Sequence[Hook]) -> None:
        """Puts hooks in force; requests that run are shown to these from now on."""
        for watcher in self._watchers:
            watcher.stop()
        self._watchers = tuple(_Watcher(hook, self._end) for hook in hooks)
        if self._watchers and self._thread is None:
            self._thread = threading.Thread(target=self._read, name="sluicegate-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Shows what is there, then ends. Blocks, for a bounded time."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
        for watcher in self._watchers:
            watcher.stop()
        until_s = time.monotonic() + STOP_WITHIN_S
        for watcher in self._watchers:
            watcher.wait(max(0.0, until_s - time.monotonic()))

    def _read(self) -> None:
        while True:
            is_last = self._stop.is_set()
            for request_id, kind, payload in self._engine.watched(0.0 if is_last else LOOK_EVERY_S):
                try:
                    self._see(request_id, kind, payload)
                except Exception:  # what one answer holds must not end the watch
                    log.exception("request %s cannot be shown to plugins", request_id)
                    self._running.pop(request_id, None)
            if is_last:
                return

    def _see(self, request_id: str, kind: str, payload: bytes) -> None:
        if kind == "begun":
            request = msgspec.structs.replace(_FACTS.decode(payload), request_id=request_id)
            self._running[request_id] = _Seen(request)
            return
        seen = self._running.get(request_id)
        if seen is None:
            return
        for event in seen.take(kind, payload):
            for watcher in self._watchers:
                watcher.show(seen, event)
        if kind == "over":
            del self._running[request_id]
            for watcher in self._watchers:
                watcher.tell(seen.request, seen.rows, lost=seen.is_lost)
            seen.is_over = True
            self._unkeep(seen)

    def _end(self, seen: "_Seen") -> None:
        """A hook wants no more of an answer."""
        seen.is_ended = True
        self._engine.end_watched(seen.request.request_id)
        self._unkeep(seen)

    def _unkeep(self, seen: "_Seen") -> None:
        """Whoever is the second to call has seen both: that a hook ended the answer, and that it
        was over by then. It is given to nobody else.
        """
        if seen.is_ended and seen.is_over and seen.was_kept:
            self._purge(seen.key)


class _Seen:
    """One request as far as it was seen."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.key = ""
        """What the cache has the answer under, where it has."""
        self.is_lost = False
        self.is_over = False
        self.is_ended = False
        """A hook wanted it to end."""
        self._rows: dict[int, dict[str, Any]] = {}
        self._status = 0
        self._parser: _core.SseParser | None = None
        self._whole = bytearray()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its attempts."""
        return [self._rows[attempt] for attempt in sorted(self._rows)]

    @property
    def was_kept(self) -> bool:
        """Whether the cache may have it: its own, unless it was ended in time, or another's."""
        return bool(self.key) and any(
            row["outcome"] == "ok" or row["cache"] in _GIVEN for row in self._rows.values()
        )

    def take(self, kind: str, payload: bytes) -> Iterator[Event]:
        """What is seen of it now."""
        match kind:
            case "head":
                status, key, content_type = payload.split(b" ", 2)
                self._status, self.key = int(status), key.decode()
                if content_type.startswith(_EVENTS):
                    self._parser = _core.SseParser(MAX_WHOLE_BYTES)
            case "bytes":
                yield from self._bytes(payload)
            case "row":
                row = msgspec.json.decode(payload)
                self._rows[row["attempt"]] = row
            case "lost":
                self._lose()
            case "over" if self._whole:
                yield self._event("", bytes(self._whole))

    def _bytes(self, payload: bytes) -> Iterator[Event]:
        if self.is_lost:
            return
        if self._parser is None:
            self._whole += payload
            if len(self._whole) > MAX_WHOLE_BYTES:
                self._lose()
            return
        try:
            found = self._parser.feed(payload)
        except _core.EventTooLargeError:
            self._lose()
            return
        for name, data, _ in found:
            yield self._event(name, data)

    def _lose(self) -> None:
        self.is_lost = True
        self._whole.clear()

    def _event(self, name: str, data: bytes) -> Event:
        return Event(request=self.request, name=name, data=data, status=self._status)


class _Watcher:
    """One hook and its thread."""

    def __init__(self, hook: Hook, end: "Callable[[_Seen], None]") -> None:
        self._hook = hook
        self._end = end
        self._has_events = "on_event" in hook.methods
        self._has_answers = "after_response" in hook.methods
        self._queue: queue.Queue[tuple[_Seen, Event] | Answer | None] = queue.Queue(MAX_WAITING)
        self._losing: set[str] = set()
        self._told_s = -TELL_EVERY_S
        self._stop = threading.Event()
        name = f"sluicegate-{hook.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def show(self, seen: _Seen, event: Event) -> None:
        """Shows an event, where the hook keeps up; what follows one that was lost is lost too."""
        request_id = event.request.request_id
        if self._has_events and request_id not in self._losing and not self._put((seen, event)):
            self._losing.add(request_id)

    def tell(self, request: Request, rows: list[dict[str, Any]], *, lost: bool) -> None:
        """Tells of a request that is over."""
        lost = lost or request.request_id in self._losing
        self._losing.discard(request.request_id)
        if self._has_answers:
            self._put(Answer(request=request, attempts=rows, lost_events=lost))

    def _put(self, item: tuple[_Seen, Event] | Answer) -> bool:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._log("is behind: what happens is not shown to it")
            return False
        return True

    def stop(self) -> None:
        """Nothing follows."""
        self._stop.set()
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return

    def wait(self, within_s: float) -> None:
        """Until all is shown, or the time is over."""
        self._thread.join(within_s)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if item is None:
                return
            try:
                self._give(item)
            except BaseException as error:  # noqa: BLE001  # a plugin may raise anything
                self._log(f"failed: {told(error)}")
            if self._stop.is_set() and self._queue.empty():
                return

    def _give(self, item: tuple[_Seen, Event] | Answer) -> None:
        hook = self._hook.made
        if isinstance(item, Answer):
            hook.after_response(item)
            return
        seen, event = item
        said = hook.on_event(event)
        if isinstance(said, End):
            if not seen.is_ended:
                self._end(seen)
        elif said is not None:
            self._log(f"on_event returned {type(said).__name__}")

    def _log(self, what: str) -> None:
        """Not for each of many events."""
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            log.error("plugin %s %s", self._hook.name, what)
