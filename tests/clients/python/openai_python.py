"""The official OpenAI library: Chat Completions and Responses, plain, streamed, async, by helpers."""

import json
from typing import Any

import forms
import openai
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

chat = Client("openai Chat Completions")
responses = Client("openai Responses")


def _client(at: At) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{at.url}/v1", api_key=at.key, max_retries=0, timeout=20)


def _async_client(at: At) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{at.url}/v1", api_key=at.key, max_retries=0, timeout=20)


def _asked(text: str) -> Any:
    return [{"role": "user", "content": text}]


# Chat Completions


def _used(usage: Any) -> Saw:
    return {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}


@chat.case("text")
def chat_text(at: At) -> Saw:
    done = _client(at).chat.completions.create(model=at.model, messages=_asked(TEXT))
    return {"text": done.choices[0].message.content, **_used(done.usage)}


@chat.case("stream")
def chat_stream(at: At) -> Saw:
    chunks = list(
        _client(at).chat.completions.create(
            model=at.model,
            messages=_asked(TEXT),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    pieces = [
        c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content
    ]
    return {"text": "".join(pieces), "pieces": len(pieces), **_used(chunks[-1].usage)}


@chat.case("async")
async def chat_async(at: At) -> Saw:
    async with _async_client(at) as client:
        asked = _asked(TEXT)
        chunks = await client.chat.completions.create(model=at.model, messages=asked, stream=True)
        pieces = [c.choices[0].delta.content or "" async for c in chunks if c.choices]
    return {"text": "".join(pieces)}


_TOOL: Any = {"type": "function", "function": TOOL}


@chat.case("tools")
def chat_tools(at: At) -> Saw:
    create = _client(at).chat.completions.create
    calls, messages = Calls(), _asked(TOOLS)
    for _ in range(MAX_TURNS):
        message = create(model=at.model, messages=messages, tools=[_TOOL]).choices[0].message
        if not message.tool_calls:
            return {"calls": calls.made, "text": message.content}
        messages += [message, *map(_result(calls), message.tool_calls)]
    raise RuntimeError("it never ends")


@chat.case("tools, streamed")
def chat_tools_streamed(at: At) -> Saw:
    client = _client(at)
    calls, messages = Calls(), _asked(TOOLS)
    for _ in range(MAX_TURNS):
        with client.chat.completions.stream(
            model=at.model, messages=messages, tools=[_TOOL]
        ) as stream:
            message = stream.get_final_completion().choices[0].message
        if not message.tool_calls:
            return {"calls": calls.made, "text": message.content}
        messages += [message, *map(_result(calls), message.tool_calls)]
    raise RuntimeError("it never ends")


def _result(calls: Calls) -> Any:
    def result(call: Any) -> Any:
        given = json.loads(call.function.arguments)
        content = calls.run(call.function.name, given)
        return {"role": "tool", "tool_call_id": call.id, "content": content}

    return result


@chat.case("image")
def chat_image(at: At) -> Saw:
    picture = {"type": "image_url", "image_url": {"url": PNG_URL}}
    asked: Any = [{"role": "user", "content": [{"type": "text", "text": IMAGE}, picture]}]
    done = _client(at).chat.completions.create(model=at.model, messages=asked)
    return {"text": done.choices[0].message.content}


@chat.case("structured")
def chat_structured(at: At) -> Saw:
    done = _client(at).chat.completions.parse(
        model=at.model, messages=_asked(STRUCTURED), response_format=forms.Place
    )
    place = done.choices[0].message.parsed
    assert place is not None
    return {"value": place.model_dump()}


@chat.case("structured, streamed")
def chat_structured_streamed(at: At) -> Saw:
    with _client(at).chat.completions.stream(
        model=at.model, messages=_asked(STRUCTURED), response_format=forms.Place
    ) as stream:
        place = stream.get_final_completion().choices[0].message.parsed
    assert place is not None
    return {"value": place.model_dump()}


@chat.case("models")
def chat_models(at: At) -> Saw:
    client = _client(at)
    names = [model.id for model in client.models.list()]
    return {"models": names, "model": client.models.retrieve(at.model).id}


# Responses


def _used_there(usage: Any) -> Saw:
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}


@responses.case("text")
def responses_text(at: At) -> Saw:
    done = _client(at).responses.create(model=at.model, input=TEXT)
    return {"text": done.output_text, **_used_there(done.usage)}


@responses.case("stream")
def responses_stream(at: At) -> Saw:
    events = list(_client(at).responses.create(model=at.model, input=TEXT, stream=True))
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(events))), numbers
    last: Any = events[-1]
    assert last.type == "response.completed", last.type
    assert last.response.output_text == "".join(pieces)
    return {"text": "".join(pieces), "pieces": len(pieces), **_used_there(last.response.usage)}


@responses.case("async")
async def responses_async(at: At) -> Saw:
    async with (
        _async_client(at) as client,
        client.responses.stream(model=at.model, input=TEXT) as stream,
    ):
        return {"text": (await stream.get_final_response()).output_text}


_FUNCTION: Any = {"type": "function", "strict": True, **TOOL}


@responses.case("tools")
def responses_tools(at: At) -> Saw:
    """The whole conversation is sent each time, items as they came."""
    create = _client(at).responses.create
    calls, items = Calls(), _asked(TOOLS)
    for _ in range(MAX_TURNS):
        made = create(model=at.model, input=items, tools=[_FUNCTION], store=False)
        if made.output_text:
            return {"calls": calls.made, "text": made.output_text}
        items += [*made.output, *_outputs(calls, made.output)]
    raise RuntimeError("it never ends")


@responses.case("tools, streamed")
def responses_tools_streamed(at: At) -> Saw:
    """The provider, or the gateway for it, keeps the conversation."""
    client = _client(at)
    calls = Calls()
    items, before = _asked(TOOLS), None
    for _ in range(MAX_TURNS):
        with client.responses.stream(
            model=at.model, input=items, tools=[_FUNCTION], previous_response_id=before
        ) as stream:
            made = stream.get_final_response()
        if made.output_text:
            return {"calls": calls.made, "text": made.output_text}
        items, before = _outputs(calls, made.output), made.id
    raise RuntimeError("it never ends")


def _outputs(calls: Calls, items: Any) -> Any:
    return [
        {
            "type": "function_call_output",
            "call_id": item.call_id,
            "output": calls.run(item.name, json.loads(item.arguments)),
        }
        for item in items
        if item.type == "function_call"
    ]


@responses.case("image")
def responses_image(at: At) -> Saw:
    picture = {"type": "input_image", "image_url": PNG_URL, "detail": "auto"}
    parts: Any = [{"type": "input_text", "text": IMAGE}, picture]
    asked: Any = [{"role": "user", "content": parts}]
    return {"text": _client(at).responses.create(model=at.model, input=asked).output_text}


@responses.case("structured")
def responses_structured(at: At) -> Saw:
    done = _client(at).responses.parse(model=at.model, input=STRUCTURED, text_format=forms.Place)
    assert done.output_parsed is not None
    return {"value": done.output_parsed.model_dump()}


if __name__ == "__main__":
    main(chat, responses)
