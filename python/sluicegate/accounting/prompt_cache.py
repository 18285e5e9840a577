"""What vendors' own prompt caches saved, told from tokens and prices."""

from collections.abc import Mapping
from decimal import Decimal


def prompt_cache_saved_usd(
    *, read: int, written: int, written_1h: int, prices: Mapping[str, str]
) -> Decimal:
    """Dollars that a vendor's cache saved; below 0 where more was paid for writing than reading
    saved.

    Args:
        read: the ledger's `cached_input_tokens`.
        written: its `cache_write_tokens`.
        written_1h: its `cache_write_1h_tokens`, which are among the written ones.
        prices: dollars apiece by the price book's keys, as `Engine.offers` gives them: those of now
            and for short input, so that rows of other days or with longer input are estimates.
    """
    fresh = Decimal(prices["input_mtok"])
    by_class = {
        "cache_read_mtok": read,
        "cache_write_mtok": written - written_1h,
        "cache_write_1h_mtok": written_1h,
    }
    each = (count * (fresh - Decimal(prices[key])) for key, count in by_class.items())
    return sum(each, Decimal(0))
