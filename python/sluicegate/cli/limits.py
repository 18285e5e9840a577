"""`sluicegate limits` and `sluicegate budgets`: a budget is a limit on cost."""

from collections.abc import Callable
from typing import Any, Final

import click

from sluicegate.accounting.limits import MEASURES, Limit
from sluicegate.admin.body import form_from
from sluicegate.admin.forms import ChangeLimit
from sluicegate.cli.desk import Clerk, administers, all_of, form_of, pairs_of

_COLUMNS: Final = (
    "rule.name",
    "rule.scope",
    *(f"rule.{measure}" for measure in MEASURES),
    "rule.per",
    "source",
)
_BUDGET_COLUMNS: Final = ("rule.name", "rule.scope", "rule.cost_usd", "rule.per", "source")
_PERIODS: Final = click.Choice(["second", "minute", "hour", "day", "week", "month", "total"])

_SCOPE = click.option(
    "--scope",
    multiple=True,
    metavar="NAME=VALUE",
    help="Whom it binds: organisation, team, project, user, key, end_user, tag, run, model or "
    "provider; `*` as a value is each by itself.",
)
_COUNTS = [measure for measure in MEASURES if measure != "cost_usd"]


def _rule_options(command: Callable[..., None]) -> Callable[..., None]:
    """The fields of a limit but its name and measure."""
    options = [
        _SCOPE,
        click.option("--per", type=_PERIODS),
        click.option(
            "--window",
            type=click.Choice(["sliding", "calendar"]),
            help="sliding moves along; calendar begins with the calendar's.",
        ),
        click.option("--zone", help="Whose midnight begins a calendar window; UTC if omitted."),
        click.option("--burst", type=int, help="How much may come at once in a sliding window."),
        click.option(
            "--at-cap",
            type=click.Choice(["cut", "finish", "downgrade"]),
            help="What becomes of a stream that reaches it; cut if omitted.",
        ),
        click.option("--downgrade-to", help="The cheaper model of later calls."),
        click.option("--notify", multiple=True, type=int, help="A percent to tell of."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _measure_options(command: Callable[..., None]) -> Callable[..., None]:
    for measure in reversed(_COUNTS):
        command = click.option(f"--{measure.replace('_', '-')}", type=int)(command)
    return click.option("--cost-usd")(command)


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    """What was given, as the API takes it."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if "scope" in given:
        given["scope"] = pairs_of(given["scope"], "--scope")
    if "notify" in given:
        given["notify"] = list(given["notify"])
    return given


def _change(options: dict[str, Any]) -> ChangeLimit:
    changes = _fields(options)
    if not changes:
        raise click.UsageError("nothing to change: name a field")
    form: ChangeLimit = form_from(changes, ChangeLimit)
    return form


@click.group()
def limits() -> None:
    """Limits in the gateway's store: how much of what, for whom, in which time."""


@click.group()
def budgets() -> None:
    """Budgets: limits on cost."""


@limits.command("create")
@click.argument("name")
@_measure_options
@_rule_options
@administers
def create_limit(clerk: Clerk, name: str, **options: Any) -> None:
    """Make a limit; exactly one thing is measured."""
    limit = form_of(Limit, name=name, **_fields(options))
    clerk.show(clerk.service.limits.create(clerk.actor, limit), _COLUMNS)


@budgets.command("create")
@click.argument("name")
@click.option("--usd", "cost_usd", required=True, help="US dollars, up to nine decimal places.")
@_rule_options
@administers
def create_budget(clerk: Clerk, name: str, **options: Any) -> None:
    """Make a budget."""
    limit = form_of(Limit, name=name, **_fields(options))
    clerk.show(clerk.service.limits.create(clerk.actor, limit), _BUDGET_COLUMNS)


@limits.command("update")
@click.argument("name")
@_measure_options
@_rule_options
@administers
def update_limit(clerk: Clerk, name: str, **options: Any) -> None:
    """Change a limit; what is left out stays."""
    clerk.show(clerk.service.limits.change(clerk.actor, name, _change(options)), _COLUMNS)


@budgets.command("update")
@click.argument("name")
@click.option("--usd", "cost_usd")
@_rule_options
@administers
def update_budget(clerk: Clerk, name: str, **options: Any) -> None:
    """Change a budget; what is left out stays, and what was spent stays spent."""
    change = _change(options)
    name = clerk.service.standings.budget(clerk.actor, name)
    clerk.show(clerk.service.limits.change(clerk.actor, name, change), _BUDGET_COLUMNS)


def _shared(group: click.Group, columns: tuple[str, ...], *, budgets_only: bool) -> None:
    """The commands that both have."""

    def named(clerk: Clerk, name: str) -> str:
        return clerk.service.standings.budget(clerk.actor, name) if budgets_only else name

    @group.command("list", help="List all, those of the configuration too.")
    @administers
    def list_all(clerk: Clerk) -> None:
        page = clerk.service.limits.page
        actor = clerk.actor
        all_pages = all_of(lambda at: page(actor, cursor=at, limit=500, budgets_only=budgets_only))
        clerk.show(all_pages, columns)

    @group.command(help="Show one.")
    @click.argument("name")
    @administers
    def show(clerk: Clerk, name: str) -> None:
        clerk.show(clerk.service.limits.get(clerk.actor, named(clerk, name)))

    @group.command(help="Count anew from now.")
    @click.argument("name")
    @administers
    def reset(clerk: Clerk, name: str) -> None:
        clerk.show(clerk.service.limits.reset(clerk.actor, named(clerk, name)), columns)

    @group.command(help="End one.")
    @click.argument("name")
    @administers
    def delete(clerk: Clerk, name: str) -> None:
        clerk.show(clerk.service.limits.delete(clerk.actor, named(clerk, name)))


_shared(limits, _COLUMNS, budgets_only=False)
_shared(budgets, _BUDGET_COLUMNS, budgets_only=True)
