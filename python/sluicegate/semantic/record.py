"""Questions, between the core and the store."""

from sluicegate import _core
from sluicegate.caching.record import label_of
from sluicegate.store.vectors import NewVector


def question_of(vector: NewVector) -> _core.CacheQuestion:
    """A row of the store as the core takes it.

    Raises:
        ValueError: its key or scope is none, or its vector.
    """
    label = vector.label
    return _core.CacheQuestion(
        model_id=vector.model_id,
        scope=vector.scope,
        text=vector.text,
        vector=vector.vector,
        key=label.key,
        tenant=label.tenant,
        namespace=label.namespace,
        model=label.model,
        target=label.target,
        tags=list(label.tags),
        epoch=label.epoch,
        expires_ms=vector.expires_ms,
    )


def vector_of(question: _core.CacheQuestion) -> NewVector:
    """A question of the core's as the store keeps it."""
    return NewVector(
        model_id=question.model_id,
        scope=question.scope,
        label=label_of(question),
        expires_ms=question.expires_ms,
        text=question.text,
        vector=question.vector,
    )
