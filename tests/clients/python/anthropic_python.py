"""The official Anthropic library: plain, streamed, async, its tool runner, its counting."""

from typing import Any

import anthropic
import forms
from talk import (
    IMAGE,
    MAX_TURNS,
    PNG_BASE64,
    STRUCTURED,
    TEXT,
    TOOL,
    TOOLS,
    At,
    Calls,
    Client,
    Saw,
    main,
)

messages = Client("anthropic Messages")

_TOOL: Any = {
    "name": TOOL["name"],
    "description": TOOL["description"],
    "input_schema": TOOL["parameters"],
}


def _client(at: At) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=at.url, api_key=at.key, max_retries=0, timeout=20)


def _asked(at: At, content: Any) -> Any:
    return {
        "model": at.model,
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": content}],
    }


def _text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _told(message: Any) -> Saw:
    usage = message.usage
    return {
        "text": _text(message),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }


@messages.case("text")
def text(at: At) -> Saw:
    return _told(_client(at).messages.create(**_asked(at, TEXT)))


@messages.case("stream")
def stream(at: At) -> Saw:
    with _client(at).messages.stream(**_asked(at, TEXT)) as running:
        pieces = list(running.text_stream)
        message = running.get_final_message()
    assert "".join(pieces) == _text(message)
    return {"pieces": len(pieces), **_told(message)}


@messages.case("async")
async def asynchronous(at: At) -> Saw:
    """By the beta path: `/v1/messages?beta=true` and the header of a beta."""
    async with (
        anthropic.AsyncAnthropic(base_url=at.url, api_key=at.key, max_retries=0) as client,
        client.beta.messages.stream(
            **_asked(at, TEXT), betas=["interleaved-thinking-2025-05-14"]
        ) as running,
    ):
        return _told(await running.get_final_message())


@messages.case("tools")
def tools(at: At) -> Saw:
    """The library's own loop over calls."""
    calls = Calls()
    tool = anthropic.beta_tool(calls.get_weather)
    runner = _client(at).beta.messages.tool_runner(**_asked(at, TOOLS), tools=[tool])
    return {"text": _text(runner.until_done()), "calls": calls.made}


@messages.case("tools, streamed")
def tools_streamed(at: At) -> Saw:
    client, calls = _client(at), Calls()
    asked = _asked(at, TOOLS)
    for _ in range(MAX_TURNS):
        with client.messages.stream(**asked, tools=[_TOOL]) as running:
            message = running.get_final_message()
        if message.stop_reason != "tool_use":
            return {"text": _text(message), "calls": calls.made}
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": calls.run(block.name, dict(block.input)),
            }
            for block in message.content
            if block.type == "tool_use"
        ]
        asked["messages"] += [
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": results},
        ]
    raise RuntimeError("it never ends")


@messages.case("image")
def image(at: At) -> Saw:
    source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": IMAGE}]
    return _told(_client(at).messages.create(**_asked(at, parts)))


@messages.case("structured")
def structured(at: At) -> Saw:
    made = _client(at).messages.parse(**_asked(at, STRUCTURED), output_format=forms.Place)
    assert made.parsed_output is not None
    return {"value": made.parsed_output.model_dump()}


@messages.case("count")
def count(at: At) -> Saw:
    asked = _asked(at, TEXT)
    del asked["max_tokens"]
    return {"input_tokens": _client(at).messages.count_tokens(**asked).input_tokens}


@messages.case("models")
def models(at: At) -> Saw:
    client = _client(at)
    names = [model.id for model in client.models.list()]
    return {"models": names, "model": client.models.retrieve(at.model).id}


if __name__ == "__main__":
    main(messages)
