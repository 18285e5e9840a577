"""Looks at batches that run, and settles those that have ended: by itself, seldom, and at once
where a client asks.

Of all workers of all hosts one looks at a batch at a time: whoever has its lease, which ends by
itself. What ends a batch is one transaction of the store, so that whoever comes second finds it
over.
"""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from sluicegate import _core
from sluicegate.batches.forms import FORMS
from sluicegate.batches.forms.anthropic import numbered
from sluicegate.batches.forms.base import Json, Result, Seen
from sluicegate.batches.objects import ENDED, new_id, now_ms
from sluicegate.batches.outside import OutsideError, download, headers_of, json_of
from sluicegate.batches.settlement import Settlement, message_line, output_line
from sluicegate.config import Settings
from sluicegate.config.settings import Upstream
from sluicegate.routes import MODEL_ROUTES
from sluicegate.store import StoreError
from sluicegate.store.batches import Batches, StoredBatch, StoredFile
from sluicegate.turns import Turns

if TYPE_CHECKING:
    from sluicegate.store.store import Store

log = logging.getLogger("sluicegate")

TURN_S: Final = 1.0
STOP_S: Final = 2.0
AT_ONCE: Final = 4
"""Batches looked at in one turn, one after the other."""
LEASE_MS: Final = 10 * 60 * 1000
"""Longer than results take to be read; who dies meanwhile leaves the batch to others after it."""
LEAST_PAUSE_MS: Final = 2_000
MOST_PAUSE_MS: Final = 5 * 60 * 1000
PRUNE_EVERY_S: Final = 60.0
PIECE_BYTES: Final = 1 << 20
_DAY_MS: Final = 24 * 3600 * 1000
_SPOOLED_BYTES: Final = 4 << 20
_NO_BATCH: Final = frozenset({404, 410})
LOST_AFTER_MS: Final = 2 * _DAY_MS
"""A batch that its provider does not know any more is given up: no vendor runs one for longer."""


