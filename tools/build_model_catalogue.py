#!/usr/bin/env python3
"""Builds the catalogue of models from the data of `genai-prices` and `model_facts.toml`.

    python tools/build_model_catalogue.py [--date 2026-11-27]

Writes `python/sluicegate/models/catalogue.jsonl`: a line with the version, then for each provider
a line that names it and a line for each of its models. The names of providers and the clauses by
which models are known are the price book's. A model that a maker sells through another host keeps
what the maker says it can do, not how much of it: hosts set bounds of their own.
"""

import argparse
import datetime
import json
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from build_price_book import clause
from genai_prices import types
from genai_prices.data import providers

ROOT = Path(__file__).parent.parent
OUT = ROOT / "python" / "sluicegate" / "models" / "catalogue.jsonl"
FACTS = Path(__file__).parent / "model_facts.toml"

MAKERS = {
    "anthropic": "anthropic", "cohere": "cohere", "deepseek": "deepseek", "google": "google",
    "minimax": "minimax", "mistralai": "mistral", "moonshotai": "moonshotai", "openai": "openai",
    "perplexity": "perplexity", "x-ai": "x-ai", "z-ai": "zai",
}  # fmt: skip
"""Makers as OpenRouter writes them, and as the data does."""

KEPT = ("sees", "gives", "can", "does")
"""What a maker's model can do wherever it is served."""

FOUND_WITHOUT = {"azure": "openai"}
"""Hosts whose names for models are a maker's."""

Facts = dict[str, dict[str, Any]]


def facts_of_maker(maker: str, name: str, facts: dict[str, Facts]) -> dict[str, Any]:
    """What a maker's model of that name can do."""
    of_maker = next(provider for provider in providers if provider.id == maker)
    found = next((model for model in of_maker.models if model.match.is_match(name)), None)
    own = facts.get(maker, {}).get(found.id, {}) if found else {}
    return {key: own[key] for key in KEPT if key in own}


def facts_elsewhere(provider: str, name: str, facts: dict[str, Facts]) -> dict[str, Any]:
    """What a model can do that another sells."""
    if provider in FOUND_WITHOUT:
        return facts_of_maker(FOUND_WITHOUT[provider], name, facts)
    maker, slash, rest = name.partition("/")
    if provider == "openrouter" and slash and maker in MAKERS:
        rest = rest.partition(":")[0]
        rest = rest.replace(".", "-") if maker == "anthropic" else rest
        return facts_of_maker(MAKERS[maker], rest, facts)
    _, dot, rest = name.rpartition("anthropic.")
    if provider == "aws" and dot:
        return facts_of_maker("anthropic", rest, facts)
    return {}


def line(provider: str, model: types.ModelInfo, facts: dict[str, Facts]) -> dict[str, Any]:
    """One model."""
    own = facts.get(provider, {}).get(model.id, {})
    said: dict[str, Any] = {
        "name": model.name,
        "context": model.context_window,
        "deprecated": model.deprecated or None,
        **facts_elsewhere(provider, model.id, facts),
        **own,
    }
    return {
        "id": model.id,
        "match": clause(model.match),
        **{key: value for key, value in said.items() if value is not None},
    }


def main() -> None:
    """Writes the catalogue and says how much is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    parser.add_argument("--date", type=datetime.date.fromisoformat, default=today)
    arguments = parser.parse_args()
    read = tomllib.loads(FACTS.read_text(encoding="utf-8"))
    facts: dict[str, Facts] = {name: section["models"] for name, section in read.items()}
    lines: list[dict[str, Any]] = [
        {"version": f"genai-prices-{version('genai-prices')}@{arguments.date}"}
    ]
    for provider in providers:
        head: dict[str, Any] = {"provider": provider.id, "models": len(provider.models)}
        if provider.fallback_model_providers:
            head["fallback"] = provider.fallback_model_providers
        lines.append(head)
        lines.extend(line(provider.id, model, facts) for model in provider.models)
        unknown = set(facts.get(provider.id, {})) - {model.id for model in provider.models}
        if unknown:
            print(f"{provider.id}: no such models: {sorted(unknown)}")
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in lines)
    OUT.write_text(text, encoding="utf-8")
    for key in ("context", "output", "can", "sees", "ends", "deprecated"):
        print(f"{key}: {sum(key in each for each in lines)}")
    print(f"{OUT.name}: {len(lines)} lines, {len(text)} bytes")


if __name__ == "__main__":
    main()
