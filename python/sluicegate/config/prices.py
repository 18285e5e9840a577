"""Prices of the configuration: checked, and written as the core reads them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    "per_image": "output_images_count",
    "per_audio_hour": "input_audio_hours",
    "per_million_characters": "input_mchars",
    "per_1000_searches": "document_searches_kcount",
}
"""The price book's names of the fields."""

IMAGE_KEY: Final = BOOK_KEYS["per_image"]
HOUR_KEY: Final = BOOK_KEYS["per_audio_hour"]
MINUTES: Final = 60
UNSET: Final[tuple[object, ...]] = (None, {})

OF_TOKENS: Final = tuple(field for field, key in BOOK_KEYS.items() if key.endswith("_mtok"))
TWICE: Final = {"per_audio_minute": "per_audio_hour", "per_image_by_kind": "per_image"}
"""Fields that say the same as others."""

PriceTexts = dict[str, str | dict[str, str]]
"""By the book's keys; of pictures also by their kind."""

ALL: Final = "*"

Fail = Callable[[tuple[str, ...], str], None]
"""Notes what is wrong with the field at a path."""


def plain(number: Decimal, places: int) -> str | None:
    """A decimal number without an exponent; None where it has more places than can be kept."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    _, _, fraction = text.partition(".")
    return text if len(fraction) <= places else None


def price_texts(price: ModelPrice, fail: Callable[[str], None]) -> PriceTexts:
    """The prices that are given, by the book's keys; `fail` is told fields that cannot be kept."""

    def kept(field: str, usd: Decimal) -> str:
        text = plain(usd, PRICE_PLACES)
        if text is None:
            fail(field)
        return text or "0"

    texts: PriceTexts = {}
    for field, key in BOOK_KEYS.items():
        usd = getattr(price, field)
        if usd is not None:
            texts[key] = kept(field, usd)
    if price.per_audio_minute is not None:
        texts[HOUR_KEY] = kept("per_audio_minute", price.per_audio_minute * MINUTES)
    if price.per_image_by_kind:
        by_kind = price.per_image_by_kind.items()
        texts[IMAGE_KEY] = {kind: kept("per_image_by_kind", usd) for kind, usd in by_kind}
    return texts


def wrong_fields(price: ModelPrice) -> Iterator[tuple[str, str]]:
    """Fields that are missing or say the same twice, and what is wrong with them."""
    given = {field for field in ModelPrice.__struct_fields__ if getattr(price, field) not in UNSET}
    has_other = given - {*OF_TOKENS, "per_1000_web_searches"}
    if not has_other or given & set(OF_TOKENS):
        for field in ("input", "output"):
            if field not in given:
                yield field, "is required"
    for field, other in TWICE.items():
        if {field, other} <= given:
            yield field, f"says the same as `{other}`: give one of them"


def checked_prices(config: Config, providers: Iterable[str], fail: Fail) -> dict[str, PriceTexts]:
    """Every entry of `prices` as the core reads it."""
    prices = {}
    for name, price in config.prices.items():
        provider, slash, _ = name.partition("/")
        if not slash or provider not in providers:
            hint = suggestion(provider, providers)
            wrong = f'no provider "{provider}" is configured{hint}: write provider/model'
            fail(("prices", name), wrong)

        for field, wrong in wrong_fields(price):
            fail(("prices", name, field), wrong)

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
