"""LlamaIndex's models of OpenAI and Google, and its agent."""

from collections.abc import Callable
from typing import Any

import forms
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.llms.google_genai import GoogleGenAI
from llama_index.llms.openai import OpenAIResponses
from llama_index.llms.openai_like import OpenAILike
from talk import IMAGE, PNG, STRUCTURED, TEXT, TOOLS, At, Calls, Client, Saw, main

Make = Callable[[At], Any]


def _openai(at: At) -> Any:
    return OpenAILike(
        model=at.model,
        api_base=f"{at.url}/v1",
        api_key=at.key,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )


def _responses(at: At) -> Any:
    return OpenAIResponses(
        model=at.model,
        api_base=f"{at.url}/v1",
        api_key=at.key,
        context_window=100_000,
        max_retries=0,
    )


def _google(at: At) -> Any:
    return GoogleGenAI(
        model=at.model, api_key=at.key, http_options={"base_url": at.url}, max_tokens=1000
    )


def client_of(name: str, make: Make) -> Client:
    client = Client(name)

    @client.case("text")
    def text(at: At) -> Saw:
        return {"text": make(at).chat([ChatMessage(TEXT)]).message.content}

    @client.case("stream")
    def stream(at: At) -> Saw:
        chunks = list(make(at).stream_chat([ChatMessage(TEXT)]))
        pieces = [chunk.delta for chunk in chunks if chunk.delta]
        return {"text": "".join(pieces), "pieces": len(pieces)}

    @client.case("async")
    async def asynchronous(at: At) -> Saw:
        return {"text": (await make(at).achat([ChatMessage(TEXT)])).message.content}

    @client.case("tools")
    async def tools(at: At) -> Saw:
        return await _talk(make(at), streaming=False)

    @client.case("tools, streamed")
    async def tools_streamed(at: At) -> Saw:
        return await _talk(make(at), streaming=True)

    @client.case("image")
    def image(at: At) -> Saw:
        blocks = [TextBlock(text=IMAGE), ImageBlock(image=PNG, image_mimetype="image/png")]
        return {"text": make(at).chat([ChatMessage(blocks=blocks)]).message.content}

    @client.case("structured")
    def structured(at: At) -> Saw:
        done = make(at).as_structured_llm(forms.Place).chat([ChatMessage(STRUCTURED)])
        return {"value": done.raw.model_dump()}

    return client


async def _talk(model: Any, *, streaming: bool) -> Saw:
    calls = Calls()
    agent = FunctionAgent(tools=[calls.get_weather], llm=model, streaming=streaming)
    text = str(await agent.run(TOOLS))
    places = ("Zürich", "Oslo", "Rome")  # calls of one turn run at once
    return {"text": text, "calls": sorted(calls.made, key=lambda c: places.index(c["city"]))}


if __name__ == "__main__":
    main(
        client_of("LlamaIndex OpenAILike", _openai),
        client_of("LlamaIndex OpenAIResponses", _responses),
        client_of("LlamaIndex GoogleGenAI", _google),
    )
