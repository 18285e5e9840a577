"""Limits and budgets: a budget is a limit on cost."""

from typing import Any

import msgspec
from msgspec import UNSET

from sluicegate.accounting.limits import ANY, Limit, Scope, problems_of
from sluicegate.admin.actor import Actor
from sluicegate.admin.desk import Desk, found
from sluicegate.admin.errors import ForbiddenError, InvalidInputError, Problem, TakenError
from sluicegate.admin.forms import ChangeLimit
from sluicegate.admin.views import DeletedView, LimitView, Page, limit_view
from sluicegate.store.database import Transaction
from sluicegate.store.records import LIMITS, StoredLimit


class Limits:
    """Limits of the store; those of the configuration are shown, and changed in the file."""

    def __init__(self, desk: Desk) -> None:
        """Args: desk: the store and the clock."""
        self._desk = desk

    def create(self, actor: Actor, limit: Limit) -> LimitView:
        """A new limit, in force within a second on this host.

        Raises:
            ForbiddenError: it would bind others than the actor's. TakenError: the name is in use.
        """
        limit = self._checked(actor, limit)
        if any(each.name == limit.name for each in self._desk.settings.limits):
            raise TakenError(f"{limit.name!r} is there already", param="name")
        now_ms = self._desk.now_ms()
        made = self._stored(actor, limit, now_ms)
        with self._desk.changing(limit.name) as transaction:
            LIMITS.add(transaction, made)
            self._note(transaction, actor, "create", made, after=made)
        return limit_view(made)

    def page(
        self, actor: Actor, *, cursor: str | None, limit: int, budgets_only: bool = False
    ) -> Page[LimitView]:
        """Some of the actor's limits, by name; the operator sees those of the configuration too,
        on the first page.
        """
        with self._desk.store.reading() as transaction:
            some = LIMITS.find(transaction, actor.scope, after=cursor, limit=limit + 1)
        more = some[limit - 1].name if len(some) > limit else None
        shown = [limit_view(each) for each in some[:limit]]
        if actor.role == "root" and cursor is None:
            shown = [*self._configured(), *shown]
        if budgets_only:
            shown = [each for each in shown if each.rule.cost_usd is not None]
        return Page(data=shown, next_cursor=more)

    def get(self, actor: Actor, name: str) -> LimitView:
        """One, by its name."""
        with self._desk.store.reading() as transaction:
            return limit_view(self._found(transaction, actor, name))

    def change(self, actor: Actor, name: str, form: ChangeLimit) -> LimitView:
        """Changes a limit. What was used of it stays used."""
        with self._desk.changing(name) as transaction:
            before = self._found(transaction, actor, name)
            actor.must_outrank(before.made_by, "this limit")
            given = {each: getattr(form, each) for each in form.__struct_fields__}
            given = {each: value for each, value in given.items() if value is not UNSET}
            rule = self._checked(actor, msgspec.structs.replace(before.rule, **given))
            now = self._stored(actor, rule, self._desk.now_ms())
            after = msgspec.structs.replace(
                now,
                made_by=before.made_by,
                created_at_ms=before.created_at_ms,
                reset_at_ms=before.reset_at_ms,
            )
            LIMITS.replace(transaction, after)
            self._note(transaction, actor, "update", after, before=before, after=after)
        return limit_view(after)

    def reset(self, actor: Actor, name: str) -> LimitView:
        """Begins to count anew: what was used before now does not count."""
        with self._desk.changing(name) as transaction:
            before = self._found(transaction, actor, name)
            actor.must_outrank(before.made_by, "this limit")
            after = msgspec.structs.replace(before, reset_at_ms=self._desk.now_ms())
            LIMITS.replace(transaction, after)
            self._note(transaction, actor, "reset", after, before=before, after=after)
        return limit_view(after)

    def delete(self, actor: Actor, name: str) -> DeletedView:
        """Ends a limit."""
        with self._desk.changing(name) as transaction:
            gone = self._found(transaction, actor, name)
            actor.must_outrank(gone.made_by, "this limit")
            LIMITS.delete(transaction, {"name": name})
            self._note(transaction, actor, "delete", gone, before=gone)
        return DeletedView(id=name)

    @staticmethod
    def _checked(actor: Actor, limit: Limit) -> Limit:
        """A limit that means something and binds the actor's own only."""
        wrong = [Problem(field, message) for field, message in problems_of(limit)]
        if wrong:
            raise InvalidInputError(wrong)
        own: dict[str, Any] = {}
        for field, value in actor.scope.items():
            if not value:
                continue
            given = getattr(limit.scope, field)
            if given not in {None, value}:
                raise ForbiddenError(
                    f"`scope.{field}` can only be your own, {value!r}", param=f"scope.{field}"
                )
            own[field] = value
        if actor.role != "root" and not own:
            raise ForbiddenError("your role has no scope that a limit could bind", param="scope")
        scope: Scope = msgspec.structs.replace(limit.scope, **own)
        return msgspec.structs.replace(limit, scope=scope)

    @staticmethod
    def _stored(actor: Actor, limit: Limit, now_ms: int) -> StoredLimit:
        organisation, team = limit.scope.organisation, limit.scope.team
        return StoredLimit(
            name=limit.name,
            rule=limit,
            organisation="" if organisation in {None, ANY} else str(organisation),
            team="" if team in {None, ANY} else str(team),
            made_by=actor.role,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            reset_at_ms=0,
        )

    def _configured(self) -> list[LimitView]:
        return [
            LimitView(rule=rule, source="config", created_at=None, updated_at=None, reset_at=None)
            for rule in self._desk.settings.limits
        ]

    @staticmethod
    def _found(transaction: Transaction, actor: Actor, name: str) -> StoredLimit:
        stored: StoredLimit = found(LIMITS.get(transaction, name), "limit", name, actor)
        return stored

    def _note(
        self,
        transaction: Transaction,
        actor: Actor,
        action: str,
        stored: StoredLimit,
        *,
        before: StoredLimit | None = None,
        after: StoredLimit | None = None,
    ) -> None:
        self._desk.note(
            transaction,
            actor,
            action,
            "limit",
            stored.name,
            organisation=stored.organisation,
            team=stored.team,
            before=before,
            after=after,
        )
