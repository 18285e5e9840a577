"""Reads the time that an upstream asks us to wait."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 86_400.0
"""Beyond a day the value says nothing useful; it is treated as a day."""


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds in a `retry-after` value: a number, an HTTP date, or milliseconds written `250ms`.

    None where there is none or it makes no sense; never negative.
    """
    if value is None:
        return None
    text = value.strip()
    scale = 1.0
    if text.endswith("ms"):
        text, scale = text[:-2], 0.001
    try:
        seconds = float(text) * scale
    except ValueError:
        seconds = _until(text, now)
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, MAX_RETRY_AFTER_S)


def _until(text: str, now: datetime) -> float:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return math.nan
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
