"""The simulator as OpenAI's older completions: chat with a text where that has messages.

Source: platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import Iterator

from .dialects import FINISH, Event, dumps, openai_head, openai_usage
from .prompt import Json, Prompt, RefusedError, read_openai
from .reply import Reply


def read_completions(body: Json) -> Prompt:
    """A completions request, of one prompt."""
    given = body.get("prompt", "")
    [text] = given if isinstance(given, list) and len(given) == 1 else [given]
    if not isinstance(text, str):
        raise RefusedError("prompt: one text at a time is simulated")
    return read_openai(body | {"messages": [{"role": "user", "content": text}]})


def completions_whole(prompt: Prompt, replies: list[Reply]) -> bytes:
    """`object: text_completion`."""
    choices = [
        _choice(index, "".join(reply.text), FINISH[reply.finish])
        for index, reply in enumerate(replies)
    ]
    body = openai_head(prompt, replies, "text_completion")
    return dumps(body | {"choices": choices, "usage": openai_usage(replies)})


def completions_events(prompt: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """One choice after the other, usage if asked for, `[DONE]`."""
    head = openai_head(prompt, replies, "text_completion")
    for index, reply in enumerate(replies):
        for piece in reply.text:
            yield _event(head | {"choices": [_choice(index, piece, None)]}, token=True)
        yield _event(head | {"choices": [_choice(index, "", FINISH[reply.finish])]})
    if prompt.include_usage:
        yield _event(head | {"choices": [], "usage": openai_usage(replies)})
    yield Event(b"data: [DONE]\n\n")


def _event(body: Json, *, token: bool = False) -> Event:
    return Event(b"data: %b\n\n" % dumps(body), token)


def _choice(index: int, text: str, finish: str | None) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
