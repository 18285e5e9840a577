"""Prices of the configuration: checked, and written as the core reads them."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from sluicegate.config.problems import suggestion
from sluicegate.config.schema import Config, ModelPrice

PRICE_PLACES: Final = 12
"""Decimal places of a price: billionths of a billionth of a dollar for a token."""
PERCENT_PLACES: Final = 4

BOOK_KEYS: Final = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
    "input_audio": "input_audio_mtok",
    "output_audio": "output_audio_mtok",
    "input_image": "input_image_mtok",
    "output_image": "output_image_mtok",
    "per_1000_requests": "requests_kcount",
    "per_1000_web_searches": "web_searches_kcount",
}
"""The price book's names of the fields."""

ALL: Final = "*"

Fail = Callable[[tuple[str, ...], str], None]
"""Notes what is wrong with the field at a path."""


def plain(number: Decimal, places: int) -> str | None:
    """A decimal number without an exponent; None where it has more places than can be kept."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    _, _, fraction = text.partition(".")
    return text if len(fraction) <= places else None


def price_texts(price: ModelPrice, fail: Callable[[str], None]) -> dict[str, str]:
    """The prices that are given, by the book's keys; `fail` is told fields that cannot be kept."""
    texts = {}
    for field, key in BOOK_KEYS.items():
        usd = getattr(price, field)
        if usd is None:
            continue
        text = plain(usd, PRICE_PLACES)
        if text is None:
            fail(field)
        else:
            texts[key] = text
    return texts


def checked_prices(
    config: Config, providers: Iterable[str], fail: Fail
) -> dict[str, dict[str, str]]:
    """Every entry of `prices` as the core reads it."""
    prices = {}
    for name, price in config.prices.items():
        provider, slash, _ = name.partition("/")
        if not slash or provider not in providers:
            hint = suggestion(provider, providers)
            wrong = f'no provider "{provider}" is configured{hint}: write provider/model'
            fail(("prices", name), wrong)

        def too_fine(field: str, name: str = name) -> None:
            fail(("prices", name, field), "has more than twelve decimal places")

        prices[name] = price_texts(price, too_fine)
    return prices


def checked_percents(
    section: str, percents: Mapping[str, Any], providers: Iterable[str], fail: Fail
) -> dict[str, str]:
    """A section of percentages by provider, as text."""
    texts = {}
    for name, percent in percents.items():
        if name != ALL and name not in providers:
            hint = suggestion(name, providers)
            fail((section, name), f'no provider "{name}" is configured{hint}')
        text = plain(percent, PERCENT_PLACES)
        if text is None:
            fail((section, name), "has more than four decimal places")
        texts[name] = text or "0"
    return texts
