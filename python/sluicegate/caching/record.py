"""Entries as the core has them, and back."""

from sluicegate import _core
from sluicegate.store.cache import Entry, Label


def record_of(entry: Entry) -> _core.CacheRecord:
    """An entry as the core has it.

    Raises:
        ValueError: its key is none.
    """
    label = entry.label
    return _core.CacheRecord(
        key=label.key,
        tenant=label.tenant,
        namespace=label.namespace,
        model=label.model,
        target=label.target,
        tags=list(label.tags),
        epoch=label.epoch,
        made_ms=entry.made_ms,
        expires_ms=entry.expires_ms,
        body=entry.body,
    )


def entry_of(record: _core.CacheRecord) -> Entry:
    """A record of the core's as tiers have it."""
    return Entry(label_of(record), record.made_ms, record.expires_ms, record.body)


def label_of(known: _core.CacheRecord | _core.CacheQuestion) -> Label:
    """What is known of an entry by which it can be purged."""
    return Label(
        known.key,
        known.tenant,
        known.namespace,
        known.model,
        known.target,
        known.tags,
        known.epoch,
    )
