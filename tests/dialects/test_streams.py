"""Streams of many hosts through the gateway, joined by the other vendor's own SDK."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import anthropic
import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from ..gateway import Gateway
from ..replay.records import Record
from ..replay.server import ReplayServer
from .streams import TO_ANTHROPIC, TO_OPENAI
from .test_answers import within

#: What the SDK raises of an answer that was cut, once it has taken it in.
_CUT: Final = (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError)
CASES: Final = {
    **{f"openai-{name}": case for name, case in TO_ANTHROPIC.items()},
    **{f"anthropic-{name}": case for name, case in TO_OPENAI.items()},
}


def framed(data: Any) -> str:
    """An event as the vendor frames it; text stands as it is."""
    if isinstance(data, str):
        return f"{data}\n\n" if data.startswith(":") else f"data: {data}\n\n"
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n"


def made_up(name: str, events: list[Any]) -> Record:
    """A case as the replaying upstream serves it."""
    return Record(
        id=name,
        dialect=name.partition("-")[0],
        provider="made-up",
        status=200,
        content_type="text/event-stream",
        body="".join(map(framed, events)).encode(),
        request="{}",
        synthetic_request=True,
    )


@pytest.fixture(scope="module")
def joined(module_path: Path) -> Iterator[dict[str, Any]]:
    """What the SDK of the other dialect made of each case."""
    with ReplayServer([made_up(name, events) for name, (events, _) in CASES.items()]) as server:
        providers = {
            "openai": {"dialect": "openai", "base_url": f"{server.url}/v1", "api_key": "none"},
            "anthropic": {"dialect": "anthropic", "base_url": server.url, "api_key": "none"},
        }
        with Gateway(server.url, module_path, providers=providers) as gateway:
            yield asyncio.run(_all(gateway))


async def _all(gateway: Gateway) -> dict[str, Any]:
    clients = (
        anthropic.AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0),
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0),
    )
    results = [await _one(*clients, name) for name in CASES]
    for client in clients:
        await client.close()
    return dict(zip(CASES, results, strict=True))


async def _one(claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI, name: str) -> Any:
    dialect = name.partition("-")[0]
    model = f"{dialect}/{name}.seeded"
    messages: Any = [{"role": "user", "content": "hi"}]
    try:
        if dialect == "openai":
            async with claude.messages.stream(model=model, max_tokens=9, messages=messages) as run:
                return (await run.get_final_message()).to_dict()
        state = ChatCompletionStreamState()
        async for chunk in await gpt.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options={"include_usage": True}
        ):
            with contextlib.suppress(*_CUT):
                state.handle_chunk(chunk)
        return state.current_completion_snapshot.to_dict()
    except Exception as error:  # whatever an SDK raises is what its user would see
        return repr(error)


@pytest.mark.parametrize("name", CASES)
def test_a_stream_in_the_other_dialect(joined: dict[str, Any], name: str) -> None:
    assert within(CASES[name][1], joined[name]) == ""
