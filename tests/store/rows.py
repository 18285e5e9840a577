"""Rows as the journal hands them out."""

import json
from typing import Any

from sluicegate.accounting.ledger import JournalRow


def row(number: int, attempt: int = 1, kind: str = "settled", **fields: Any) -> JournalRow:
    """One row, one second after the one before it."""
    whole = {"time": f"2026-11-23T00:{number // 60:02}:{number % 60:02}.000000Z", **fields}
    return f"{number:032x}", attempt, kind, json.dumps(whole).encode()
