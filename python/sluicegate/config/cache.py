"""The section `cache`: its fields, which a model may override, and what comes of them.

What is left out comes from the wider scope: the model, the file, and last the defaults of
`ExactRules` and `SemanticRules`.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sluicegate.accounting.key_cache import MAX_TTL_S, Life, Namespace
from sluicegate.config.values import ByteSize

MiB: Final = 2**20
EMBEDDERS: Final = ("ngram", "minilm")
"""Those that are no provider's."""
MAX_QUESTIONS: Final = 10_000_000
"""In an index, whoever holds it."""
Extra = Annotated[float, Meta(ge=0, le=MAX_TTL_S)]
Ratio = Annotated[float, Meta(gt=0, le=1)]
Tag = Annotated[str, Meta(min_length=1, max_length=200)]
Tier = Literal["memory", "store", "redis"]
Replay = Literal["at_once", "paced"]
Index = Literal["memory", "store"]
Scope = Literal["tenant", "key"]
Rules = TypeVar("Rules", "ExactRules", "SemanticRules")


class ExactOverride(msgspec.Struct, frozen=True, kw_only=True):
    """Answers to the very same request, for one model."""

    enabled: bool | UnsetType = UNSET
    """Off: whether a question may have yesterday's answer is the operator's to know."""
    ttl_s: Life | UnsetType = UNSET
    """How long an answer is good, seconds; an hour, at most 30 days."""
    max_entry_bytes: Annotated[ByteSize, Meta(ge=1024)] | UnsetType = UNSET
    """The largest answer that is kept; what is larger is seldom asked for twice."""
    tool_calls: bool | UnsetType = UNSET
    """Whether answers that call tools are kept: replayed, they act again."""
    fallbacks: bool | UnsetType = UNSET
    """Whether answers of a fallback's later targets are kept: off, so that nobody gets them once
    the first is back.
    """
    max_temperature: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    """Requests that ask for more variety than this are not cached; 1 is what vendors take where a
    client says nothing.
    """
    stale_while_revalidate_s: Extra | UnsetType = UNSET
    """How long behind its end an answer is still given while a new one is fetched beside it."""
    stale_if_error_s: Extra | UnsetType = UNSET
    """How long behind its end an answer stands in where every target fails."""
    replay: Replay | UnsetType = UNSET
    """How fast a stored stream is given: `at_once`, or `paced` as it came."""
    scope: Scope | UnsetType = UNSET
    """Who shares answers: the keys of one team, or nobody but the `key`."""
    namespace: Namespace | UnsetType = UNSET
    """Keeps entries apart from those of other namespaces of the same tenant."""


class ExactCache(ExactOverride, frozen=True, kw_only=True):
    """Answers to the very same request."""

    max_bytes: ByteSize = ByteSize(256 * MiB)
    """Memory for answers, of all workers together: each has its share."""
    tier: Tier | None = None
    """Where answers are kept beside memory: nowhere, in the store, in Redis; Redis where
    `shared_state` is one, since its hosts then share them, else the store.
    """
    max_store_bytes: Annotated[ByteSize, Meta(ge=1024)] = ByteSize(1024 * MiB)
    """Of all answers in the store; those that end first make room."""


