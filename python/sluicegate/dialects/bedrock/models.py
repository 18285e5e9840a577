"""What of a wish for reasoning or for a form of the answer a model on Bedrock takes.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html,
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

import re
from typing import Any, Final, NamedTuple

from sluicegate.conversation import Conversation
from sluicegate.dialects.anthropic import thinking
from sluicegate.dialects.reasoning import word_of

_CLAUDE: Final = re.compile(r"anthropic\.claude")
_NOVA: Final = re.compile(r"amazon\.nova")
_NOVA_2: Final = re.compile(r"amazon\.nova-2")
_GPT_OSS: Final = re.compile(r"openai\.gpt-oss")
_NO_CACHE: Final = re.compile(r"claude-(instant|v2|3-(opus|sonnet|haiku)|3-5-sonnet-20240620)")
_NO_SCHEMAS: Final = re.compile(
    r"amazon\.|meta\.llama|ai21\.|cohere\.|claude-(instant|v?2|3|(opus|sonnet|haiku)-4(-[01](?!\d)|-\d{8}))"
)
"""Models that cannot be held to a schema."""

Json = dict[str, Any]


class Thinking(NamedTuple):
    """What the request says.

    Args:
        fields: in `additionalModelRequestFields`.
        max_tokens: the bound, where the wish needs one.
        is_left_out: the wish could not be said, wholly or in part.
    """

    fields: Json
    max_tokens: int | None = None
    is_left_out: bool = False


def is_claude(model: str) -> bool:
    """Whether Anthropic made the model; nobody knows what hides behind a profile's ARN."""
    return bool(_CLAUDE.search(model))


def takes_cache_points(model: str, kind: str) -> bool:
    """Whether a prompt can be marked for the cache behind such a block; elsewhere the model refuses
    the whole request: Nova behind all but text, Claude behind thoughts.
    """
    if _NOVA.search(model):
        return kind == "text"
    return is_claude(model) and not _NO_CACHE.search(model) and kind != "reasoningContent"


def cache_ttl(model: str, ttl: str | None) -> str | None:
    """How long it is kept, where the model lets one say so: Nova keeps it for five minutes."""
    return None if _NOVA.search(model) else ttl


def takes_schemas(model: str) -> bool:
    """Whether the answer, and the arguments of calls, can be held to a schema."""
    return not _NO_SCHEMAS.search(model)


def takes_one_call(model: str) -> bool:
    """Whether it can be told to call one tool at once, in Anthropic's own words."""
    return is_claude(model) and takes_schemas(model)


def top_k(model: str, value: int) -> Json | None:
    """Fields that say it; None where the model is not known to take it."""
    if is_claude(model):
        return {"top_k": value}
    return {"inferenceConfig": {"topK": value}} if _NOVA.search(model) else None


def thinking_of(c: Conversation, model: str, default_max_tokens: int) -> Thinking:
    """The wish of the request, so that the model accepts it."""
    reasoning = c.reasoning
    if reasoning is None:
        return Thinking({})
    bound = default_max_tokens if c.max_output_tokens is None else c.max_output_tokens
    if is_claude(model):
        said = thinking.translated(c, reasoning, model, bound)
        fields: Json = {} if said.field is None else {"thinking": said.field}
        if said.effort is not None:
            fields["output_config"] = {"effort": said.effort}
        needs_bound = said.field is not None and "budget_tokens" in said.field
        return Thinking(fields, said.max_tokens if needs_bound else None, said.is_left_out)
    if reasoning.enabled is False:
        return Thinking({})
    effort = word_of(reasoning, bound)
    if _NOVA_2.search(model):
        return Thinking({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}})
    if _GPT_OSS.search(model):
        return Thinking({"reasoning_effort": effort})
    return Thinking({}, is_left_out=True)
