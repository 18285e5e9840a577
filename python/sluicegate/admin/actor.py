"""Who administers, and how far that reaches."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from sluicegate.admin.errors import ForbiddenError

Role = Literal["root", "organisation_admin", "team_admin"]
Grants = Literal["models", "providers", "routes"]
"""Lists that bound a key."""
GRANTS: Final[tuple[Grants, ...]] = ("models", "providers", "routes")
RANKS: Final = {"team_admin": 1, "organisation_admin": 2, "root": 3}


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The holder of an admin credential.

    Args:
        name: in the audit trail: `admin_key`, `key:NAME`, `cli:USER`.
        organisation, team: what it administers; empty for all.
        models, providers, routes, expires_at_ms: what it may give at the most; None is everything.
    """

    name: str
    role: Role
    organisation: str = ""
    team: str = ""
    models: list[str] | None = None
    providers: list[str] | None = None
    routes: list[str] | None = None
    expires_at_ms: int | None = None

    @property
    def scope(self) -> dict[str, str]:
        """What the columns of its things must be."""
        if self.role == "root":
            return {}
        own = {"organisation": self.organisation}
        return own if self.role == "organisation_admin" else {**own, "team": self.team}

    def sees(self, organisation: str, team: str) -> bool:
        """Whether something of an organisation and a team is its own."""
        there = {"organisation": organisation, "team": team}
        return all(there[name] == value for name, value in self.scope.items())

    def placed(self, field: str, given: str) -> str:
        """A field of its scope: its own where it is left out, and nothing else.

        Raises:
            ForbiddenError: it is another one's.
        """
        own = self.scope.get(field)
        if own is None or given == own:
            return given
        if given:
            raise ForbiddenError(f"`{field}` can only be your own, {own!r}", param=field)
        return own

    def must_outrank(self, role: str, what: str) -> None:
        """Whether it may change what a role made.

        Raises:
            ForbiddenError: that role is above its own.
        """
        if RANKS[self.role] < RANKS.get(role, RANKS["root"]):
            raise ForbiddenError(f"{what} was made by a role above yours")

    def granted(self, field: Grants, given: Sequence[str] | None) -> list[str] | None:
        """Models, providers or routes for a key: its own where they are left out, and none beyond.

        Raises:
            ForbiddenError: it has not got one of them.
        """
        own: list[str] | None = getattr(self, field)
        if given is None or own is None:
            return list(own) if given is None and own is not None else _listed(given)
        for name in given:
            if not any(covers(has, name) for has in own):
                raise ForbiddenError(f"{name!r} is more than your own key has", param=field)
        return list(given)

    def granted_until(self, given_ms: int | None) -> int | None:
        """When a key ends: not after its own end.

        Raises:
            ForbiddenError: it would.
        """
        own = self.expires_at_ms
        if given_ms is None or own is None:
            return own if given_ms is None else given_ms
        if given_ms > own:
            raise ForbiddenError("a key cannot outlive the one that makes it", param="expires_at")
        return given_ms


def covers(has: str, name: str) -> bool:
    """Whether a grant has another in it: `openai/*` has `openai/gpt-5`."""
    return has == name or (has.endswith("/*") and name.startswith(has[:-1]))


def _listed(given: Sequence[str] | None) -> list[str] | None:
    return None if given is None else list(given)
