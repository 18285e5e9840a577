"""LiteLLM's SDK, by its providers openai, anthropic and gemini."""

import json
from typing import Any

import forms
import litellm
from talk import (
    IMAGE,
    MAX_TURNS,
    PNG_URL,
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

_BASES = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}


def _client(provider: str) -> Client:
    client = Client(f"LiteLLM {provider}/")

    def complete(at: At, content: Any, **fields: Any) -> Any:
        messages = content if isinstance(content, list) else [_user(content)]
        return litellm.completion(
            model=f"{provider}/{at.model}",
            api_base=at.url + _BASES[provider],
            api_key=at.key,
            messages=messages,
            max_tokens=1000,
            num_retries=0,
            **fields,
        )

    @client.case("text")
    def text(at: At) -> Saw:
        return _told(complete(at, TEXT))

    @client.case("stream")
    def stream(at: At) -> Saw:
        chunks = list(complete(at, TEXT, stream=True, stream_options={"include_usage": True}))
        whole = litellm.stream_chunk_builder(chunks)
        pieces = sum(bool(c.choices and c.choices[0].delta.content) for c in chunks)
        return {"pieces": pieces, **_told(whole)}

    @client.case("tools")
    def tools(at: At) -> Saw:
        return _talk(lambda messages: complete(at, messages, tools=[_TOOL]))

    @client.case("tools, streamed")
    def tools_streamed(at: At) -> Saw:
        def ask(messages: Any) -> Any:
            chunks = list(complete(at, messages, tools=[_TOOL], stream=True))
            return litellm.stream_chunk_builder(chunks)

        return _talk(ask)

    @client.case("image")
    def image(at: At) -> Saw:
        picture = {"type": "image_url", "image_url": {"url": PNG_URL}}
        return _told(complete(at, [_user([{"type": "text", "text": IMAGE}, picture])]))

    def structured(at: At) -> Saw:
        done = complete(at, STRUCTURED, response_format=forms.Place)
        text = done.choices[0].message.content
        return {"value": forms.Place.model_validate_json(text).model_dump()}

    if provider != "gemini":  # of models that it does not know it only asks for JSON in words
        client.case("structured")(structured)
    return client


_TOOL = {"type": "function", "function": TOOL}


def _user(content: Any) -> Any:
    return {"role": "user", "content": content}


def _told(done: Any) -> Saw:
    return {
        "text": done.choices[0].message.content,
        "input_tokens": done.usage.prompt_tokens,
        "output_tokens": done.usage.completion_tokens,
    }


def _talk(ask: Any) -> Saw:
    calls, messages = Calls(), [_user(TOOLS)]
    for _ in range(MAX_TURNS):
        message = ask(messages).choices[0].message
        if not message.tool_calls:
            return {"text": message.content, "calls": calls.made}
        messages.append(message)
        for call in message.tool_calls:
            content = calls.run(call.function.name, json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
    raise RuntimeError("it never ends")


if __name__ == "__main__":
    main(*map(_client, _BASES))
