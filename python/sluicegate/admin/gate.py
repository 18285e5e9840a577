"""Who enters: the admin key, or a key with an admin role."""

import hmac
from collections.abc import Iterable
from typing import Final

from sluicegate.accounting.keys import digest
from sluicegate.admin.actor import RANKS, Actor
from sluicegate.admin.desk import Desk
from sluicegate.admin.errors import UnauthorisedError
from sluicegate.errors import InvalidRequestError
from sluicegate.store.records import CREDENTIALS, KEYS

MAX_CREDENTIAL_BYTES: Final = 1024

Headers = Iterable[tuple[bytes, bytes]]


def credential_of(headers: Headers) -> str | None:
    """What a request shows: `Authorization: Bearer` or `x-api-key`, nowhere else.

    Raises:
        InvalidRequestError: two that differ.
    """
    shown: set[bytes] = set()
    for name, value in headers:
        if name == b"x-api-key":
            shown.add(value.strip())
        elif name == b"authorization":
            scheme, _, rest = value.partition(b" ")
            if scheme.lower() == b"bearer":
                shown.add(rest.strip())
    shown.discard(b"")
    if len(shown) > 1:
        raise InvalidRequestError("the request shows different credentials")
    return shown.pop().decode("latin-1") if shown else None


def actor_of(desk: Desk, credential: str | None) -> Actor:
    """Who a credential is. Comparisons are of keyed digests: their time tells nothing.

    Raises:
        UnauthorisedError: nobody.
        StoreError: the store, which may know it, cannot be asked.
    """
    if credential is None or len(credential) > MAX_CREDENTIAL_BYTES:
        raise UnauthorisedError
    shown = digest(desk.master, credential)
    root = desk.settings.admin_key
    if root is not None and hmac.compare_digest(shown, digest(desk.master, root.reveal())):
        return Actor(name="admin_key", role="root")
    return _keyed(desk, shown)


def _keyed(desk: Desk, shown: str) -> Actor:
    now_ms = desk.now_ms()
    with desk.store.reading() as transaction:
        found = CREDENTIALS.get(transaction, shown)
        key = KEYS.get(transaction, found.key_id) if found else None
    if found is None or key is None or key.role not in RANKS or key.revoked_at_ms is not None:
        raise UnauthorisedError
    ends = [end for end in (key.expires_at_ms, found.expires_at_ms) if end is not None]
    if ends and min(ends) <= now_ms:
        raise UnauthorisedError
    return Actor(
        name=f"key:{key.name}",
        role="organisation_admin" if key.role == "organisation_admin" else "team_admin",
        organisation=key.organisation,
        team=key.team,
        models=key.models,
        providers=key.providers,
        routes=key.routes,
        expires_at_ms=key.expires_at_ms,
    )
