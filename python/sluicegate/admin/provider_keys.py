"""Tenants' own credentials for providers. Sealed, and never shown again."""

import msgspec

from sluicegate import _core
from sluicegate.accounting.own_keys import hint_of
from sluicegate.admin.actor import Actor
from sluicegate.admin.desk import Desk
from sluicegate.admin.errors import InvalidInputError, NotFoundError, Problem
from sluicegate.admin.forms import NewProviderKey, ReplaceProviderKey
from sluicegate.admin.views import DeletedView, Page, ProviderKeyView, provider_key_view
from sluicegate.config.credentials import NO_KEY, can_be_sent
from sluicegate.config.problems import suggestion
from sluicegate.config.resolve import OWN_KEYS_UNFIT
from sluicegate.store.database import Transaction
from sluicegate.store.records import KEYS, PROVIDER_KEYS, ProviderKey


class ProviderKeys:
    """Those of the store; those of the configuration are changed there."""

    def __init__(self, desk: Desk) -> None:
        """Args: desk: the store, the clock and the master key."""
        self._desk = desk

    def create(self, actor: Actor, form: NewProviderKey) -> ProviderKeyView:
        """A credential, in force within a second.

        Raises:
            ForbiddenError, NotFoundError: it is for somebody else.
            TakenError: whoever it is for has one for this provider.
        """
        actor.granted("providers", [form.provider])
        self._check(form.provider, form.api_key)
        organisation, team = "", ""
        if form.key:
            if form.organisation or form.team:
                raise InvalidInputError([_WHOSE])
        else:
            organisation = actor.placed("organisation", form.organisation)
            team = actor.placed("team", form.team)
            if not (organisation or team):
                raise InvalidInputError([_WHOSE])
        self._desk.store.confirm_master_key(self._desk.master)
        now_ms = self._desk.now_ms()
        made = self._sealed(
            ProviderKey(
                id=self._desk.new_id("pkey"),
                provider=form.provider,
                organisation=organisation,
                team=team,
                key_name=form.key,
                sealed="",
                hint="",
                made_by=actor.role,
                created_at_ms=now_ms,
                updated_at_ms=now_ms,
            ),
            form.api_key,
        )
        with self._desk.changing(f"this owner's credential for {form.provider}") as transaction:
            if form.key:
                self._check_key(transaction, actor, form.key)
            PROVIDER_KEYS.add(transaction, made)
            self._note(transaction, actor, "create", made)
        return provider_key_view(made)

    def page(self, actor: Actor, *, cursor: str | None, limit: int) -> Page[ProviderKeyView]:
        """Some of the actor's, oldest first; those of its keys among them."""
        with self._desk.store.reading() as transaction:
            some = PROVIDER_KEYS.find(transaction, after=cursor)
            own = [each for each in some if self._is_its(transaction, actor, each)][: limit + 1]
        more = own[limit - 1].id if len(own) > limit else None
        return Page(data=[provider_key_view(each) for each in own[:limit]], next_cursor=more)

    def replace(self, actor: Actor, key_id: str, form: ReplaceProviderKey) -> ProviderKeyView:
        """Puts another credential in the place of one."""
        with self._desk.changing(key_id) as transaction:
            before = self._found(transaction, actor, key_id)
            self._check(before.provider, form.api_key)
            actor.must_outrank(before.made_by, "this provider key")
            changed = msgspec.structs.replace(before, updated_at_ms=self._desk.now_ms())
            after = self._sealed(changed, form.api_key)
            PROVIDER_KEYS.replace(transaction, after)
            self._note(transaction, actor, "update", after)
        return provider_key_view(after)

    def delete(self, actor: Actor, key_id: str) -> DeletedView:
        """Takes a credential out: its owner's requests are the operator's again."""
        with self._desk.changing(key_id) as transaction:
            gone = self._found(transaction, actor, key_id)
            actor.must_outrank(gone.made_by, "this provider key")
            PROVIDER_KEYS.delete(transaction, {"id": gone.id})
            self._note(transaction, actor, "delete", gone)
        return DeletedView(id=gone.id)

    def _check(self, provider: str, api_key: str) -> None:
        upstreams = self._desk.settings.upstreams
        wrong = []
        if provider not in upstreams:
            hint = suggestion(provider, upstreams)
            wrong.append(Problem("provider", f"no provider {provider!r} is configured{hint}"))
        elif not upstreams[provider].takes_own_keys:
            wrong.append(Problem("provider", OWN_KEYS_UNFIT))
        if not can_be_sent(api_key) or api_key == NO_KEY:
            wrong.append(Problem("api_key", "is not a key that a header can carry"))
        if wrong:
            raise InvalidInputError(wrong)

    def _sealed(self, row: ProviderKey, api_key: str) -> ProviderKey:
        sealed = _core.seal(self._desk.master, row.context, api_key)
        return msgspec.structs.replace(row, sealed=sealed, hint=hint_of(api_key))

    def _check_key(self, transaction: Transaction, actor: Actor, name: str) -> None:
        """Whether a key is the actor's to give a credential to; the file's are the operator's."""
        is_there = bool(KEYS.find(transaction, {"name": name, **actor.scope}))
        if actor.role == "root":
            is_there = is_there or any(key.name == name for key in self._desk.settings.keys)
        if not is_there:
            raise NotFoundError("key", name)

    @staticmethod
    def _is_its(transaction: Transaction, actor: Actor, row: ProviderKey) -> bool:
        if actor.role == "root" or not row.key_name:
            return actor.sees(row.organisation, row.team)
        return bool(KEYS.find(transaction, {"name": row.key_name, **actor.scope}))

    def _found(self, transaction: Transaction, actor: Actor, key_id: str) -> ProviderKey:
        row = PROVIDER_KEYS.get(transaction, key_id)
        if row is None or not self._is_its(transaction, actor, row):
            raise NotFoundError("provider key", key_id)
        return row

    def _note(self, transaction: Transaction, actor: Actor, action: str, row: ProviderKey) -> None:
        """The trail says whose it is, and nothing of the credential."""
        self._desk.note(
            transaction,
            actor,
            action,
            "provider_key",
            row.id,
            organisation=row.organisation,
            team=row.team,
            after=msgspec.structs.replace(row, sealed="***") if action != "delete" else None,
        )


_WHOSE = Problem("team", "say whose it is: a key's, or a team's or an organisation's")
