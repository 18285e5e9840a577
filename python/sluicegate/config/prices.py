"""Prices as the ledger counts them."""

from collections.abc import Iterator

from sluicegate.config.schema import ModelPrice


def pico_usd_per_token(price: ModelPrice) -> Iterator[tuple[str, int | None]]:
    """Each class of tokens with its price in pico-dollars; None where that would have to be
    rounded, as prices of more than six decimal places would, or passes 63 bits.
    """
    cache_write = price.input if price.cache_write is None else price.cache_write
    classes = {
        "input": price.input,
        "output": price.output,
        "cached_input": price.input if price.cached_input is None else price.cached_input,
        "cache_write": cache_write,
        "cache_write_1h": cache_write if price.cache_write_1h is None else price.cache_write_1h,
    }
    for name, usd in classes.items():
        pico = usd * 10**6
        yield name, int(pico) if pico == int(pico) and pico < 2**63 else None
