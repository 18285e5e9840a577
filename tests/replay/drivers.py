"""The vendors' own SDKs as clients: what they make of an answer, as a `Meaning`."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import cohere
import httpx
import ollama
import openai
from google import genai
from google.genai import types

from .decode import (
    FINISHES,
    Meaning,
    arguments,
    fold_cohere,
    fold_gemini,
    fold_ollama,
    fold_openai,
    fold_responses,
)

PROMPT = "Say what was recorded."


class Drivers:
    """The SDKs pointed at one base URL, without retries."""

    def __init__(self, url: str, key: str) -> None:
        self.openai = openai.AsyncOpenAI(
            base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60
        )
        self.anthropic = anthropic.AsyncAnthropic(
            base_url=url, api_key=key, max_retries=0, timeout=60
        )
        options = types.HttpOptions(base_url=url, timeout=60_000)
        self.gemini = genai.Client(api_key=key, http_options=options)
        # Those that no client of the gateway speaks.
        self.http = httpx.AsyncClient(timeout=60)
        self.cohere = cohere.AsyncClientV2(api_key=key, base_url=url, httpx_client=self.http)
        self.ollama = ollama.AsyncClient(host=url, timeout=60)

    async def close(self) -> None:
        """Closes their connections."""
        await self.openai.close()
        await self.anthropic.close()
        await self.gemini.aio.aclose()
        await self.http.aclose()
        await self.ollama._client.aclose()

    async def read(self, dialect: str, model: str, stream: bool) -> Meaning:
        """One answer, read by the SDK of `dialect`.  Raises what the SDK raises."""
        if dialect == "openai":
            return await self._openai(model, stream)
        if dialect == "gemini":
            return await self._gemini(model, stream)
        if dialect == "openai_responses":
            return await self._responses(model, stream)
        if dialect == "cohere":
            return await self._cohere(model, stream)
        if dialect == "ollama":
            return await self._ollama(model, stream)
        return await self._anthropic(model, stream)

    async def _openai(self, model: str, stream: bool) -> Meaning:
        messages: Any = [{"role": "user", "content": PROMPT}]
        create = self.openai.chat.completions.create
        if not stream:
            whole = await create(model=model, messages=messages)
            return fold_openai([whole.to_dict(warnings=False)], stream=False)
        chunks = await create(
            model=model, messages=messages, stream=True, stream_options={"include_usage": True}
        )
        return fold_openai([chunk.to_dict(warnings=False) async for chunk in chunks], stream=True)

    async def _gemini(self, model: str, stream: bool) -> Meaning:
        models = self.gemini.aio.models
        if stream:
            chunks = await models.generate_content_stream(model=model, contents=PROMPT)
            answers = [chunk async for chunk in chunks]
        else:
            answers = [await models.generate_content(model=model, contents=PROMPT)]
        said = [
            answer.model_dump(mode="json", by_alias=True, exclude_none=True) for answer in answers
        ]
        return fold_gemini(said, stream)

    async def _responses(self, model: str, stream: bool) -> Meaning:
        create = self.openai.responses.create
        if not stream:
            whole = await create(model=model, input=PROMPT)
            return fold_responses([whole.to_dict(warnings=False)], stream=False)
        events = [
            event.to_dict(warnings=False)
            async for event in await create(model=model, input=PROMPT, stream=True)
        ]
        made = fold_responses(events, stream=True)
        # What the last event repeats is what the others have told.
        last = fold_responses([events[-1]["response"]], stream=False)
        if (last.text, last.tools, last.refusal) != (made.text, made.tools, made.refusal):
            raise ValueError(f"the last event repeats another answer: {last!r:.300}")
        return made

    async def _cohere(self, model: str, stream: bool) -> Meaning:
        messages: Any = [{"role": "user", "content": PROMPT}]
        if not stream:
            whole = await self.cohere.chat(model=model, messages=messages)
            return fold_cohere([json.loads(whole.json())], stream=False)
        events = self.cohere.chat_stream(model=model, messages=messages)
        return fold_cohere([json.loads(event.json()) async for event in events], stream=True)

    async def _ollama(self, model: str, stream: bool) -> Meaning:
        messages: Any = [{"role": "user", "content": PROMPT}]
        if not stream:
            whole = await self.ollama.chat(model=model, messages=messages)
            return fold_ollama([whole.model_dump()], False)
        lines = await self.ollama.chat(model=model, messages=messages, stream=True)
        return fold_ollama([line.model_dump() async for line in lines], True)

    async def _anthropic(self, model: str, stream: bool) -> Meaning:
        messages: Any = [{"role": "user", "content": PROMPT}]
        if stream:
            async with self.anthropic.messages.stream(
                model=model, max_tokens=1024, messages=messages
            ) as running:
                message: Any = await running.get_final_message()
        else:
            message = await self.anthropic.messages.create(
                model=model, max_tokens=1024, messages=messages
            )
        made = Meaning(terminated=True)
        for block in message.content:
            if block.type == "text":
                made.text += block.text
            elif block.type == "thinking":
                made.reasoning += block.thinking
            elif block.type == "tool_use":
                given = block.input
                shown = given if isinstance(given, str) else json.dumps(given)
                made.tools.append((block.name, arguments(shown)))
        reason = message.stop_reason
        made.finish = FINISHES.get(reason, reason) if reason else None
        usage = message.usage
        if usage is not None and usage.input_tokens is not None:
            cached = (usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
            made.input_tokens = usage.input_tokens + sum(part or 0 for part in cached)
            made.output_tokens = usage.output_tokens
        return made
