"""What would translating one streamed text event cost in Python?

The hot subset of `rust/stream` (a text delta, both ways) written with msgspec as fast as it goes:
typed decoders that skip unread fields, templates for everything that stays the same within a
stream. The events are those of `bench/rust/stream.rs`, which measures the same in Rust.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

OPENAI_EVENT = (
    b'{"id":"chatcmpl-BxjO7dxvaUs5fmoaDTPZ6bYXZzQzR","object":"chat.completion.chunk",'
    b'"created":1753583271,"model":"gpt-4o-mini-2024-07-18","service_tier":"default",'
    b'"system_fingerprint":"fp_34a54ae93c","choices":[{"index":0,"delta":{"content":" Hello"},'
    b'"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"kAj8z"}'
)
ANTHROPIC_EVENT = (
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Hello"}}'
)


class OpenAIDelta(msgspec.Struct, gc=False):
    """`choices[].delta`."""

    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[Any] | None = None


class OpenAIChoice(msgspec.Struct, gc=False):
    """`choices[]`."""

    delta: OpenAIDelta
    index: int = 0
    finish_reason: str | None = None


class OpenAIChunk(msgspec.Struct, gc=False):
    """A chunk, as far as the translation reads it."""

    choices: list[OpenAIChoice]
    usage: dict[str, Any] | None = None


class AnthropicDelta(msgspec.Struct, gc=False):
    """`delta`."""

    type: str | None = None
    text: str | None = None
    partial_json: str | None = None


class AnthropicEvent(msgspec.Struct, gc=False):
    """An event, as far as the translation reads it."""

    type: str
    index: int = 0
    delta: AnthropicDelta | None = None


_decode_openai = msgspec.json.Decoder(OpenAIChunk).decode
_decode_anthropic = msgspec.json.Decoder(AnthropicEvent).decode
_encode = msgspec.json.Encoder().encode

_OPENAI_HEAD = (
    b'data: {"id":"msg_1","object":"chat.completion.chunk","created":7,"model":"claude",'
    b'"choices":[{"index":0,"delta":{"content":'
)
_OPENAI_TAIL = b'},"finish_reason":null}]}\n\n'
_ANTHROPIC_HEAD = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":'
)
_ANTHROPIC_TAIL = b"}}\n\n"


class OpenAIToAnthropic:
    """One stream's state, reduced to what a text delta needs."""

    def __init__(self) -> None:
        self.block = 0

    def event(self, data: bytes) -> bytes:
        """The Anthropic event that a text chunk becomes."""
        chunk = _decode_openai(data)
        out = b""
        for choice in chunk.choices:
            delta = choice.delta
            if delta.content:
                out += _ANTHROPIC_HEAD % self.block + _encode(delta.content) + _ANTHROPIC_TAIL
            if delta.tool_calls or delta.reasoning_content or choice.finish_reason:
                raise NotImplementedError
        return out


class AnthropicToOpenAI:
    """One stream's state, reduced to what a text delta needs."""

    def event(self, data: bytes) -> bytes:
        """The chunk that a text event becomes."""
        event = _decode_anthropic(data)
        delta = event.delta
        if event.type != "content_block_delta" or delta is None or delta.type != "text_delta":
            raise NotImplementedError
        return _OPENAI_HEAD + _encode(delta.text) + _OPENAI_TAIL


def median_ns(call: Callable[[bytes], bytes], data: bytes, *, calls: int = 100_000) -> float:
    """Median over 9 rounds of the time of one call, in nanoseconds, loop included."""
    rounds = []
    for _ in range(9):
        start = time.perf_counter_ns()
        for _ in range(calls):
            call(data)
        rounds.append((time.perf_counter_ns() - start) / calls)
    return statistics.median(rounds)


def main() -> None:
    """Prints the figures as JSON."""
    figures = {
        "python": platform.python_version(),
        "msgspec": msgspec.__version__,
        "openai_to_anthropic_ns": median_ns(OpenAIToAnthropic().event, OPENAI_EVENT),
        "anthropic_to_openai_ns": median_ns(AnthropicToOpenAI().event, ANTHROPIC_EVENT),
    }
    json.dump(figures, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
