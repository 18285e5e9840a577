"""`GET /v1/models`: the names that a key may ask for, in the form of whichever SDK asks."""

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from sluicegate.worker import Worker

CREATED_S: Final = 0
"""Names of a configuration have no date; SDKs demand one."""


def models_list(worker: "Worker", headers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """Status and body.

    Raises:
        RefusedError: no valid key.
    """
    names = worker.engine.models(headers)
    anthropic = any(name == b"anthropic-version" for name, _ in headers)
    if anthropic:
        body = {
            "data": [
                {
                    "type": "model",
                    "id": name,
                    "display_name": name,
                    "created_at": "1970-01-01T00:00:00Z",
                }
                for name in names
            ],
            "has_more": False,
            "first_id": names[0] if names else None,
            "last_id": names[-1] if names else None,
        }
    else:
        body = {
            "object": "list",
            "data": [
                {"id": name, "object": "model", "created": CREATED_S, "owned_by": "sluicegate"}
                for name in names
            ],
        }
    return 200, msgspec.json.encode(body)
