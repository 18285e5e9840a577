"""What all parts of the service work with: the store, the clock, the trail of changes."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from sluicegate.admin.actor import Actor
from sluicegate.admin.errors import InvalidInputError, NotFoundError, Problem, TakenError
from sluicegate.config import Settings
from sluicegate.store import ConflictError, Store
from sluicegate.store.database import Transaction
from sluicegate.store.records import AUDIT, IDENTITIES, AuditEntry, Identity

KINDS: Final = ("organisation", "team", "project", "user")
"""From the widest to the narrowest; each has the names of those before it."""
DELETION_TIMEOUT_S: Final = 30.0
"""It looks at the whole ledger."""
_MIN_YEAR: Final = 2000


class Desk:
    """The store, the settings in force and the clock."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        master: bytes,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Args: master: the key of all digests."""
        self.store = store
        self._settings = settings
        self.master = master
        self.now_ms = now_ms
        self._turn = threading.Lock()
        self._last = 0

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._settings()

    @contextmanager
    def changing(self, name: str, timeout_s: float = 1.0) -> Iterator[Transaction]:
        """A change.

        Args: name: what is told where something of it is there already.
        Raises:
            TakenError: it is.
        """
        try:
            with self.store.changing(timeout_s) as transaction:
                yield transaction
        except ConflictError as error:
            raise TakenError(f"{name!r} is there already", param="name") from error

    def new_id(self, prefix: str) -> str:
        """An id; later ones of this process sort behind earlier ones."""
        with self._turn:
            self._last = max(self._last + 1, self.now_ms() << 16)
            return f"{prefix}_{self._last:016x}{secrets.token_hex(6)}"

    def note(
        self,
        transaction: Transaction,
        actor: Actor,
        action: str,
        kind: str,
        name: str,
        *,
        organisation: str = "",
        team: str = "",
        before: msgspec.Struct | None = None,
        after: msgspec.Struct | None = None,
    ) -> None:
        """Writes a change to the trail. Records have digests and no secrets; these are left out
        too.
        """
        entry = AuditEntry(
            id=self.new_id("audit"),
            at_ms=self.now_ms(),
            actor=actor.name,
            action=action,
            kind=kind,
            object=name,
            organisation=organisation,
            team=team,
            before=_noted(before),
            after=_noted(after),
        )
        AUDIT.add(transaction, entry)

    def place(self, transaction: Transaction, actor: Actor, path: Mapping[str, str]) -> None:
        """Makes what a path of names goes through where it is not there."""
        above: dict[str, str] = {}
        for kind in KINDS:
            name = path.get(kind, "")
            if name:
                self._ensure(transaction, actor, kind, name, above)
                above[kind] = name

    def _ensure(
        self, transaction: Transaction, actor: Actor, kind: str, name: str, above: dict[str, str]
    ) -> None:
        place = {each: above.get(each, "") for each in KINDS[:-1]}
        if IDENTITIES.find(transaction, {"kind": kind, "name": name, **place}):
            return
        now_ms = self.now_ms()
        made = Identity(
            id=self.new_id(kind),
            kind=kind,
            name=name,
            metadata={},
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            **place,
        )
        IDENTITIES.add(transaction, made)
        organisation, team = owner_of(made)
        self.note(
            transaction,
            actor,
            "create",
            kind,
            made.id,
            organisation=organisation,
            team=team,
            after=made,
        )


def owner_of(identity: Identity) -> tuple[str, str]:
    """The organisation and the team that an identity is or belongs to."""
    organisation = identity.name if identity.kind == "organisation" else identity.organisation
    return organisation, identity.name if identity.kind == "team" else identity.team


def _noted(record: msgspec.Struct | None) -> dict[str, Any] | None:
    if record is None:
        return None
    noted: dict[str, Any] = msgspec.to_builtins(record)
    noted.pop("digest", None)
    return noted


def moment_ms(field: str, text: str) -> int:
    """Milliseconds of an RFC 3339 time.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year < _MIN_YEAR:
        wrong = Problem(field, "is no time such as 2026-11-23T12:00:00Z")
        raise InvalidInputError([wrong])
    return int(moment.astimezone(UTC).timestamp() * 1000)


def row_time(at_ms: int) -> str:
    """A moment as the ledger's rows have it."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06}Z"


def found(record: Any, kind: str, name: str, actor: Actor) -> Any:
    """A record that is there and the actor's.

    Raises:
        NotFoundError: it is not there, or another's, which is the same for who asks.
    """
    if record is None or not actor.sees(record.organisation, record.team):
        raise NotFoundError(kind, name)
    return record
