#!/usr/bin/env python3
"""Builds the price book that ships in the extension from the data of `genai-prices`.

    python tools/build_price_book.py [--date 2026-11-24]

Reads the installed package (a development dependency; the gateway itself never imports it) and
writes `rust/price/book.jsonl`: a line with the version, then for each provider a line that names
it and a line for each of its models. Prices are the decimal texts of the source, in US dollars by
the unit that the key names; no binary fraction stands anywhere on the way.
"""

import argparse
import datetime
import json
import re
import sys
from collections import Counter
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers

BOOK = Path(__file__).parent.parent / "rust" / "price" / "book.jsonl"

PRICED = {
    "input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok",
    "input_audio_mtok", "cache_audio_read_mtok", "output_audio_mtok",
    "input_image_mtok", "cache_image_read_mtok", "output_image_mtok",
    "output_reasoning_mtok", "requests_kcount", "web_searches_kcount",
    "input_audio_hours", "input_mchars",
}  # fmt: skip
"""What an answer's usage, or the request itself, lets us count."""

LEFT_OUT = {"storage_searches_kcount", "social_searches_kcount", "code_executions_kcount"}
"""Fees for tools that no route of the gateway offers. A model that costs anything else (pages,
video, hours of a live session, hours beside tokens) has no prices in the book: one that is too low
is worse than none. Its line stays, since a looser clause further down must not match it.
"""

FREE = ":free"
"""The suffix of models that a host gives away: a known price of 0, where the source has none."""

PLACES = 12
"""Decimal places of a price per million tokens: billionths of a billionth of a dollar for a token.
What has more is a binary fraction that slipped into the source (0.13999999999999999).
"""

CLAUSES = {
    types.ClauseStartsWith: "starts_with",
    types.ClauseEndsWith: "ends_with",
    types.ClauseContains: "contains",
    types.ClauseEquals: "equals",
}

LOOKAHEAD = re.compile(r"\^\(\?!(\.\*-\[tT\]\[tT\]\[sS\]\(\?:\$\|-\))\)")


class Report:
    """What was changed on the way, for the one who builds."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.rounded: list[str] = []
        self.left_out: list[str] = []
        self.keys: Counter[str] = Counter()


def clause(logic: Any) -> dict[str, Any]:
    """A match clause, as the source's own JSON writes it, and `not` for what looked ahead."""
    if isinstance(logic, types.ClauseOr):
        return {"or": [clause(part) for part in logic.or_]}
    if isinstance(logic, types.ClauseAnd):
        return {"and": [clause(part) for part in logic.and_]}
    if isinstance(logic, types.ClauseRegex):
        if ahead := LOOKAHEAD.fullmatch(logic.regex):
            return {"not": {"regex": f"^{ahead[1]}"}}
        if "(?!" in logic.regex or "(?=" in logic.regex:
            sys.exit(f"{logic.regex!r} looks ahead, which the book's matcher cannot")
        return {"regex": logic.regex}
    name = CLAUSES[type(logic)]
    return {name: getattr(logic, name).lower()}


def decimal(price: Decimal, where: str, report: Report) -> str:
    """A price as plain text."""
    rounded = round(price, PLACES) if -int(price.as_tuple().exponent) > PLACES else price
    if rounded != price:
        report.rounded.append(f"{where}: {price} -> {rounded.normalize()}")
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price_set(prices: types.ModelPrice, where: str, report: Report) -> dict[str, Any] | None:
    """Prices by key; None where the model costs what cannot be counted."""
    out: dict[str, Any] = {}
    given = {key: value for key, value in vars(prices).items() if value is not None}
    heard = given.get("input_audio_hours")
    # The same hours under a wider name; beside tokens nobody says which were heard.
    if heard is not None and (given.pop("audio_hours", None) != heard or len(given) > 1):
        return None
    for key, value in given.items():
        if key in LEFT_OUT:
            continue
        report.keys[key] += 1
        if key not in PRICED:
            return None
        place = f"{where} {key}"
        if isinstance(value, types.TieredPrices):
            out[key] = {
                "base": decimal(value.base, place, report),
                "tiers": [
                    {"start": tier.start, "price": decimal(tier.price, place, report)}
                    for tier in value.tiers
                ],
            }
        else:
            out[key] = decimal(value, place, report)
    return out


def constraint(rule: Any) -> dict[str, str] | None:
    """When a price holds."""
    if rule is None:
        return None
    if isinstance(rule, types.StartDateConstraint):
        return {"start_date": rule.start_date.isoformat()}
    times = {"start_time": rule.start_time, "end_time": rule.end_time}
    for time in times.values():
        if time.utcoffset() not in {None, datetime.timedelta(0)}:
            sys.exit(f"{time} is not in UTC")
    return {name: time.replace(tzinfo=None).isoformat() for name, time in times.items()}


def model_line(provider: str, model: types.ModelInfo, report: Report) -> dict[str, Any]:
    """One model; without prices where it costs what cannot be counted, or nobody knows what."""
    where = f"{provider}/{model.id}"
    periods = model.prices
    if isinstance(periods, types.ModelPrice):
        periods = [types.ConditionalPrice(prices=periods)]
    line: dict[str, Any] = {"id": model.id, "match": clause(model.match), "prices": []}
    for period in periods:
        prices = price_set(period.prices, where, report)
        if prices == {} and model.id.endswith(FREE):
            prices = {"input_mtok": "0", "output_mtok": "0"}
        if not prices:
            report.left_out.append(where)
            return {**line, "prices": []}
        entry: dict[str, Any] = {"prices": prices}
        if rule := constraint(period.constraint):
            entry["constraint"] = rule
        line["prices"].append(entry)
    variants = []
    for variant in model.price_variants or ():
        prices = price_set(variant.prices, where, report)
        if prices:
            entry = {"when": variant.when, "prices": prices}
            if rule := constraint(variant.constraint):
                entry["constraint"] = rule
            variants.append(entry)
    if variants:
        line["price_variants"] = variants
    return line


def main() -> None:
    """Writes the book and says what was changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    parser.add_argument("--date", type=datetime.date.fromisoformat, default=today)
    arguments = parser.parse_args()
    report = Report()
    lines: list[dict[str, Any]] = [
        {"version": f"genai-prices-{version('genai-prices')}@{arguments.date}"}
    ]
    for provider in providers:
        head: dict[str, Any] = {"provider": provider.id, "api_pattern": provider.api_pattern}
        if provider.fallback_model_providers:
            head["fallback_model_providers"] = provider.fallback_model_providers
        lines.append(head)
        lines.extend(model_line(provider.id, model, report) for model in provider.models)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    BOOK.write_text(text, encoding="utf-8")
    for title, items in (("rounded", report.rounded), ("without prices", report.left_out)):
        print(f"{title}: {len(items)}", *items, sep="\n  ")
    print(f"keys: {dict(report.keys.most_common())}")
    print(f"{BOOK.name}: {len(lines)} lines, {len(text)} bytes")


if __name__ == "__main__":
    main()
