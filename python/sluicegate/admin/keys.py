"""Keys: minted, rotated, revoked, deleted. None gets more than who makes it has."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET

from sluicegate.accounting.keys import digest, hint_of, mint
from sluicegate.accounting.limits import Limit, Scope, key_limits, problems_of
from sluicegate.admin.actor import GRANTS, RANKS, Actor
from sluicegate.admin.desk import DELETION_TIMEOUT_S, KINDS, Desk, found, moment_ms
from sluicegate.admin.erase import erase_key
from sluicegate.admin.errors import ForbiddenError, InvalidInputError, Problem, TakenError
from sluicegate.admin.forms import ChangeKey, NewKey, RotateKey
from sluicegate.admin.views import DeletedView, KeyView, MintedKeyView, Page, key_view
from sluicegate.config.problems import suggestion
from sluicegate.routes import MODEL_ROUTES, unknown_routes
from sluicegate.store.database import Transaction
from sluicegate.store.records import CREDENTIALS, KEYS, LIMITS, Credential, Key, StoredLimit

_SHORT: Final = ("budget_usd", "budget_period", "tpm", "rpm", "max_parallel")
_FIELDS: Final = {"cost_usd": "budget_usd"}
_REDACTED: Final = "redacted-"
"""Begins what stands in the ledger for names that were taken out."""


class Keys:
    """Keys of the store; those of the configuration are changed there."""

    def __init__(self, desk: Desk) -> None:
        """Args: desk: the store and the clock."""
        self._desk = desk

    def create(self, actor: Actor, form: NewKey) -> MintedKeyView:
        """A new key; its secret is given here and never again.

        Raises:
            ForbiddenError: more than the actor has. TakenError: the name is in use.
        """
        path = {each: actor.placed(each, getattr(form, each)) for each in KINDS}
        self._check_role(actor, form, path)
        self._check_name(form.name)
        _check_routes(form.routes)
        limits = _short_limits(form.name, {each: getattr(form, each) for each in _SHORT})
        ends = None if form.expires_at is None else moment_ms("expires_at", form.expires_at)
        self._desk.store.confirm_master_key(self._desk.master)
        now_ms = self._desk.now_ms()
        made = Key(
            id=self._desk.new_id("key"),
            name=form.name,
            role=form.role,
            made_by=actor.role,
            models=actor.granted("models", form.models),
            providers=actor.granted("providers", form.providers),
            routes=actor.granted("routes", form.routes),
            metadata=form.metadata,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            expires_at_ms=actor.granted_until(ends),
            revoked_at_ms=None,
            cache=form.cache,
            **path,
        )
        with self._desk.changing(form.name) as transaction:
            self._desk.place(transaction, actor, path)
            KEYS.add(transaction, made)
            secret, credential = self._mint(transaction, made)
            self._set_limits(transaction, actor, made, limits)
            self._note(transaction, actor, "create", made, after=made)
        return MintedKeyView(key=secret, record=key_view(made, [credential], limits, now_ms))

    def page(
        self, actor: Actor, *, cursor: str | None, limit: int, name: str | None = None
    ) -> Page[KeyView]:
        """Some of the actor's keys, oldest first."""
        where: dict[str, Any] = dict(actor.scope)
        if name is not None:
            where["name"] = name
        with self._desk.store.reading() as transaction:
            some = KEYS.find(transaction, where, after=cursor, limit=limit + 1)
            shown = [self._view(transaction, key) for key in some[:limit]]
        more = some[limit - 1].id if len(some) > limit else None
        return Page(data=shown, next_cursor=more)

    def get(self, actor: Actor, key_id: str) -> KeyView:
        """One, by its id."""
        with self._desk.store.reading() as transaction:
            return self._view(transaction, self._found(transaction, actor, key_id))

    def change(self, actor: Actor, key_id: str, form: ChangeKey) -> KeyView:
        """Changes what a key may do; within a second everywhere on this host."""
        with self._desk.changing(key_id) as transaction:
            before = self._found(transaction, actor, key_id)
            actor.must_outrank(before.made_by, "this key")
            after = msgspec.structs.replace(
                before, updated_at_ms=self._desk.now_ms(), **self._changes(actor, form)
            )
            KEYS.replace(transaction, after)
            self._change_limits(transaction, actor, after, form)
            self._note(transaction, actor, "update", after, before=before, after=after)
            return self._view(transaction, after)

    def rotate(self, actor: Actor, key_id: str, form: RotateKey) -> MintedKeyView:
        """A new secret; the old one works on for a while.

        Raises:
            TakenError: the key is not in force.
        """
        self._desk.store.confirm_master_key(self._desk.master)
        now_ms = self._desk.now_ms()
        until_ms = now_ms + form.overlap_s * 1000
        with self._desk.changing(key_id) as transaction:
            key = self._found(transaction, actor, key_id)
            actor.must_outrank(key.made_by, "this key")
            self._check_grants(actor, key)
            over = key.expires_at_ms is not None and key.expires_at_ms <= now_ms
            if key.revoked_at_ms is not None or over:
                raise TakenError(f"key {key.name!r} is not in force: make a new one")
            for old in CREDENTIALS.find(transaction, {"key_id": key.id}):
                ends_ms = min(until_ms, old.expires_at_ms or until_ms)
                if ends_ms <= now_ms:
                    CREDENTIALS.delete(transaction, {"digest": old.digest})
                else:
                    CREDENTIALS.replace(
                        transaction, msgspec.structs.replace(old, expires_at_ms=ends_ms)
                    )
            secret, _ = self._mint(transaction, key)
            self._note(transaction, actor, "rotate", key)
            return MintedKeyView(key=secret, record=self._view(transaction, key))

    def revoke(self, actor: Actor, key_id: str) -> KeyView:
        """Ends a key. For good: what was revoked may have been seen."""
        with self._desk.changing(key_id) as transaction:
            before = self._found(transaction, actor, key_id)
            self._check_reach(actor, before)
            if before.revoked_at_ms is not None:
                return self._view(transaction, before)
            now_ms = self._desk.now_ms()
            after = msgspec.structs.replace(before, revoked_at_ms=now_ms, updated_at_ms=now_ms)
            KEYS.replace(transaction, after)
            self._note(transaction, actor, "revoke", after, before=before, after=after)
            return self._view(transaction, after)

    def delete(self, actor: Actor, key_id: str) -> DeletedView:
        """Ends a key and takes its name out of the ledger, whose lines stay."""
        with self._desk.changing(key_id, DELETION_TIMEOUT_S) as transaction:
            key = self._found(transaction, actor, key_id)
            self._check_reach(actor, key)
            redacted_as = erase_key(transaction, key, self._desk.now_ms())
            self._note(transaction, actor, "delete", key)
        return DeletedView(id=key.id, redacted_as=redacted_as)

    # what a key may be

    @staticmethod
    def _check_role(actor: Actor, form: NewKey, path: dict[str, str]) -> None:
        if not form.role:
            return
        if RANKS[form.role] > RANKS[actor.role]:
            raise ForbiddenError("a key cannot make one of a higher role", param="role")
        above = form.role.removesuffix("_admin")
        if not path[above]:
            raise InvalidInputError([Problem(above, f"is missing: a {form.role} administers one")])
        for field in _SHORT:
            if getattr(form, field) is not None:
                wrong = Problem(field, "has no meaning with a role: such a key asks no models")
                raise InvalidInputError([wrong])

    @staticmethod
    def _check_reach(actor: Actor, key: Key) -> None:
        """A team's administrators end any of its keys, but not those of who is above them."""
        if key.role and RANKS[key.role] > RANKS[actor.role]:
            raise ForbiddenError("this key has a role above yours")

    @staticmethod
    def _check_grants(actor: Actor, key: Key) -> None:
        """Who gets a key's secret must have all that the key has."""
        for field in GRANTS:
            has, own = getattr(key, field), getattr(actor, field)
            if own is not None and has is None:
                raise ForbiddenError(f"this key has more {field} than yours")
            actor.granted(field, has)
        if actor.expires_at_ms is not None and key.expires_at_ms is None:
            raise ForbiddenError("this key outlives yours")
        actor.granted_until(key.expires_at_ms)

    def _check_name(self, name: str) -> None:
        if name.startswith(_REDACTED) or any(key.name == name for key in self._desk.settings.keys):
            raise TakenError(f"{name!r} is there already", param="name")

    def _changes(self, actor: Actor, form: ChangeKey) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        for field in GRANTS:
            given = getattr(form, field)
            if given is not UNSET:
                _check_routes(given if field == "routes" else None)
                changes[field] = actor.granted(field, given)
        if form.metadata is not UNSET:
            changes["metadata"] = form.metadata
        if form.cache is not UNSET:
            changes["cache"] = form.cache
        if form.expires_at is not UNSET:
            text = form.expires_at
            ends = None if text is None else moment_ms("expires_at", text)
            changes["expires_at_ms"] = actor.granted_until(ends)
        return changes

    # credentials

    def _mint(self, transaction: Transaction, key: Key) -> tuple[str, Credential]:
        secret = mint()
        credential = Credential(
            digest=digest(self._desk.master, secret),
            key_id=key.id,
            hint=hint_of(secret),
            created_at_ms=self._desk.now_ms(),
            expires_at_ms=None,
        )
        CREDENTIALS.add(transaction, credential)
        return secret, credential

    # the limits of its short fields

    def _change_limits(
        self, transaction: Transaction, actor: Actor, key: Key, form: ChangeKey
    ) -> None:
        given = {each: getattr(form, each) for each in _SHORT}
        given = {name: value for name, value in given.items() if value is not UNSET}
        if not given:
            return
        if key.role:
            raise InvalidInputError([Problem(next(iter(given)), "has no meaning with a role")])
        if given.get("budget_usd", 0) is None:
            given.setdefault("budget_period", None)
        values = {**_short_values(self._limits_of(transaction, key)), **given}
        self._set_limits(transaction, actor, key, _short_limits(key.name, values))

    def _set_limits(
        self, transaction: Transaction, actor: Actor, key: Key, limits: Sequence[Limit]
    ) -> None:
        """Puts these in the place of those that are there."""
        old = {each.name: each for each in self._limits_of(transaction, key)}
        now_ms = self._desk.now_ms()
        for limit in limits:
            before = old.pop(limit.name, None)
            if before is not None and before.rule == limit:
                continue
            stored = StoredLimit(
                name=limit.name,
                rule=limit,
                organisation=key.organisation,
                team=key.team,
                made_by=actor.role,
                created_at_ms=before.created_at_ms if before else now_ms,
                updated_at_ms=now_ms,
                reset_at_ms=before.reset_at_ms if before else 0,
            )
            if before is None:
                LIMITS.add(transaction, stored)
            else:
                actor.must_outrank(before.made_by, "this limit")
                LIMITS.replace(transaction, stored)
        for gone in old.values():
            actor.must_outrank(gone.made_by, "this limit")
            LIMITS.delete(transaction, {"name": gone.name})

    @staticmethod
    def _limits_of(transaction: Transaction, key: Key) -> list[StoredLimit]:
        names = [f"key:{key.name}:{each}" for each in ("budget", "tpm", "rpm", "parallel")]
        found = [LIMITS.get(transaction, name) for name in names]
        own = Scope(key=key.name)
        return [each for each in found if each is not None and each.rule.scope == own]

    # showing and finding

    def _view(self, transaction: Transaction, key: Key) -> KeyView:
        now_ms = self._desk.now_ms()
        credentials = [
            each
            for each in CREDENTIALS.find(transaction, {"key_id": key.id})
            if each.expires_at_ms is None or each.expires_at_ms > now_ms
        ]
        limits = [each.rule for each in self._limits_of(transaction, key)]
        return key_view(key, credentials, limits, now_ms)

    @staticmethod
    def _found(transaction: Transaction, actor: Actor, key_id: str) -> Key:
        key: Key = found(KEYS.get(transaction, key_id), "key", key_id, actor)
        return key

    def _note(
        self,
        transaction: Transaction,
        actor: Actor,
        action: str,
        key: Key,
        *,
        before: Key | None = None,
        after: Key | None = None,
    ) -> None:
        self._desk.note(
            transaction,
            actor,
            action,
            "key",
            key.id,
            organisation=key.organisation,
            team=key.team,
            before=before,
            after=after,
        )


