"""Hosts that the gateway knows by name: rows of data, no code."""

import tomllib
from importlib.resources import files
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

Extension = Literal["cache_control", "reasoning_content", "thinking_blocks", "thought_signature"]
"""A field beyond Chat Completions in which a translated request says what the dialect cannot:
prompt-cache marks; earlier thoughts as text (DeepSeek's name); earlier thoughts with their
signatures (LiteLLM's name); Gemini's signatures of calls and texts, in `extra_content`.
"""

Lack = Literal[
    "max_completion_tokens",
    "parallel_tool_calls",
    "reasoning_effort",
    "response_format",
    "service_tier",
    "stop",
    "stream_options",
    "tool_choice",
    "user",
]
"""A field of Chat Completions that a host refuses or ignores, so that a translated request goes
without it: `max_completion_tokens` by its older name `max_tokens`, what only tunes left out and
told, the rest as a field that cannot be expressed.
"""


class ProviderRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host.

    Args:
        dialect: what it speaks.
        base_url: up to and including the version.
        api_key_env: the variable that its own documentation names.
        docs: its API's page.
        auth: where the key goes: `bearer` or a header's name.
        stream_usage: whether streams may be asked for their usage.
        quota_codes: words in its errors for a quota that is used up.
        needs_key: false for hosts of one's own.
        responses: whether it has the Responses API.
        extensions: fields beyond its dialect that it takes, by its own documentation. None where
        nothing is known: strict hosts answer 400 to a field that they do not know.
        lacks: fields of its dialect that it does not take, by its own documentation.
        price_provider: the price book's name for it, where that is another.
        reasoning_beside_output: whether its output counts leave out reasoning.
    """

    dialect: Literal["openai", "openai_responses", "anthropic", "gemini"]
    base_url: str
    docs: str
    api_key_env: str = ""
    auth: str = "bearer"
    stream_usage: Literal["ask", "never"] = "ask"
    quota_codes: frozenset[str] = frozenset({"insufficient_quota"})
    needs_key: bool = True
    responses: bool = False
    extensions: frozenset[Extension] = frozenset()
    lacks: frozenset[Lack] = frozenset()
    price_provider: str = ""
    reasoning_beside_output: bool = False


def _read() -> dict[str, ProviderRow]:
    text = files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, ProviderRow])


CATALOGUE: Final = _read()


def row_at(base_url: str | None, dialect: str | None) -> ProviderRow | None:
    """The row of a public host, whatever a configuration calls it; a host of one's own is known by
    its name alone.
    """
    try:
        host = urlsplit(base_url or "").netloc.lower()
    except ValueError:
        return None
    at_host = (
        row
        for row in CATALOGUE.values()
        if row.needs_key and row.dialect == dialect and urlsplit(row.base_url).netloc == host
    )
    return next(at_host, None)
