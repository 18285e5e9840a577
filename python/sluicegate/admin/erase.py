"""Takes keys and persons out of the store: the ledger's lines stay, the names go."""

from collections.abc import Mapping
from typing import Final

from sluicegate.admin.desk import row_time
from sluicegate.store.batches import disown
from sluicegate.store.cache import purge
from sluicegate.store.database import Transaction
from sluicegate.store.judged import rename
from sluicegate.store.ledger import Redaction, redact
from sluicegate.store.records import CREDENTIALS, KEYS, LIMITS, PROVIDER_KEYS, Key
from sluicegate.store.responses import RESPONSES

STILL_RUNNING_MS: Final = 2000
"""Workers hear of a deletion within a second; until then requests begin under the old name."""


def erase_key(transaction: Transaction, key: Key, now_ms: int) -> str:
    """Ends a key for good, with its limits. Gives what the ledger has in place of its name."""
    redacted_as = f"redacted-{key.id}"
    for stored in LIMITS.find(transaction):
        if stored.rule.scope.key == key.name:
            LIMITS.delete(transaction, {"name": stored.name})
            _forget(transaction, "limit", stored.name, redacted_as)
    if not key.team:  # a team's are its own
        RESPONSES.delete(transaction, {"tenant": f"key {key.name}"})
        disown(transaction, f"key {key.name}", redacted_as)
        purge(transaction, "tenant", f"key {key.name}", now_ms)
        rename(transaction, f"key {key.name}", f"key {redacted_as}")
    # Whoever gets the name later must not get what was this key's.
    PROVIDER_KEYS.delete(transaction, {"key_name": key.name})
    CREDENTIALS.delete(transaction, {"key_id": key.id})
    KEYS.delete(transaction, {"id": key.id})
    _forget(transaction, "key", key.id, key.id)
    transaction.execute(
        "UPDATE audit SET actor = ? WHERE actor = ?", (f"key:{redacted_as}", f"key:{key.name}")
    )
    until = row_time(now_ms + STILL_RUNNING_MS)
    redact(transaction, Redaction(id=redacted_as, key_name=key.name, until=until))
    return redacted_as


def erase_user(
    transaction: Transaction,
    redacted_as: str,
    name: str,
    place: Mapping[str, str],
    now_ms: int,
    user_id: str = "",
) -> None:
    """Takes a person's name out of the ledger and of the trail.

    Args:
        place: the names above; empty where any is meant.
        user_id: of the user, where the person is one.
    """
    for stored in LIMITS.find(transaction):
        scope = stored.rule.scope
        if name in {scope.user, scope.end_user} and _is_at(place, stored.organisation, stored.team):
            LIMITS.delete(transaction, {"name": stored.name})
            _forget(transaction, "limit", stored.name, redacted_as)
    if user_id:
        _forget(transaction, "user", user_id, user_id)
    until = row_time(now_ms + STILL_RUNNING_MS)
    redact(transaction, Redaction(id=redacted_as, user=name, until=until, **place))


def _is_at(place: Mapping[str, str], organisation: str, team: str) -> bool:
    there = {"organisation": organisation, "team": team}
    return all(place[each] in {"", there[each]} for each in there)


def _forget(transaction: Transaction, kind: str, name: str, becomes: str) -> None:
    """What the trail says of a thing, but that there was a change."""
    transaction.execute(
        'UPDATE audit SET "before" = NULL, "after" = NULL, object = ? '
        "WHERE kind = ? AND object = ?",
        (becomes, kind, name),
    )
