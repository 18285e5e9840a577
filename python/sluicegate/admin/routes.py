"""The admin API's routes: one table, from which requests are served and the OpenAPI document is
made.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from sluicegate.accounting.generation import GenerationView
from sluicegate.accounting.limits import Limit
from sluicegate.admin import forms, views
from sluicegate.admin.actor import Actor, Role
from sluicegate.admin.errors import InvalidInputError, Problem
from sluicegate.admin.savings import CacheReportView
from sluicegate.admin.service import Service
from sluicegate.config.problems import suggestion
from sluicegate.store.ledger import GROUPS

PREFIX: Final = "/admin/v1"
PAGE: Final = 50
MAX_PAGE: Final = 500


class Asked(NamedTuple):
    """A request, read and checked."""

    service: Service
    actor: Actor
    names: Mapping[str, str]
    """Of the path."""
    query: Mapping[str, str]
    form: Any

    @property
    def cursor(self) -> str | None:
        """Where the page before ended."""
        return self.query.get("cursor")

    @property
    def limit(self) -> int:
        """How many of a list."""
        text = self.query.get("limit", str(PAGE))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_PAGE):
            raise InvalidInputError([Problem("limit", f"is not a number from 1 to {MAX_PAGE}")])
        return int(text)


class Route(NamedTuple):
    """One method on one path."""

    method: str
    path: str
    role: Role
    """The least that may use it."""
    summary: str
    answer: Any
    call: Callable[[Asked], Any]
    form: type[msgspec.Struct] | None = None
    query: Sequence[str] = ()
    status: int = 200


_PAGED: Final = ("cursor", "limit")
_KINDS: Final[tuple[tuple[str, str, Any, Role], ...]] = (
    ("organisations", "organisation", forms.NewOrganisation, "root"),
    ("teams", "team", forms.NewTeam, "organisation_admin"),
    ("projects", "project", forms.NewProject, "team_admin"),
    ("users", "user", forms.NewUser, "team_admin"),
)


def _identities(plural: str, kind: str, form: Any, role: Role) -> list[Route]:
    path = f"/{plural}"
    one = f"{path}/{{id}}"
    page = views.Page[views.IdentityView]
    return [
        Route(
            "GET",
            path,
            "team_admin",
            f"The {plural} that you administer",
            page,
            lambda a: a.service.identities.page(a.actor, kind, cursor=a.cursor, limit=a.limit),
            query=_PAGED,
        ),
        Route(
            "POST",
            path,
            role,
            f"Make {_a(kind)}",
            views.IdentityView,
            lambda a: a.service.identities.create(a.actor, kind, a.form),
            form=form,
            status=201,
        ),
        Route(
            "GET",
            one,
            "team_admin",
            f"One {kind}",
            views.IdentityView,
            lambda a: a.service.identities.get(a.actor, kind, a.names["id"]),
        ),
        Route(
            "PATCH",
            one,
            role,
            f"Change {_a(kind)}",
            views.IdentityView,
            lambda a: a.service.identities.change(a.actor, kind, a.names["id"], a.form),
            form=forms.ChangeIdentity,
        ),
        Route(
            "DELETE",
            one,
            role,
            f"Delete {_a(kind)}"
            + (": its keys end, the ledger's lines stay without the name" * (kind == "user")),
            views.DeletedView,
            lambda a: a.service.identities.delete(a.actor, kind, a.names["id"]),
        ),
    ]


def _a(kind: str) -> str:
    return f"{'an' if kind[0] == 'o' else 'a'} {kind}"


_KEYS: Final = [
    Route(
        "GET",
        "/keys",
        "team_admin",
        "Your keys, without their secrets",
        views.Page[views.KeyView],
        lambda a: a.service.keys.page(
            a.actor, cursor=a.cursor, limit=a.limit, name=a.query.get("name")
        ),
        query=(*_PAGED, "name"),
    ),
    Route(
        "POST",
        "/keys",
        "team_admin",
        "Make a key; its secret is shown here and never again",
        views.MintedKeyView,
        lambda a: a.service.keys.create(a.actor, a.form),
        form=forms.NewKey,
        status=201,
    ),
    Route(
        "GET",
        "/keys/{id}",
        "team_admin",
        "One key",
        views.KeyView,
        lambda a: a.service.keys.get(a.actor, a.names["id"]),
    ),
    Route(
        "PATCH",
        "/keys/{id}",
        "team_admin",
        "Change a key; what is left out stays",
        views.KeyView,
        lambda a: a.service.keys.change(a.actor, a.names["id"], a.form),
        form=forms.ChangeKey,
    ),
    Route(
        "POST",
        "/keys/{id}/rotate",
        "team_admin",
        "A new secret for a key; the old one works for a while",
        views.MintedKeyView,
        lambda a: a.service.keys.rotate(a.actor, a.names["id"], a.form),
        form=forms.RotateKey,
    ),
    Route(
        "POST",
        "/keys/{id}/revoke",
        "team_admin",
        "End a key for good, within a second on this host",
        views.KeyView,
        lambda a: a.service.keys.revoke(a.actor, a.names["id"]),
        form=forms.Nothing,
    ),
    Route(
        "DELETE",
        "/keys/{id}",
        "team_admin",
        "End a key and take its name out of the ledger, whose lines stay",
        views.DeletedView,
        lambda a: a.service.keys.delete(a.actor, a.names["id"]),
    ),
]


_PROVIDER_KEYS: Final = [
    Route(
        "GET",
        "/provider-keys",
        "team_admin",
        "Your own credentials for providers, without the credentials",
        views.Page[views.ProviderKeyView],
        lambda a: a.service.provider_keys.page(a.actor, cursor=a.cursor, limit=a.limit),
        query=_PAGED,
    ),
    Route(
        "POST",
        "/provider-keys",
        "team_admin",
        "Give a credential of your own for a provider, in force within a second on this host",
        views.ProviderKeyView,
        lambda a: a.service.provider_keys.create(a.actor, a.form),
        form=forms.NewProviderKey,
        status=201,
    ),
    Route(
        "PATCH",
        "/provider-keys/{id}",
        "team_admin",
        "Put another credential in the place of one",
        views.ProviderKeyView,
        lambda a: a.service.provider_keys.replace(a.actor, a.names["id"], a.form),
        form=forms.ReplaceProviderKey,
    ),
    Route(
        "DELETE",
        "/provider-keys/{id}",
        "team_admin",
        "Take a credential out; the operator's is used again",
        views.DeletedView,
        lambda a: a.service.provider_keys.delete(a.actor, a.names["id"]),
    ),
]


def _limits(plural: str, *, budgets_only: bool) -> list[Route]:
    path = f"/{plural}"
    one = f"{path}/{{name}}"
    word = "budget" if budgets_only else "limit"
    named = _budget if budgets_only else _limit
    return [
        Route(
            "GET",
            path,
            "team_admin",
            f"Your {plural}",
            views.Page[views.LimitView],
            lambda a: a.service.limits.page(
                a.actor, cursor=a.cursor, limit=a.limit, budgets_only=budgets_only
            ),
            query=_PAGED,
        ),
        Route(
            "POST",
            path,
            "team_admin",
            f"Make a {word}, in force within a second on this host",
            views.LimitView,
            lambda a: a.service.limits.create(a.actor, _money(a.form) if budgets_only else a.form),
            form=Limit,
            status=201,
        ),
        Route(
            "GET",
            one,
            "team_admin",
            f"One {word}",
            views.LimitView,
            lambda a: a.service.limits.get(a.actor, named(a)),
        ),
        Route(
            "PATCH",
            one,
            "team_admin",
            f"Change a {word}; what was used stays used",
            views.LimitView,
            lambda a: a.service.limits.change(a.actor, named(a), a.form),
            form=forms.ChangeLimit,
        ),
        Route(
            "DELETE",
            one,
            "team_admin",
            f"End a {word}",
            views.DeletedView,
            lambda a: a.service.limits.delete(a.actor, named(a)),
        ),
        Route(
            "GET",
            f"{one}/standing",
            "team_admin",
            f"What is used, held and left of a {word}; `of` has the values of its `*` dimensions",
            views.StandingView,
            lambda a: a.service.standings.get(
                a.actor,
                named(a),
                [each for each in a.query.get("of", "").split(",") if each],
            ),
            query=("of",),
        ),
        Route(
            "POST",
            f"{one}/reset",
            "team_admin",
            f"Count a {word} anew from now",
            views.LimitView,
            lambda a: a.service.limits.reset(a.actor, named(a)),
            form=forms.Nothing,
        ),
    ]


def _limit(a: Asked) -> str:
    return a.names["name"]


def _budget(a: Asked) -> str:
    return a.service.standings.budget(a.actor, a.names["name"])


def _money(limit: Limit) -> Limit:
    if limit.cost_usd is None:
        raise InvalidInputError([Problem("cost_usd", "is missing: a budget is a limit on cost")])
    return limit


_RUNS: Final = [
    Route(
        "GET",
        "/runs",
        "team_admin",
        "Runs of your agents, by name",
        views.Page[views.RunView],
        lambda a: a.service.runs.page(a.actor, cursor=a.cursor, limit=a.limit),
        query=_PAGED,
    ),
    Route(
        "GET",
        "/runs/{run}",
        "team_admin",
        "One run",
        views.RunView,
        lambda a: a.service.runs.get(a.actor, a.names["run"]),
    ),
    Route(
        "POST",
        "/runs/{run}/kill",
        "team_admin",
        "End a run: its streams, and all of its requests to come",
        views.RunView,
        lambda a: a.service.runs.kill(a.actor, a.names["run"], a.form),
        form=forms.KillRun,
    ),
    Route(
        "DELETE",
        "/runs/{run}/kill",
        "team_admin",
        "Take a run's end back",
        views.RunView,
        lambda a: a.service.runs.revive(a.actor, a.names["run"]),
    ),
]


_CACHE: Final = [
    Route(
        "GET",
        "/cache",
        "root",
        "How much is in the cache, and what was purged last",
        views.CacheView,
        lambda a: a.service.cache.get(),
    ),
    Route(
        "POST",
        "/cache/purge",
        "team_admin",
        "End what is in the cache, everywhere within a second: exactly one of the fields",
        views.PurgeView,
        lambda a: a.service.cache.purge(a.actor, a.form),
        form=forms.PurgeCache,
    ),
]


def _spend(asked: Asked) -> views.SpendView:
    query = asked.query
    return asked.service.reports.spend(
        asked.actor,
        [name for name in query.get("by", "").split(",") if name],
        since=query.get("from"),
        until=query.get("to"),
        where={name: value for name, value in query.items() if name in GROUPS},
    )


def _cache_report(asked: Asked) -> CacheReportView:
    query = asked.query
    return asked.service.cache_reports.report(
        asked.actor,
        [name for name in query.get("by", "").split(",") if name],
        since=query.get("since"),
        until=query.get("until"),
        where={name: value for name, value in query.items() if name in GROUPS},
    )


_REST: Final = [
    Route(
        "GET",
        "/cache/report",
        "team_admin",
        "What the cache, and providers' own caches, saved, by up to four things",
        CacheReportView,
        _cache_report,
        query=("by", "since", "until", *GROUPS),
    ),
    Route(
        "GET",
        "/spend",
        "team_admin",
        "Spend and tokens, by up to four things; money is exact",
        views.SpendView,
        _spend,
        query=("by", "from", "to", *GROUPS),
    ),
    Route(
        "GET",
        "/requests/{request_id}",
        "team_admin",
        "The ledger's rows of a request",
        views.RequestView,
        lambda a: a.service.reports.request(a.actor, a.names["request_id"]),
    ),
    Route(
        "GET",
        "/generation",
        "team_admin",
        "What a request was, by its id or its answer's, in OpenRouter's shape",
        GenerationView,
        lambda a: a.service.reports.generation(a.actor, a.query.get("id", "")),
        query=("id",),
    ),
    Route(
        "POST",
        "/redactions",
        "team_admin",
        "Take a person's name out of the ledger",
        views.DeletedView,
        lambda a: a.service.identities.redact(a.actor, a.form),
        form=forms.Redact,
    ),
    Route(
        "GET",
        "/audit",
        "team_admin",
        "What was changed, newest first",
        views.Page[views.AuditView],
        lambda a: a.service.reports.audit(a.actor, cursor=a.cursor, limit=a.limit),
        query=_PAGED,
    ),
    Route(
        "GET",
        "/config",
        "root",
        "The configuration in force, without secrets",
        views.ConfigView,
        lambda a: a.service.operation.config(),
    ),
    Route(
        "POST",
        "/reload",
        "root",
        "Read the configuration's file again; one with mistakes changes nothing",
        views.ReloadView,
        lambda a: a.service.operation.reload(),
        form=forms.Nothing,
        status=202,
    ),
]

ROUTES: Final[tuple[Route, ...]] = (
    *(route for kind in _KINDS for route in _identities(*kind)),
    *_KEYS,
    *_PROVIDER_KEYS,
    *_limits("limits", budgets_only=False),
    *_limits("budgets", budgets_only=True),
    *_RUNS,
    *_CACHE,
    *_REST,
)
_PARTS: Final = [(route, (PREFIX + route.path).split("/")) for route in ROUTES]


def match(method: str, raw_path: str) -> tuple[Route | None, dict[str, str], set[str]]:
    """The route of a path as it was sent, the names in it, and the methods that the path has.
    Segments are decoded one by one: a name may have slashes in it.
    """
    parts = raw_path.split("/")
    methods: set[str] = set()
    for route, wanted in _PARTS:
        if len(parts) != len(wanted):
            continue
        names = {
            want[1:-1]: unquote(part)
            for part, want in zip(parts, wanted, strict=True)
            if want.startswith("{")
        }
        fits = all(
            want.startswith("{") or part == want for part, want in zip(parts, wanted, strict=True)
        )
        if fits and all(names.values()):
            if route.method == method:
                return route, names, set()
            methods.add(route.method)
    return None, {}, methods


def check_query(route: Route, query: Mapping[str, str]) -> None:
    """Whether a route knows its parameters.

    Raises:
        InvalidInputError: it does not know one: a misspelt filter would show too much.
    """
    wrong = [
        Problem(name, f"is not a known parameter{suggestion(name, route.query)}")
        for name in query
        if name not in route.query
    ]
    if wrong:
        raise InvalidInputError(wrong)
