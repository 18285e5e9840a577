"""Organisations, teams, projects, users."""

import msgspec

from sluicegate.admin.actor import Actor
from sluicegate.admin.desk import KINDS, Desk, owner_of
from sluicegate.admin.erase import erase_key, erase_user
from sluicegate.admin.errors import ForbiddenError, NotFoundError, TakenError
from sluicegate.admin.forms import (
    ChangeIdentity,
    NewOrganisation,
    NewProject,
    NewTeam,
    NewUser,
    Redact,
)
from sluicegate.admin.views import DeletedView, IdentityView, Page, identity_view
from sluicegate.store.database import Transaction
from sluicegate.store.records import IDENTITIES, KEYS, PROVIDER_KEYS, Identity

NewIdentity = NewOrganisation | NewTeam | NewProject | NewUser


class Identities:
    """The tree above keys."""

    def __init__(self, desk: Desk) -> None:
        """Args: desk: the store and the clock."""
        self._desk = desk

    def create(self, actor: Actor, kind: str, form: NewIdentity) -> IdentityView:
        """Makes one; those above it too, where they are not there.

        Raises:
            ForbiddenError: outside the actor's own. TakenError: it is there.
        """
        path = {each: str(getattr(form, each, "")) for each in KINDS[:-1]}
        self._must_reach(actor, kind)
        path = {each: actor.placed(each, name) for each, name in path.items()}
        path[kind] = ""
        now_ms = self._desk.now_ms()
        made = Identity(
            id=self._desk.new_id(kind),
            kind=kind,
            name=form.name,
            organisation=path["organisation"],
            team=path["team"],
            project=path["project"],
            metadata=form.metadata,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        with self._desk.changing(form.name) as transaction:
            self._desk.place(transaction, actor, path)
            IDENTITIES.add(transaction, made)
            self._note(transaction, actor, "create", made, after=made)
        return identity_view(made)

    def page(
        self, actor: Actor, kind: str, *, cursor: str | None, limit: int
    ) -> Page[IdentityView]:
        """Some of those that the actor administers."""
        where = {"kind": kind, **actor.scope}
        # An organisation's own column is empty, and so is a team's: there the name counts.
        if kind in where:
            where["name"] = where.pop(kind)
        if kind == "organisation":
            where.pop("team", None)
        with self._desk.store.reading() as transaction:
            some = IDENTITIES.find(transaction, where, after=cursor, limit=limit + 1)
        more = some[limit - 1].id if len(some) > limit else None
        return Page(data=[identity_view(each) for each in some[:limit]], next_cursor=more)

    def get(self, actor: Actor, kind: str, name: str) -> IdentityView:
        """One, by its id.

        Raises:
            NotFoundError: not there, or not the actor's.
        """
        with self._desk.store.reading() as transaction:
            return identity_view(self._found(transaction, actor, kind, name))

    def change(self, actor: Actor, kind: str, name: str, form: ChangeIdentity) -> IdentityView:
        """Changes what is known of one."""
        with self._desk.changing(name) as transaction:
            before = self._found(transaction, actor, kind, name)
            self._must_reach(actor, kind)
            after = msgspec.structs.replace(
                before, metadata=form.metadata, updated_at_ms=self._desk.now_ms()
            )
            IDENTITIES.replace(transaction, after)
            self._note(transaction, actor, "update", after, before=before, after=after)
        return identity_view(after)

    def delete(self, actor: Actor, kind: str, name: str) -> DeletedView:
        """Takes one away. A user's keys go too, and nothing of the name stays in the ledger; the
        others must be empty.

        Raises:
            TakenError: something belongs to it.
        """
        with self._desk.changing(name, 30.0) as transaction:
            gone = self._found(transaction, actor, kind, name)
            self._must_reach(actor, kind)
            redacted_as = None
            if kind == "user":
                redacted_as = self._erase(transaction, gone)
            else:
                self._must_be_empty(transaction, gone)
            IDENTITIES.delete(transaction, {"id": gone.id})
            self._note(transaction, actor, "delete", gone)
        return DeletedView(id=gone.id, redacted_as=redacted_as)

    def redact(self, actor: Actor, form: Redact) -> DeletedView:
        """Takes a person out of the ledger who is no user here."""
        place = {
            each: actor.placed(each, getattr(form, each))
            for each in ("organisation", "team", "project")
        }
        made = self._desk.new_id("redacted")
        with self._desk.changing(form.user, 30.0) as transaction:
            erase_user(transaction, made, form.user, place, self._desk.now_ms())
            self._desk.note(
                transaction,
                actor,
                "redact",
                "person",
                made,
                organisation=place["organisation"],
                team=place["team"],
            )
        return DeletedView(id=made, redacted_as=made)

    def _erase(self, transaction: Transaction, user: Identity) -> str:
        place = {"organisation": user.organisation, "team": user.team, "project": user.project}
        given = {name: value for name, value in place.items() if value}
        now_ms = self._desk.now_ms()
        for key in KEYS.find(transaction, {"user": user.name, **given}):
            erase_key(transaction, key, now_ms)
        redacted_as = f"redacted-{user.id}"
        erase_user(transaction, redacted_as, user.name, place, now_ms, user.id)
        return redacted_as

    @staticmethod
    def _must_reach(actor: Actor, kind: str) -> None:
        """Nobody makes, changes or ends what bounds its own reach."""
        if KINDS.index(kind) <= {"root": -1, "organisation_admin": 0, "team_admin": 1}[actor.role]:
            raise ForbiddenError(f"your role does not administer {kind}s")

    @staticmethod
    def _found(transaction: Transaction, actor: Actor, kind: str, name: str) -> Identity:
        identity = IDENTITIES.get(transaction, name)
        if identity is None or identity.kind != kind:
            raise NotFoundError(kind, name)
        organisation, team = owner_of(identity)
        above = kind == "organisation" and actor.role == "team_admin"
        is_own_above = above and organisation == actor.organisation and bool(organisation)
        if not is_own_above and not actor.sees(organisation, team):
            raise NotFoundError(kind, name)
        return identity

    @staticmethod
    def _must_be_empty(transaction: Transaction, identity: Identity) -> None:
        above = {each: getattr(identity, each) for each in KINDS[:3] if getattr(identity, each)}
        path = {**above, identity.kind: identity.name}
        # A credential would be the next one's of that name.
        owned = path if identity.kind in {"organisation", "team"} else None
        if (
            IDENTITIES.find(transaction, path, limit=1)
            or KEYS.find(transaction, path, limit=1)
            or (owned and PROVIDER_KEYS.find(transaction, owned, limit=1))
        ):
            raise TakenError(f"{identity.kind} {identity.name!r} is not empty")

    def _note(
        self,
        transaction: Transaction,
        actor: Actor,
        action: str,
        identity: Identity,
        *,
        before: Identity | None = None,
        after: Identity | None = None,
    ) -> None:
        organisation, team = owner_of(identity)
        self._desk.note(
            transaction,
            actor,
            action,
            identity.kind,
            identity.id,
            organisation=organisation,
            team=team,
            before=before,
            after=after,
        )
