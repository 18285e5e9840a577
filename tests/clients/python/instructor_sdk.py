"""instructor over the official libraries: structured output by tools and by schemas."""

from collections.abc import Callable
from typing import Any

import anthropic
import forms
import instructor
import openai
from google import genai
from google.genai import types
from instructor import Mode
from talk import STRUCTURED, At, Client, Saw, main

Make = Callable[[At], Any]


def _openai(mode: Mode) -> Make:
    def make(at: At) -> Any:
        client = openai.OpenAI(base_url=f"{at.url}/v1", api_key=at.key, max_retries=0)
        return instructor.from_openai(client, mode=mode)

    return make


def _anthropic(mode: Mode) -> Make:
    def make(at: At) -> Any:
        client = anthropic.Anthropic(base_url=at.url, api_key=at.key, max_retries=0)
        return instructor.from_anthropic(client, mode=mode)

    return make


def _google(mode: Mode) -> Make:
    def make(at: At) -> Any:
        options = types.HttpOptions(base_url=at.url)
        client = genai.Client(api_key=at.key, http_options=options)
        return instructor.from_genai(client, mode=mode)

    return make


def _client(name: str, by_tools: Make, by_schema: Make | None, **fields: Any) -> Client:
    client = Client(name)
    asked: Any = {
        "messages": [{"role": "user", "content": STRUCTURED}],
        "max_retries": 1,
        **fields,
    }

    def create(make: Make) -> Callable[[At], Saw]:
        def case(at: At) -> Saw:
            made = make(at).create(model=at.model, response_model=forms.Place, **asked)
            return {"value": made.model_dump()}

        return case

    @client.case("structured, streamed")
    def streamed(at: At) -> Saw:
        parts = by_tools(at).create_partial(model=at.model, response_model=forms.Place, **asked)
        return {"value": list(parts)[-1].model_dump()}

    client.case("structured")(create(by_tools))
    if by_schema is not None:
        client.case("structured, by JSON Schema")(create(by_schema))
    return client


if __name__ == "__main__":
    main(
        _client("instructor from_openai", _openai(Mode.TOOLS), _openai(Mode.JSON_SCHEMA)),
        _client(
            "instructor from_anthropic",
            _anthropic(Mode.ANTHROPIC_TOOLS),
            None,  # it only asks for JSON in words
            max_tokens=1000,
        ),
        _client(
            "instructor from_genai",
            _google(Mode.GENAI_TOOLS),
            _google(Mode.GENAI_STRUCTURED_OUTPUTS),
        ),
    )