class Looking:
    """A thread of one worker, and what clients' requests ask of it."""

    def __init__(
        self, engine: "_core.Engine", store: "Store", settings: Callable[[], Settings], host: str
    ) -> None:
        """Args:
        store: used by this alone, and closed at the end.
        settings: those in force, with the credentials of now.
        host: whose counters this worker shares.
        """
        self._engine = engine
        self._owner = store
        self._store: Batches = store.batches
        self._settings = settings
        self._host = host
        self._turns = Turns("batches", self._try, pause_s=lambda: TURN_S, join_s=STOP_S)
        self._pruned_s = time.monotonic()

    def start(self) -> None:
        """Begins."""
        self._turns.start()

    def stop(self) -> None:
        """Ends. Blocks for a moment: what a provider does not answer meanwhile is asked again by
        whoever comes next.
        """
        if self._turns.stop():
            self._owner.close()

    def now(self, batch: StoredBatch) -> StoredBatch:
        """A batch as it is now, where nobody else is looking at it; else as it was last seen.

        Raises:
            StoreError: the store does not answer.
        """
        if batch.state != "open":
            return batch
        now = now_ms()
        claimed = self._store.claim_one(batch.tenant, batch.id, now, now + LEASE_MS)
        if claimed is None:
            return self._store.batch(batch.tenant, batch.id) or batch
        self._look(claimed)
        self._tell_counters()
        return self._store.batch(batch.tenant, batch.id) or claimed

    def _try(self) -> None:
        try:
            self._turn()
        except StoreError as error:
            log.warning("batches cannot be looked at now: %s", error)
        except Exception:
            log.exception("batches cannot be looked at")

    def _turn(self) -> None:
        now = now_ms()
        for batch in self._store.claim(now, now + LEASE_MS, AT_ONCE):
            if self._turns.is_stopping:
                self._store.replace(msgspec.structs.replace(batch, leased_until_ms=0))
                continue
            self._look(batch)
        self._tell_counters()
        if time.monotonic() - self._pruned_s > PRUNE_EVERY_S:
            self._pruned_s = time.monotonic()
            keep_ms = int(self._settings().batches.keep_days * _DAY_MS)
            self._store.prune(now, now - keep_ms)

    def _tell_counters(self) -> None:
        """Puts the counters of this host's limits right."""
        for batch in self._store.uncorrected(self._host):
            if not self._store.correct(batch):
                continue
            held, used = batch.held, batch.used
            try:
                _core.batch_correct(
                    self._engine,
                    msgspec.json.encode(batch.bearer),
                    (held[0], held[1], held[2]),
                    (used[0], used[1], used[2]),
                    batch.created_at_ms * 1_000_000,
                )
            except OSError as error:  # too much is counted, until the window ends or the next start
                log.error("limits count batch %s for what was held: %s", batch.id, error)

    def _look(self, batch: StoredBatch) -> None:
        """Asks how a batch stands, and ends it where it has ended."""
        if batch.state == "beginning":
            self._give_up(batch, "its gateway ended while it sent the batch")
            return
        try:
            self._ask(batch)
        except OutsideError as error:
            age_ms = now_ms() - batch.created_at_ms
            if error.status in _NO_BATCH and age_ms > LOST_AFTER_MS:
                self._give_up(batch, "its provider does not know the batch any more")
                return
            log.warning("batch %s: %s", batch.id, error)
            self._later(batch)
        except StoreError:
            raise
        except Exception:
            log.exception("batch %s cannot be settled", batch.id)
            self._later(batch)

    def _ask(self, batch: StoredBatch) -> None:
        settings = self._settings()
        upstream = settings.upstreams.get(batch.provider)
        if upstream is None:
            raise OutsideError(f"{batch.provider} is not configured any more")
        headers = headers_of(settings, upstream, batch.provider_key, batch.bearer)
        form = FORMS[batch.form]
        answer = json_of(upstream, form.look(batch.upstream_id), headers)
        seen = form.seen(answer)
        given = {name: value for name, value in seen.shown.items() if value is not None}
        shown = batch.shown | given
        if batch.shown["status"] == "cancelling" and shown["status"] not in ENDED:
            shown["status"] = "cancelling"
        if shown["status"] in ENDED:
            self._end(batch, upstream, headers, shown, (seen, answer))
        else:
            self._later(batch, shown)

    def _later(self, batch: StoredBatch, shown: Json | None = None) -> None:
        """Looks again when it is a tenth older, within bounds."""
        now = now_ms()
        pause_ms = min(max((now - batch.created_at_ms) // 10, LEAST_PAUSE_MS), MOST_PAUSE_MS)
        self._store.replace(
            msgspec.structs.replace(
                batch,
                shown=batch.shown if shown is None else shown,
                next_look_ms=now + pause_ms,
                leased_until_ms=0,
            )
        )

    def _end(
        self,
        batch: StoredBatch,
        upstream: Upstream,
        headers: dict[str, str],
        shown: Json,
        found: tuple[Seen, Json],
    ) -> None:
        """Reads what became of each line, and settles."""
        seen, answer = found
        form = FORMS[batch.form]
        dialect = MODEL_ROUTES[shown["endpoint"]].dialect
        spoken = dialect if form.keeps_files else batch.form
        with ExitStack() as open_files:

            def spool() -> IO[bytes]:
                return open_files.enter_context(tempfile.SpooledTemporaryFile(_SPOOLED_BYTES))

            settlement = Settlement(
                self._engine, batch, spoken, None if form.keeps_files else numbered
            )
            good, bad = spool(), spool()
            for result in self._results(batch, upstream, headers, (seen, answer), spool):
                number = settlement.number_of(result)
                if number is None:
                    continue
                settlement.add(number, result)
                if not form.keeps_files:
                    self._write(batch, number, result, (spoken, dialect), (good, bad))
            if not form.keeps_files:
                for number in settlement.rest():
                    result = _not_run(batch, number, shown["status"])
                    settlement.add(number, result)
                    self._write(batch, number, result, (spoken, dialect), (good, bad))
            files = self._files(batch, seen, shown, good, bad)
            if not form.keeps_files:
                shown["request_counts"] = {
                    "total": len(batch.lines),
                    "completed": settlement.completed,
                    "failed": settlement.failed,
                }
                shown |= {"kinds": settlement.kinds} if batch.dialect == "anthropic" else {}
        over = msgspec.structs.replace(
            batch, shown=shown, state="over", used=settlement.used, leased_until_ms=0
        )
        if self._store.settle(over, settlement.rows, files):
            for *_, row in settlement.rows:
                _core.batch_count(self._engine, row)
            log.info(
                "batch %s is %s: %d lines have their rows",
                batch.id,
                shown["status"],
                len(settlement.rows),
            )

    def _results(
        self,
        batch: StoredBatch,
        upstream: Upstream,
        headers: dict[str, str],
        found: tuple[Seen, Json],
        spool: Callable[[], IO[bytes]],
    ) -> Iterator[Result]:
        seen, answer = found
        form = FORMS[batch.form]
        for name in seen.results:
            call = form.results(name)
            if call is None:
                yield from map(form.result, form.within(answer))
                continue
            file = spool()
            download(upstream, call, headers, file)
            file.seek(0)
            for text in file:
                if text.strip():
                    yield form.result(msgspec.json.decode(text, type=dict[str, Any]))

    @staticmethod
    def _write(
        batch: StoredBatch,
        number: int,
        result: Result,
        dialects: tuple[str, str],
        to: tuple[IO[bytes], IO[bytes]],
    ) -> None:
        """Writes what the client reads of a line: of Anthropic's all in one file."""
        good, bad = to
        body = result.answer
        if body is not None and dialects[0] != dialects[1]:
            body = _core.answer_between(
                *dialects,
                body,
                request_id=f"{batch.request_id}-{number}",
                created_s=now_ms() // 1000,
            )
        if batch.dialect == "anthropic":
            good.write(message_line(batch.lines[number], result, body))
        else:
            line = output_line(batch, number, batch.lines[number], result, body)
            (bad if body is None else good).write(line)

    def _files(
        self, batch: StoredBatch, seen: Seen, shown: Json, good: IO[bytes], bad: IO[bytes]
    ) -> list[StoredFile]:
        """The files of results: those of the provider's by names of ours, those that the gateway
        made put into the store.
        """
        named = []
        for field, upstream_id in seen.files.items():
            shown[field] = new_id("file-")
            named.append(_file(batch, shown[field], batch.provider, upstream_id, field, 0))
        for field, content in (("output_file_id", good), ("error_file_id", bad)):
            size = content.tell()
            if not size:
                continue
            # Who begins anew, because somebody died, writes the same file again.
            shown[field] = f"file-{batch.id.removeprefix('batch_')}-{field.partition('_')[0]}"
            content.seek(0)
            file = _file(batch, shown[field], "", "", field, size)
            self._store.put_file(file, iter(lambda: content.read(PIECE_BYTES), b""))  # noqa: B023
        return named

    def _give_up(self, batch: StoredBatch, why: str) -> None:
        """A batch of which nobody will ever know what it cost: what was held for it is its cost."""
        log.error("batch %s is given up: %s", batch.id, why)
        error = {"code": "batch_lost", "message": why, "line": None, "param": None}
        shown = batch.shown | {
            "status": "failed",
            "failed_at": now_ms() // 1000,
            "errors": {"object": "list", "data": [error]},
        }
        over = msgspec.structs.replace(
            batch, shown=shown, state="over", used=batch.held, is_corrected=1, leased_until_ms=0
        )
        self._store.replace(over)


def _not_run(batch: StoredBatch, number: int, status: str) -> Result:
    """A line that its provider says nothing of."""
    why = "expired" if status == "expired" else "cancelled"
    error = {"code": f"batch_{why}", "message": f"This request was not executed: batch {why}."}
    return Result(batch.lines[number].custom_id, None, None, error)


def _file(
    batch: StoredBatch, name: str, provider: str, upstream_id: str, field: str, size: int
) -> StoredFile:
    kind = field.partition("_")[0]
    return StoredFile(
        tenant=batch.tenant,
        id=name,
        provider=provider,
        provider_key=batch.provider_key if provider else "",
        upstream_id=upstream_id,
        purpose="batch_output",
        filename=f"{batch.id}_{kind}.jsonl",
        bytes=size,
        created_at_ms=now_ms(),
        expires_at_ms=None,
    )
