"""The official Google Gen AI library: plain, streamed, async, with functions that it calls itself."""

from functools import cache
from typing import Any

import forms
from google import genai
from google.genai import types
from talk import (
    IMAGE,
    MAX_TURNS,
    PNG,
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

gemini = Client("google-genai generateContent")


@cache
def _client(at: At) -> genai.Client:
    """Kept: a client that nobody holds closes its connections."""
    options = types.HttpOptions(base_url=at.url, timeout=20_000)
    return genai.Client(api_key=at.key, http_options=options)


def _used(answer: Any) -> Saw:
    usage = answer.usage_metadata
    return {
        "input_tokens": usage.prompt_token_count,
        "output_tokens": usage.candidates_token_count,
    }


@gemini.case("text")
def text(at: At) -> Saw:
    answer = _client(at).models.generate_content(model=at.model, contents=TEXT)
    return {"text": answer.text, **_used(answer)}


@gemini.case("stream")
def stream(at: At) -> Saw:
    client = _client(at)
    chunks = list(client.models.generate_content_stream(model=at.model, contents=TEXT))
    pieces = [chunk.text for chunk in chunks if chunk.text]
    return {"text": "".join(pieces), "pieces": len(pieces), **_used(chunks[-1])}


@gemini.case("async")
async def asynchronous(at: At) -> Saw:
    async with _client.__wrapped__(at).aio as client:
        chunks = await client.models.generate_content_stream(model=at.model, contents=TEXT)
        pieces = [chunk.text or "" async for chunk in chunks]
    return {"text": "".join(pieces)}


@gemini.case("tools")
def tools(at: At) -> Saw:
    """A chat; the library calls the function by itself."""
    calls = Calls()
    config = types.GenerateContentConfig(tools=[calls.get_weather])
    chat = _client(at).chats.create(model=at.model, config=config)
    return {"text": chat.send_message(TOOLS).text, "calls": calls.made}


@gemini.case("tools, streamed")
def tools_streamed(at: At) -> Saw:
    client, calls = _client(at), Calls()
    function = types.FunctionDeclaration(
        name=TOOL["name"],
        description=TOOL["description"],
        parameters_json_schema=TOOL["parameters"],
    )
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])])
    contents: list[Any] = [types.UserContent(TOOLS)]
    for _ in range(MAX_TURNS):
        parts: list[types.Part] = []
        for chunk in client.models.generate_content_stream(
            model=at.model, contents=contents, config=config
        ):
            content = (chunk.candidates or [types.Candidate()])[0].content
            parts += (content.parts if content else None) or []
        made = [part.function_call for part in parts if part.function_call]
        if not made:
            return {"text": "".join(part.text or "" for part in parts), "calls": calls.made}
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id,
                    name=call.name,
                    response={"output": calls.run(str(call.name), dict(call.args or {}))},
                )
            )
            for call in made
        ]
        contents += [types.ModelContent(parts), types.UserContent(results)]
    raise RuntimeError("it never ends")


@gemini.case("image")
def image(at: At) -> Saw:
    picture = types.Part.from_bytes(data=PNG, mime_type="image/png")
    answer = _client(at).models.generate_content(model=at.model, contents=[IMAGE, picture])
    return {"text": answer.text}


@gemini.case("structured")
def structured(at: At) -> Saw:
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_schema=forms.Place
    )
    answer = _client(at).models.generate_content(model=at.model, contents=STRUCTURED, config=config)
    assert isinstance(answer.parsed, forms.Place), answer.text
    return {"value": answer.parsed.model_dump()}


@gemini.case("structured, by JSON Schema")
def structured_by_json_schema(at: At) -> Saw:
    config = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_json_schema=forms.Place.model_json_schema(),
    )
    answer = _client(at).models.generate_content(model=at.model, contents=STRUCTURED, config=config)
    return {"value": forms.Place.model_validate_json(answer.text or "").model_dump()}


@gemini.case("count")
def count(at: At) -> Saw:
    return {
        "input_tokens": _client(at).models.count_tokens(model=at.model, contents=TEXT).total_tokens
    }


@gemini.case("models")
def models(at: At) -> Saw:
    client = _client(at)
    names = [str(model.name).removeprefix("models/") for model in client.models.list()]
    name = client.models.get(model=at.model).name
    return {"models": names, "model": str(name).removeprefix("models/")}


if __name__ == "__main__":
    main(gemini)