class SemanticOverride(msgspec.Struct, frozen=True, kw_only=True):
    """Answers to a request that means the same, for one model."""

    enabled: bool | UnsetType = UNSET
    """Off: likeness is a guess, and only an operator can say what a wrong one costs."""
    embedder: Literal["ngram", "minilm"] | Tag | UnsetType = UNSET
    """What measures meaning: n-grams of letters, which need no model and find near-duplicates; a
    small model on this machine; or `provider/model`, whose embeddings are paid for.
    """
    threshold: Literal["auto"] | Ratio | UnsetType = UNSET
    """The least likeness that answers; `auto` is the embedder's own, as it was measured."""
    shadow: bool | UnsetType = UNSET
    """Answers nothing: what it would have answered is measured against what the model says."""
    window: Annotated[int, Meta(ge=1, le=16)] | UnsetType = UNSET
    """How many of the user's last turns are compared; what stands before them must be the same."""
    guards: bool | UnsetType = UNSET
    """Whether numbers, names, negations and their like must agree, however near the texts are."""
    verify: Tag | UnsetType | None = UNSET
    """`provider/model` of a cheap model that is asked before a hit is served; none asks nobody."""
    excluded_tags: list[Tag] | UnsetType = UNSET
    """Requests with one of these tags are never answered by likeness."""
    target_false_hit_rate: Annotated[float, Meta(gt=0, le=0.5)] | UnsetType | None = UNSET
    """Lets the threshold move so that no larger share of hits is wrong, as the shadow mode measures
    it; none leaves it where it is.
    """


class SemanticCache(SemanticOverride, frozen=True, kw_only=True):
    """Answers to a request that means the same."""

    max_entries: Annotated[int, Meta(ge=1, le=MAX_QUESTIONS)] = 100_000
    """In a worker's index; the oldest make room. With MiniLM's 384 dimensions 100,000 take some
    200 MiB.
    """
    index: Index = "memory"
    """Where the nearest question is found: in each worker's memory, or in the store, which is
    PostgreSQL with pgvector then.
    """
    max_stored: Annotated[int, Meta(ge=1, le=MAX_QUESTIONS)] | None = None
    """Questions that the store keeps; the oldest make room. Else as many as `max_entries`, and ten
    million where the store is the index.
    """


class Cache(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults for every model."""

    exact: ExactCache = ExactCache()
    semantic: SemanticCache = SemanticCache()


class CacheOverride(msgspec.Struct, frozen=True, kw_only=True):
    """What one model has otherwise."""

    exact: ExactOverride = ExactOverride()
    semantic: SemanticOverride = SemanticOverride()


@dataclass(frozen=True, slots=True)
class ExactRules:
    """`ExactOverride` with nothing left out."""

    enabled: bool = False
    ttl_s: float = 3600.0
    max_entry_bytes: int = ByteSize(MiB)
    tool_calls: bool = False
    fallbacks: bool = False
    max_temperature: float = 1.0
    stale_while_revalidate_s: float = 0.0
    stale_if_error_s: float = 0.0
    replay: Replay = "at_once"
    scope: Scope = "tenant"
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class SemanticRules:
    """`SemanticOverride` with nothing left out."""

    enabled: bool = False
    embedder: str = "ngram"
    threshold: Literal["auto"] | float = "auto"
    shadow: bool = False
    window: int = 1
    guards: bool = True
    verify: str | None = None
    excluded_tags: tuple[str, ...] = ()
    target_false_hit_rate: float | None = None


@dataclass(frozen=True, slots=True)
class CacheRules:
    """How the answers of one model are cached."""

    exact: ExactRules = field(default_factory=ExactRules)
    semantic: SemanticRules = field(default_factory=SemanticRules)

    def narrowed(self, over: Cache | CacheOverride) -> "CacheRules":
        """These, but what a narrower scope sets."""
        return CacheRules(
            _narrowed(self.exact, over.exact), _narrowed(self.semantic, over.semantic)
        )


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """The cache as a whole.

    Args:
        rules: for requests by `provider/model`; a route has its own.
        max_bytes: of all workers.
        index: where the nearest question is found.
        is_used: whether any model or key has it on.
    """

    rules: CacheRules
    max_bytes: int
    tier: Tier
    max_store_bytes: int
    max_entries: int
    max_stored_questions: int
    index: Index
    is_used: bool


def _narrowed(rules: Rules, over: msgspec.Struct) -> Rules:
    """What a scope sets of the fields that `rules` has."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name in rules.__dataclass_fields__
        if (value := getattr(over, name)) is not UNSET
    }
    return replace(rules, **given)
