"""`sluicegate providers`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from sluicegate.cli.common import CONFIG, load_or_exit
from sluicegate.cli.table import print_json, show, show_one, shown_as
from sluicegate.config.problems import suggestion
from sluicegate.config.settings import Settings, Upstream
from sluicegate.credentials import CredentialError
from sluicegate.probe import (
    ASKABLE,
    Verdict,
    call_of,
    has_list,
    judge,
    make,
    whose,
    with_credential,
    without_credential,
)
from sluicegate.providers import ALIASES, CATALOGUE, ProviderRow, name_of, row_at, row_named

DOES_NOT_WORK: Final = 3
"""Exit code where a provider does not answer as it should; 1 is a mistake in the file or a name."""
_COLUMNS: Final = ("name", "dialect", "base_url", "api_key_env", "aliases")


@click.group()
def providers() -> None:
    """Hosts that the gateway knows by name, and those of a configuration put to the test."""


@providers.command("list")
@click.option("--dialect", help="Only those that speak it.")
@shown_as
def list_(dialect: str | None, form: str) -> None:
    """List the catalogue."""
    show(list(_rows(lambda _, row: dialect in {None, row.dialect})), _COLUMNS, form)


@providers.command()
@click.argument("words", nargs=-1, required=True)
@shown_as
def search(words: tuple[str, ...], form: str) -> None:
    """List hosts whose name, alias, URL, key variable or quirks have all the words."""
    lower = [word.lower() for word in words]

    def fits(name: str, row: ProviderRow) -> bool:
        parts = (name, *row.aliases, row.base_url, row.api_key_env, row.dialect, *row.quirks)
        text = " ".join(parts).lower()
        return all(word in text for word in lower)

    found = list(_rows(fits))
    show(found, _COLUMNS, form)
    if not found:
        sys.exit(1)


@providers.command("show")
@click.argument("name")
@shown_as
def show_(name: str, form: str) -> None:
    """Show what is known of one host."""
    row = row_named(name)
    if row is None:
        hint = suggestion(name, [*CATALOGUE, *ALIASES])
        raise click.ClickException(f'"{name}" is not in the catalogue{hint}')
    show_one(_fields(name_of(name), row), form)


@providers.command()
@click.argument("name")
@CONFIG
@click.option("--model", help="Which to ask; else the first that `models` has of this provider.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.1, 600), default=30.0)
@shown_as
def test(name: str, config: Path, model: str | None, timeout_s: float, form: str) -> None:
    """Make one call to a provider of a configuration and say what is wrong.

    Where no model is known its list of models is asked for. Exit code 0: it works; 1: a mistake
    in the file or the name; 3: it does not work.
    """
    settings = load_or_exit(config)
    upstream = settings.upstreams.get(name)
    if upstream is None:
        hint = suggestion(name, settings.upstreams)
        raise click.ClickException(f'no provider "{name}" is configured{hint}')
    if upstream.dialect not in ASKABLE or upstream.plugin_dialect:
        spoken = upstream.plugin_dialect or upstream.dialect
        raise click.ClickException(f"{spoken} cannot be tested in this version")
    model = model or _model_of(settings, name)
    if model is None and not has_list(upstream):
        raise click.UsageError(f"{name} has no list of models to ask for: name one with --model")
    tried, verdict = _tried(upstream, model, timeout_s)
    _tell(name, tried, verdict, form)
    sys.exit(0 if verdict.ok else DOES_NOT_WORK)


def _tried(upstream: Upstream, model: str | None, timeout_s: float) -> tuple[str, Verdict]:
    """What was tried last, and what came of it."""
    try:
        upstream = with_credential(upstream)
    except CredentialError as error:
        tried = f"to get a credential of {whose(upstream)}"
        return tried, without_credential(upstream, model, error)
    call = call_of(upstream, model)
    verdict = judge(upstream, _row_of(upstream), call, make(call, timeout_s=timeout_s))
    return f"{call.method} {call.url}", verdict


def _tell(name: str, tried: str, verdict: Verdict, form: str) -> None:
    if form == "json":
        url = tried.rpartition(" ")[2] if "://" in tried else ""
        fields = {"provider": name, "ok": verdict.ok, "kind": verdict.kind}
        print_json({**fields, "url": url, "message": verdict.message, "said": verdict.said})
        return
    click.echo(f"{name}: {'ok' if verdict.ok else 'does not work'}: {verdict.message}")
    if not verdict.ok:
        click.echo(f"  tried  {tried}")
        if verdict.said:
            click.echo(f"  said   {verdict.said}")


def _model_of(settings: Settings, provider: str) -> str | None:
    targets = (target for route in settings.routes.values() for target in route.targets)
    return next((target.model for target in targets if target.provider == provider), None)


def _row_of(upstream: Upstream) -> ProviderRow | None:
    return row_named(upstream.name) or row_at(upstream.base_url, upstream.dialect)


def _rows(fits: Any) -> Iterator[dict[str, Any]]:
    return (_fields(name, row) for name, row in sorted(CATALOGUE.items()) if fits(name, row))


def _fields(name: str, row: ProviderRow) -> dict[str, Any]:
    data = row.data
    return {
        "name": name,
        "aliases": list(row.aliases),
        "dialect": row.dialect,
        "responses": row.responses,
        "completions": row.completions,
        "base_url": row.base_url,
        "settings": dict(row.settings),
        "api_key_env": row.api_key_env,
        "auth": row.auth if row.needs_key else "none",
        "docs": row.docs,
        "lacks": sorted(row.lacks),
        "extensions": sorted(row.extensions),
        "quota_codes": sorted(row.quota_codes),
        "quirks": list(row.quirks),
        "price_provider": row.price_provider or name,
        "trains_on_data": data.trains if data else None,
        "keeps_data_days": data.kept_days if data else None,
        "zero_retention": data.zero_retention if data else None,
        "data_docs": data.docs if data else None,
        "data_as_of": data.as_of if data else None,
    }
