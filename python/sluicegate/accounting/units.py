"""The ledger's sums in a limit's units."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sluicegate.accounting.limits import Measure
from sluicegate.store.sums import Sums

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(unix_ns: int) -> str:
    """A moment as the ledger writes it."""
    moment = _EPOCH + timedelta(microseconds=unix_ns // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def units_of(measure: Measure, sums: Sums) -> int:
    """What was used, as the limit counts it; money in pico-dollars."""
    match measure:
        case "requests":
            return sums.requests
        case "input_tokens":
            return sums.input_tokens
        case "output_tokens":
            return sums.output_tokens
        case "total_tokens":
            return sums.total_tokens
        case "cost_usd":
            return sums.cost_pico_usd
        case "parallel":
            return 0
