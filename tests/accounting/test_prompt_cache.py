"""What vendors' prompt caches saved."""

from decimal import Decimal

import pytest

from sluicegate.accounting.prompt_cache import prompt_cache_saved_usd

PRICES = {
    "input_mtok": "0.000003",
    "cache_read_mtok": "0.0000003",
    "cache_write_mtok": "0.00000375",
    "cache_write_1h_mtok": "0.000006",
}


@pytest.mark.parametrize(
    ("read", "written", "written_1h", "saved"),
    [
        (0, 0, 0, "0"),
        (1_000_000, 0, 0, "2.7"),
        (0, 1_000_000, 0, "-0.75"),
        (0, 1_000_000, 1_000_000, "-3"),
        (1_000_000, 1_000_000, 500_000, "0.825"),
    ],
)
def test_reading_saves_and_writing_costs(
    read: int, written: int, written_1h: int, saved: str
) -> None:
    found = prompt_cache_saved_usd(read=read, written=written, written_1h=written_1h, prices=PRICES)
    assert found == Decimal(saved)
