"""Answers whose meaning the other dialect has no words for, each with the page that shows it."""

import re
from collections.abc import Callable

from .decode import Meaning
from .records import Record

_MESSAGES = "https://docs.anthropic.com/en/api/messages"
_GENERATE = "https://ai.google.dev/api/caching#FunctionCall"
_EVERYWHERE = ("audio", "several messages in one stream", "blocks out of order")
#: Dialects whose answers have one message and objects as arguments.
_NO_CHOICES = ("anthropic", "bedrock", "cohere", "ollama")
_STREAMING = "https://docs.anthropic.com/en/docs/build-with-claude/streaming"


#: An audio object that says anything.
_SPOKEN = re.compile(rb'"audio": ?\{[^}]*"(id|data|transcript)": ?"[^"]')


def _blocks_out_of_order(record: Record, _meaning: Meaning) -> bool:
    """Whether a stream opens a block a second time, or not at the next index."""
    starts = re.findall(rb'"content_block_start"[^{]*"index": ?(\d+)', record.body)
    return [int(start) for start in starts] != list(range(len(starts)))


#: By the client's dialect: (name, whether it is the case, why it cannot be carried, the vendor's page)
IMPOSSIBLE: dict[str, list[tuple[str, Callable[[Record, Meaning], bool], str, str]]] = {}
IMPOSSIBLE["openai"] = IMPOSSIBLE["anthropic"] = IMPOSSIBLE["openai_responses"] = [
    (
        "several choices",
        lambda record, meaning: record.dialect not in _NO_CHOICES and meaning.choices > 1,
        "a message has one content list, there is no `n`",
        _MESSAGES,
    ),
    (
        "audio",
        lambda record, _meaning: _SPOKEN.search(record.body) is not None,
        "no audio block in an answer",
        _MESSAGES,
    ),
    (
        "arguments that are no JSON object",
        lambda record, meaning: (
            record.dialect not in _NO_CHOICES
            and any(not isinstance(given, dict) for _, given in meaning.tools)
        ),
        "`tool_use.input` is an object",
        _MESSAGES,
    ),
    (
        "several messages in one stream",
        lambda record, _meaning: record.body.count(b'"message_start"') > 1,
        "a stream is one message, from message_start to message_stop",
        _STREAMING,
    ),
    (
        "blocks out of order",
        _blocks_out_of_order,
        "block indexes count up from 0, each opened once",
        _STREAMING,
    ),
]


IMPOSSIBLE["gemini"] = [
    (
        "arguments that are no JSON object",
        lambda _record, meaning: any(not isinstance(given, dict) for _, given in meaning.tools),
        "`functionCall.args` is an object",
        _GENERATE,
    ),
    *(row for row in IMPOSSIBLE["openai"] if row[0] in _EVERYWHERE),
]


def why_impossible(record: Record, meaning: Meaning, client: str) -> str | None:
    """The reason and its page, or None when nothing excuses a difference."""
    for name, applies, why, page in IMPOSSIBLE[client]:
        if applies(record, meaning):
            return f"{name}: {why} ({page})"
    return None
