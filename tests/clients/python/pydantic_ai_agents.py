"""pydantic-ai's agents over its models of OpenAI, Anthropic and Google."""

from collections.abc import Callable
from typing import Any

import forms
from pydantic_ai import Agent, BinaryContent, NativeOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from talk import IMAGE, PNG, STRUCTURED, TEXT, TOOLS, At, Calls, Client, Saw, main

Make = Callable[[At], Any]


def _openai(at: At) -> Any:
    provider = OpenAIProvider(base_url=f"{at.url}/v1", api_key=at.key)
    return OpenAIChatModel(at.model, provider=provider)


def _responses(at: At) -> Any:
    provider = OpenAIProvider(base_url=f"{at.url}/v1", api_key=at.key)
    return OpenAIResponsesModel(at.model, provider=provider)


def _anthropic(at: At) -> Any:
    return AnthropicModel(at.model, provider=AnthropicProvider(base_url=at.url, api_key=at.key))


def _google(at: At) -> Any:
    return GoogleModel(at.model, provider=GoogleProvider(base_url=at.url, api_key=at.key))


def _client(name: str, make: Make, *, native: bool = True) -> Client:
    """Args: native: whether it asks models that it does not know for a form of the answer."""
    client = Client(name)

    @client.case("text")
    def text(at: At) -> Saw:
        done = Agent(make(at)).run_sync(TEXT)
        used = done.usage
        return {
            "text": done.output,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
        }

    @client.case("stream")
    async def stream(at: At) -> Saw:
        async with Agent(make(at)).run_stream(TEXT) as running:
            pieces = [piece async for piece in running.stream_text(delta=True, debounce_by=None)]
        return {"text": "".join(pieces), "pieces": len(pieces)}

    @client.case("tools")
    def tools(at: At) -> Saw:
        calls = Calls()
        agent = Agent(make(at), tools=[calls.get_weather])
        text = agent.run_sync(TOOLS).output
        return {"text": text, "calls": _in_order(calls)}

    @client.case("tools, streamed")
    async def tools_streamed(at: At) -> Saw:
        calls = Calls()
        agent = Agent(make(at), tools=[calls.get_weather])
        async with agent.run_stream(TOOLS) as running:
            return {"text": await running.get_output(), "calls": _in_order(calls)}

    @client.case("image")
    def image(at: At) -> Saw:
        picture = BinaryContent(data=PNG, media_type="image/png")
        return {"text": Agent(make(at)).run_sync([IMAGE, picture]).output}

    @client.case("structured")
    def structured(at: At) -> Saw:
        agent = Agent(make(at), output_type=ToolOutput(forms.Place))
        return {"value": agent.run_sync(STRUCTURED).output.model_dump()}

    def structured_by_json_schema(at: At) -> Saw:
        agent = Agent(make(at), output_type=NativeOutput(forms.Place))
        return {"value": agent.run_sync(STRUCTURED).output.model_dump()}

    if native:
        client.case("structured, by JSON Schema")(structured_by_json_schema)
    return client


def _in_order(calls: Calls) -> list[dict[str, Any]]:
    """Calls of one turn run at once, in threads."""
    places = ("Zürich", "Oslo", "Rome")
    return sorted(calls.made, key=lambda call: places.index(call["city"]))


if __name__ == "__main__":
    main(
        _client("pydantic-ai OpenAIChatModel", _openai),
        _client("pydantic-ai OpenAIResponsesModel", _responses),
        _client("pydantic-ai AnthropicModel", _anthropic, native=False),
        _client("pydantic-ai GoogleModel", _google),
    )
