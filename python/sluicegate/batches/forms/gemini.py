"""Gemini's batches, with their requests in the request that begins them. Source:
https://ai.google.dev/api/batch-api
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Raw

from sluicegate.batches.forms.anthropic import numbered, seconds_of
from sluicegate.batches.forms.base import Asked, Call, Json, Result, Seen, Sent, status_of
from sluicegate.config.settings import Upstream
from sluicegate.errors import InvalidRequestError

MAX_BYTES: Final = 20_000_000
"""Of all requests together. Source: https://ai.google.dev/gemini-api/docs/batch-api"""
_ENDPOINTS: Final = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
_STATES: Final = {
    "BATCH_STATE_UNSPECIFIED": "validating",
    "BATCH_STATE_PENDING": "validating",
    "BATCH_STATE_RUNNING": "in_progress",
    "BATCH_STATE_SUCCEEDED": "completed",
    "BATCH_STATE_FAILED": "failed",
    "BATCH_STATE_CANCELLED": "cancelled",
    "BATCH_STATE_EXPIRED": "expired",
}


class GeminiBatches:
    """See the module."""

    keeps_files = False

    def endpoints(self, upstream: Upstream) -> Sequence[str]:
        """Those that it has."""
        # Vertex AI has jobs of its own, of files in its own stores.
        return () if "/publishers/" in upstream.base_url else _ENDPOINTS

    def begin(self, asked: Asked, source: str | Sequence[Sent]) -> Call:
        """Begins one."""
        lines = [sent for sent in source if isinstance(sent, Sent)]
        models = {sent.model for sent in lines}
        if len(models) > 1:
            raise InvalidRequestError(
                f"the lines ask for {', '.join(sorted(models))}: the provider takes batches of one "
                "model",
                param="input_file_id",
            )
        requests = [
            {"request": Raw(sent.body), "metadata": {"key": numbered(number)}}
            for number, sent in enumerate(lines)
        ]
        batch = {"displayName": asked.batch_id, "inputConfig": {"requests": {"requests": requests}}}
        body = msgspec.json.encode({"batch": batch})
        if len(body) > MAX_BYTES:
            raise InvalidRequestError(
                f"the batch has {len(body)} bytes in the provider's form; it takes {MAX_BYTES}",
                param="input_file_id",
            )
        model = quote(models.pop().removeprefix("models/"), safe="")
        return Call("POST", f"/models/{model}:batchGenerateContent", body)

    def begun(self, answer: Json) -> str:
        """Its id."""
        return str(answer["name"]).removeprefix("batches/")

    def look(self, upstream_id: str) -> Call:
        """Asks for it."""
        return Call("GET", f"/batches/{upstream_id}")

    def cancel(self, upstream_id: str) -> Call:
        """Ends it."""
        return Call("POST", f"/batches/{upstream_id}:cancel", b"{}")

    def seen(self, answer: Json) -> Seen:
        """How it stands."""
        batch: dict[str, Any] = answer.get("metadata") or {}
        status = _STATES.get(batch.get("state", ""), "in_progress")
        stats = {name: int(value) for name, value in (batch.get("batchStats") or {}).items()}
        counts = ("requestCount", "successfulRequestCount", "failedRequestCount")
        shown: Json = {
            "status": status,
            "request_counts": status_of(stats.get(name, 0) for name in counts),
            "in_progress_at": seconds_of(batch.get("createTime")),
        }
        if answer.get("done") or batch.get("endTime"):
            if status in {"validating", "in_progress"}:
                shown["status"] = status = "failed" if "error" in answer else "completed"
            shown[f"{status}_at"] = seconds_of(batch.get("endTime"))
            return Seen(shown, ("inline",))
        return Seen(shown, ("inline",) if status in {"completed", "failed"} else ())

    def results(self, name: str) -> Call | None:
        """Asks for them."""
        del name
        return None

    def result(self, line: Json) -> Result:
        """One of them."""
        name = str((line.get("metadata") or {}).get("key"))
        if (answer := line.get("response")) is not None:
            return Result(name, 200, msgspec.json.encode(answer))
        error = line.get("error") or {}
        status = 400 if error.get("code") in {3, 400} else 500
        told = {"code": error.get("status"), "message": error.get("message", "")}
        return Result(name, status, None, told)

    def within(self, answer: Json) -> Iterator[Json]:
        """They stand where the operation ended, and in its metadata."""
        for place in (answer.get("response"), (answer.get("metadata") or {}).get("output")):
            found = ((place or {}).get("inlinedResponses") or {}).get("inlinedResponses")
            if found:
                yield from found
                return
