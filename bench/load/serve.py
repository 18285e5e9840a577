"""A target that serves: started, asked until it answers, ended."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load.cells import small
from bench.load.instrument import CHAT
from bench.load.process import Session
from bench.load.targets import Target

_READY_WITHIN_S = 60
_BETWEEN_TRIES_S = 0.005


class NeverServedError(Exception):
    """A target that ended, or never answered; with the end of what it said."""


@dataclass(frozen=True)
class Served:
    """A target that has answered once."""

    session: Session | None
    #: From the process's start to its first whole answer.
    start_s: float
    #: Requests that the start itself took, which stand in its ledger too.
    asked: int


def _answers(target: Target, body: dict[str, object], path: str) -> int | None:
    """The status of one request, or nothing where nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=20)
    headers = dict(header.split(": ", 1) for header in target.headers)
    try:
        connection.request(
            "POST", path, json.dumps(body), {"Content-Type": "application/json", **headers}
        )
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return answer.status


@contextmanager
def serving(
    target: Target, scratch: Path, body: dict[str, object] | None = None, path: str = CHAT
) -> Iterator[Served]:
    """From the first 200 on. Raises: `NeverServedError`."""
    if not target.command:
        yield Served(None, 0.0, 1 if _answers(target, small(), path) == 200 else 0)
        return
    log = scratch / f"{target.port}.log"
    begun = time.monotonic()
    with Session(target.command, log, environment=target.environment) as session:
        status = None
        while status != 200:
            time.sleep(_BETWEEN_TRIES_S)
            status = _answers(target, body or small(), path)
            if session.has_ended() or time.monotonic() - begun > _READY_WITHIN_S:
                said = log.read_text(errors="replace")[-1500:]
                raise NeverServedError(f"{target.command}: status {status}; {said}")
        yield Served(session, time.monotonic() - begun, 1)
