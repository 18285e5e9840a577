"""The response cache: what there is of it, and the end of some of it."""

import re
from collections.abc import Callable
from typing import Any, Final

from sluicegate.admin.actor import Actor
from sluicegate.admin.desk import Desk
from sluicegate.admin.errors import ForbiddenError, InvalidInputError, Problem
from sluicegate.admin.forms import PurgeCache
from sluicegate.admin.views import CacheView, PurgeView, StoredCacheView, time_of
from sluicegate.store.cache import Kind, MadePurge, purge

Worker = Callable[[], dict[str, Any]]
"""What the worker that answers has in memory, and how what is beside it does."""
LAST_PURGES: Final = 50
_KINDS: Final[tuple[Kind, ...]] = ("key", "tag", "model", "tenant", "namespace", "all")


class CacheDesk:
    """The cache of all workers and hosts on this store."""

    def __init__(self, desk: Desk, worker: Worker | None) -> None:
        """Args: worker: None where no gateway runs in this process."""
        self._desk = desk
        self._worker = worker

    def purge(self, actor: Actor, form: PurgeCache) -> PurgeView:
        """Ends what matches, on all workers and hosts within a second, and what is on its way.

        Raises:
            InvalidInputError: not exactly one thing is named.
            ForbiddenError: it is not the actor's own.
        """
        kind, value = _named(form)
        if actor.role != "root" and not (kind == "tenant" and _is_its(actor, value)):
            raise ForbiddenError("you can purge what belongs to your own `tenant`", param="tenant")
        now_ms = self._desk.now_ms()
        with self._desk.changing("a purge") as transaction:
            made = MadePurge(purge(transaction, kind, value, now_ms), now_ms)
            self._desk.note(
                transaction,
                actor,
                "purge",
                "cache",
                f"{kind} {value}".rstrip(),
                organisation=actor.scope.get("organisation", ""),
                team=actor.scope.get("team", ""),
                after=_view(made),
            )
        return _view(made)

    def get(self) -> CacheView:
        """How much there is, and what was purged last."""
        cache = self._desk.store.cache
        kept = cache.kept()
        return CacheView(
            store=StoredCacheView(entries=kept.entries, bytes=kept.bytes, vectors=kept.vectors),
            epoch=cache.epoch(),
            purges=[_view(each) for each in cache.last_purges(LAST_PURGES)],
            worker=self._worker() if self._worker is not None else None,
        )


def _named(form: PurgeCache) -> tuple[Kind, str]:
    given: list[tuple[Kind, str]] = []
    for kind in _KINDS:
        value = getattr(form, kind)
        if kind == "all" and value:
            given.append((kind, ""))
        elif kind != "all" and value is not None:
            given.append((kind, value))
    if len(given) != 1:
        names = ", ".join(_KINDS)
        raise InvalidInputError([Problem("", f"name exactly one of {names}")])
    [(kind, value)] = given
    match kind:
        case "tenant":
            return kind, _tenant(value)
        case "key":
            return kind, _key(value)
        case _:
            return kind, value


def _key(text: str) -> str:
    """A key as entries have it.

    Raises:
        InvalidInputError: it is none.
    """
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise InvalidInputError([Problem("key", "is not 64 hex digits")])
    return text.lower()


def _tenant(text: str) -> str:
    """A tenant as entries have it.

    Raises:
        InvalidInputError: it is written like none: nothing would be purged.
    """
    whose, _, name = text.partition(" ")
    if whose == "team" and name:
        return text if "/" in name else f"team /{name}"
    if whose == "key" and name:
        return text
    wrong = "is neither `team ORGANISATION/TEAM`, `team TEAM` nor `key NAME`"
    raise InvalidInputError([Problem("tenant", wrong)])


def _is_its(actor: Actor, tenant: str) -> bool:
    """Whether a tenant is an administrator's own team, or of its own organisation."""
    organisation = actor.organisation.replace("%", "%25").replace("/", "%2F")
    teams = f"team {organisation}/"
    if actor.role == "team_admin":
        return tenant == f"{teams}{actor.team}"
    return bool(organisation) and tenant.startswith(teams)


def _view(made: MadePurge) -> PurgeView:
    epoch, kind, value = made.purge
    return PurgeView(kind=kind, value=value, epoch=epoch, at=time_of(made.made_ms))
