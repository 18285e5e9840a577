"""Files and batches as OpenAI's clients see them. Source:
https://platform.openai.com/docs/api-reference/files,
https://platform.openai.com/docs/api-reference/batch
"""

import time
import uuid
from collections.abc import Sequence
from typing import Any, Final

from sluicegate.errors import GatewayError
from sluicegate.store.batches import StoredFile

Json = dict[str, Any]

DAY_S: Final = 24 * 3600
ENDED: Final = frozenset({"failed", "completed", "expired", "cancelled"})
"""How a batch ends."""


class NotFoundError(GatewayError):
    """No such file or batch, or somebody else's: it is not told which."""

    status = 404

    def __init__(self, kind: str, name: str) -> None:
        """Args: kind: `file` or `batch`."""
        message = f"this key has no {kind} {name!r}"
        super().__init__(message, code=f"{kind}_not_found", param="id")


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_id(prefix: str) -> str:
    """An id that nobody guesses."""
    return f"{prefix}{uuid.uuid4().hex}"


def file_object(file: StoredFile) -> Json:
    """A file."""
    shown: Json = {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at_ms // 1000,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }
    if file.expires_at_ms is not None:
        shown["expires_at"] = file.expires_at_ms // 1000
    return shown


def batch_object(
    batch_id: str, endpoint: str, input_file_id: str, metadata: Json | None, total: int
) -> Json:
    """A batch that has just begun."""
    created_at = now_ms() // 1000
    times = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling")
    return {
        "id": batch_id,
        "object": "batch",
        "endpoint": endpoint,
        "errors": None,
        "input_file_id": input_file_id,
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": created_at,
        "expires_at": created_at + DAY_S,
        **{f"{name}_at": None for name in (*times, "cancelled")},
        "request_counts": {"total": total, "completed": 0, "failed": 0},
        "metadata": metadata,
    }


def page_of(shown: Sequence[Json], limit: int) -> Json:
    """A page of a list, of which one more than fits was looked up."""
    page = shown[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(shown) > limit,
    }
