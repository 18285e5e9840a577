"""OpenAI's batches, as they are: a file goes up, files come back. Source:
https://platform.openai.com/docs/api-reference/batch
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from sluicegate.batches.forms.base import TIMES, Asked, Call, Json, Result, Seen, Sent
from sluicegate.batches.lines import ENDPOINTS
from sluicegate.batches.objects import ENDED
from sluicegate.config.settings import Upstream

_SHOWN: Final = ("status", "errors", "request_counts", "usage", "model", *TIMES)
_FILES: Final = ("output_file_id", "error_file_id")


class OpenAiBatches:
    """See the module."""

    keeps_files = True

    def endpoints(self, upstream: Upstream) -> Sequence[str]:
        """Those that it has."""
        lacks = set() if upstream.responses else {"/v1/responses"}
        lacks |= set() if upstream.completions else {"/v1/completions"}
        return [endpoint for endpoint in ENDPOINTS if endpoint not in lacks]

    def begin(self, asked: Asked, source: str | Sequence[Sent]) -> Call:
        """Begins one."""
        body = {
            "input_file_id": source,
            "endpoint": asked.endpoint,
            "completion_window": "24h",
            "metadata": asked.metadata,
        }
        return Call("POST", "/batches", msgspec.json.encode(body))

    def begun(self, answer: Json) -> str:
        """Its id."""
        return str(answer["id"])

    def look(self, upstream_id: str) -> Call:
        """Asks for it."""
        return Call("GET", f"/batches/{upstream_id}")

    def cancel(self, upstream_id: str) -> Call:
        """Ends it."""
        return Call("POST", f"/batches/{upstream_id}/cancel")

    def seen(self, answer: Json) -> Seen:
        """How it stands."""
        shown = {name: answer[name] for name in _SHOWN if answer.get(name) is not None}
        files = {name: str(answer[name]) for name in _FILES if answer.get(name)}
        is_over = answer.get("status") in ENDED
        return Seen(shown, tuple(files.values()) if is_over else (), files)

    def results(self, name: str) -> Call | None:
        """Asks for them."""
        return Call("GET", f"/files/{name}/content")

    def result(self, line: Json) -> Result:
        """One of them."""
        response = line.get("response") or {}
        status = response.get("status_code")
        body = response.get("body")
        is_answer = status is not None and status < 400 and body is not None
        answer = msgspec.json.encode(body) if is_answer else None
        return Result(str(line.get("custom_id")), status, answer, line.get("error") or body)

    def within(self, answer: Json) -> Iterator[Json]:
        """None: they are asked for."""
        del answer
        yield from ()
