"""The OpenAI Agents SDK, by Responses and by Chat Completions."""

from collections.abc import Callable
from typing import Any

import forms
from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from talk import IMAGE, PNG_URL, STRUCTURED, TEXT, TOOLS, At, Calls, Client, Saw, main

Make = Callable[[str, AsyncOpenAI], Any]


def _client(name: str, make: Make) -> Client:
    client = Client(name)

    def agent(at: At, **fields: Any) -> Agent:
        api = AsyncOpenAI(base_url=f"{at.url}/v1", api_key=at.key, max_retries=0)
        return Agent(name="Helper", model=make(at.model, api), **fields)

    @client.case("text")
    async def text(at: At) -> Saw:
        done = await Runner.run(agent(at), TEXT)
        used = done.context_wrapper.usage
        return {
            "text": done.final_output,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
        }

    @client.case("stream")
    async def stream(at: At) -> Saw:
        running = Runner.run_streamed(agent(at), TEXT)
        pieces = [
            event.data.delta
            async for event in running.stream_events()
            if event.type == "raw_response_event"
            and event.data.type == "response.output_text.delta"
        ]
        assert running.final_output == "".join(pieces)
        return {"text": "".join(pieces), "pieces": len(pieces)}

    @client.case("tools")
    async def tools(at: At) -> Saw:
        calls = Calls()
        helper = agent(at, tools=[function_tool(calls.get_weather)])
        done = await Runner.run(helper, TOOLS)
        return {"text": done.final_output, "calls": calls.made}

    @client.case("tools, streamed")
    async def tools_streamed(at: At) -> Saw:
        calls = Calls()
        helper = agent(at, tools=[function_tool(calls.get_weather)])
        running = Runner.run_streamed(helper, TOOLS)
        async for _ in running.stream_events():
            pass
        return {"text": running.final_output, "calls": calls.made}

    @client.case("image")
    async def image(at: At) -> Saw:
        parts = [
            {"type": "input_text", "text": IMAGE},
            {"type": "input_image", "image_url": PNG_URL, "detail": "auto"},
        ]
        done = await Runner.run(agent(at), [{"role": "user", "content": parts}])
        return {"text": done.final_output}

    @client.case("structured")
    async def structured(at: At) -> Saw:
        done = await Runner.run(agent(at, output_type=forms.Place), STRUCTURED)
        return {"value": done.final_output.model_dump()}

    return client


if __name__ == "__main__":
    set_tracing_disabled(disabled=True)
    main(
        _client("OpenAI Agents SDK, Responses", OpenAIResponsesModel),
        _client("OpenAI Agents SDK, Chat Completions", OpenAIChatCompletionsModel),
    )
