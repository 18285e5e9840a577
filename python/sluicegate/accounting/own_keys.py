"""Tenants' own credentials for providers: of the file, and of the store, where they are sealed."""

import logging
from collections.abc import Iterable, Iterator
from typing import Final

from sluicegate import _core
from sluicegate.config.schema import OwnKey
from sluicegate.config.values import Secret
from sluicegate.store.records import ProviderKey

log = logging.getLogger("sluicegate")

_SHOWN: Final = 4
"""Characters of a credential that tell it from its owner's others."""
_LEAST_HIDDEN: Final = 12
_UNREADABLE: Final = Secret("unreadable")
"""Sent in the place of a credential that cannot be read: the provider refuses it, and nobody pays
for a tenant who wanted to pay for itself.
"""


def hint_of(credential: str) -> str:
    """Enough of a credential to tell it from others; nothing of a short one."""
    shown = credential[-_SHOWN:] if len(credential) >= _SHOWN + _LEAST_HIDDEN else ""
    return f"...{shown}"


def own_keys_of(
    configured: Iterable[OwnKey], stored: Iterable[ProviderKey], master: bytes
) -> tuple[OwnKey, ...]:
    """All of them; where both have one, the file's holds."""
    found = {(own.provider, own.owner): own for own in _opened(stored, master)}
    found |= {(own.provider, own.owner): own for own in configured}
    return tuple(found.values())


def _opened(stored: Iterable[ProviderKey], master: bytes) -> Iterator[OwnKey]:
    for row in stored:
        try:
            secret = Secret(_core.unseal(master, row.context, row.sealed))
        except ValueError as error:
            log.error("provider key %s for %s: %s", row.id, row.provider, error)
            secret = _UNREADABLE
        yield OwnKey(
            provider=row.provider,
            api_key=secret,
            key=row.key_name,
            organisation=row.organisation,
            team=row.team,
        )
