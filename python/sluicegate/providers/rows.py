"""What a row of the catalogue can say of a host."""

from typing import Literal

import msgspec

from sluicegate.providers.clouds import Envelope

Extension = Literal["cache_control", "reasoning_content", "thinking_blocks", "thought_signature"]
"""A field beyond Chat Completions in which a translated request says what the dialect cannot:
prompt-cache marks; earlier thoughts as text (DeepSeek's name); earlier thoughts with their
signatures (LiteLLM's name); Gemini's signatures of calls and texts, in `extra_content`.
"""

Lack = Literal[
    "frequency_penalty",
    "logprobs",
    "max_completion_tokens",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "stream_options",
    "tool_choice",
    "top_logprobs",
    "user",
]
"""A field of Chat Completions that a host refuses or ignores, so that a translated request goes
without it: `max_completion_tokens` by its older name `max_tokens`, what only tunes left out and
told, the rest as a field that cannot be expressed.
"""

EmbeddingsForm = Literal[
    "bedrock", "cohere", "gemini", "mistral", "ollama", "openai", "vertex", "voyage"
]
"""How a host is asked for vectors; see `embeddings.FORMS`."""

RerankForm = Literal["bedrock", "cohere", "jina", "voyage"]
"""How a host is asked to rank documents; see `rerank.FORMS`."""

OWN: Literal["own"] = "own"
"""Stands for an API that is like no other's."""


class DataUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a host says that it does with what it is sent, where nothing else is agreed.

    Args:
        docs: where it says so.
        as_of: the day on which it was read there, as YYYY-MM-DD.
        trains: whether it trains models on it; None is unknown, or differs by plan.
        kept_days: how long it may keep it, 0 is not at all; None is unknown.
        zero_retention: whether it keeps nothing by itself, or where that is agreed or set; None is
        unknown.
    """

    docs: str
    as_of: str
    trains: bool | None = None
    kept_days: int | None = None
    zero_retention: Literal["default", "on_request"] | None = None


class ProviderRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host.

    Args:
        dialect: what it speaks.
        base_url: up to and including the version, with `{name}` for each of the settings.
        docs: its API's page.
        settings: what its URL wants to know, and what that is.
        aliases: names that other gateways have for it.
        envelope: the cloud whose paths and bodies requests of `anthropic` have there.
        unversioned: its paths have no version at all, so that none is added to a bare host.
        api_key_env: the variable that its own documentation names.
        auth: where the key goes: `bearer`, or a header's name and maybe a word before the key.
        stream_usage: whether streams may be asked for their usage.
        quota_codes: words in its errors for a quota that is used up.
        needs_key: false for hosts of one's own.
        responses: whether it has the Responses API.
        completions: whether it has OpenAI's older completions.
        realtime: whether it has OpenAI's realtime sessions.
        embeddings: in which form it has them, where that is not its dialect's; `none` where it has
        none.
        rerank: in which form it ranks documents, in the same way.
        extensions: fields beyond its dialect that it takes, by its own documentation. None where
        nothing is known: strict hosts answer 400 to a field that they do not know.
        lacks: fields of its dialect that it does not take, by its own documentation.
        quirks: what else is peculiar to it, a sentence each, for people.
        price_provider: the price book's name for it, where that is another.
        reasoning_beside_output: whether its output counts leave out reasoning.
        data: what becomes of what it is sent; None is unknown.
    """

    dialect: str
    base_url: str
    docs: str
    settings: dict[str, str] = {}
    aliases: tuple[str, ...] = ()
    envelope: Envelope | None = None
    unversioned: bool = False
    api_key_env: str = ""
    auth: str = "bearer"
    stream_usage: Literal["ask", "never"] = "ask"
    quota_codes: frozenset[str] = frozenset({"insufficient_quota"})
    needs_key: bool = True
    responses: bool = False
    completions: bool = False
    realtime: bool = False
    embeddings: EmbeddingsForm | Literal["none"] | None = None
    rerank: RerankForm | Literal["none"] | None = None
    extensions: frozenset[Extension] = frozenset()
    lacks: frozenset[Lack] = frozenset()
    quirks: tuple[str, ...] = ()
    price_provider: str = ""
    reasoning_beside_output: bool = False
    data: DataUse | None = None