def _check_routes(routes: Sequence[str] | None) -> None:
    """Whether a key's routes lead anywhere: a slip would lock its holder out.

    Raises:
        InvalidInputError: one does not.
    """
    wrong = [
        Problem(f"routes[{at}]", f'"{name}" is no route{suggestion(name, MODEL_ROUTES)}')
        for at, name in unknown_routes(routes or ())
    ]
    if wrong:
        raise InvalidInputError(wrong)


def _short_limits(name: str, values: dict[str, Any]) -> list[Limit]:
    """The limits that short fields stand for.

    Raises:
        InvalidInputError: a value that no limit can have.
    """
    if values.get("budget_period") is not None and values.get("budget_usd") is None:
        raise InvalidInputError([Problem("budget_period", "has no meaning without budget_usd")])
    limits = key_limits(name, **values)
    wrong = [
        Problem(_FIELDS.get(field, field), message)
        for limit in limits
        for field, message in problems_of(limit)
    ]
    if wrong:
        raise InvalidInputError(wrong)
    return limits


def _short_values(limits: Sequence[StoredLimit]) -> dict[str, Any]:
    """The short fields that stand for limits."""
    values: dict[str, Any] = dict.fromkeys(_SHORT)
    for each in limits:
        rule = each.rule
        if isinstance(rule.cost_usd, Decimal):
            values |= {"budget_usd": rule.cost_usd, "budget_period": rule.per}
        values["tpm"] = rule.total_tokens if rule.total_tokens is not None else values["tpm"]
        values["rpm"] = rule.requests if rule.requests is not None else values["rpm"]
        values["max_parallel"] = (
            rule.parallel if rule.parallel is not None else values["max_parallel"]
        )
    if values["budget_usd"] is None:
        values["budget_period"] = None
    return values
