"""The Claude Agent SDK, with a tool of its own process."""

import json
import tempfile
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ResultMessage,
    StreamEvent,
    create_sdk_mcp_server,
    query,
    tool,
)
from talk import (
    FORM,
    IMAGE,
    PLACE,
    PNG_BASE64,
    TEXT,
    TOOL,
    TOOLS,
    At,
    Calls,
    Client,
    Saw,
    main,
)

agent = Client("Claude Agent SDK")


async def _ask(at: At, prompt: Any, **fields: Any) -> tuple[ResultMessage, list[Any]]:
    with tempfile.TemporaryDirectory() as home:
        options = ClaudeAgentOptions(
            model=at.model,
            cwd=home,
            env={
                "ANTHROPIC_BASE_URL": at.url,
                "ANTHROPIC_AUTH_TOKEN": at.key,
                "CLAUDE_CONFIG_DIR": home,
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "ENABLE_TOOL_SEARCH": "false",  # tools of servers are there from the start
            },
            **fields,
        )
        told = [message async for message in query(prompt=prompt, options=options)]
    [result] = [message for message in told if isinstance(message, ResultMessage)]
    assert result.subtype == "success", result
    return result, told


@agent.case("text")
async def text(at: At) -> Saw:
    result, told = await _ask(at, TEXT)
    assert any(isinstance(message, AssistantMessage) for message in told)
    return {"text": result.result}


@agent.case("stream")
async def stream(at: At) -> Saw:
    result, told = await _ask(at, TEXT, include_partial_messages=True)
    deltas = [m.event.get("delta", {}) for m in told if isinstance(m, StreamEvent)]
    pieces = [delta["text"] for delta in deltas if delta.get("type") == "text_delta"]
    assert "".join(pieces) == result.result
    return {"text": result.result, "pieces": len(pieces)}


@agent.case("tools")
async def tools(at: At) -> Saw:
    calls = Calls()

    @tool(TOOL["name"], TOOL["description"], TOOL["parameters"])
    async def weather(given: dict[str, Any]) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": calls.get_weather(**given)}]}

    server = create_sdk_mcp_server("weather", tools=[weather])
    name = f"mcp__weather__{TOOL['name']}"
    result, _ = await _ask(
        at,
        TOOLS.replace(TOOL["name"], name),
        mcp_servers={"weather": server},
        allowed_tools=[name],
    )
    return {"text": result.result, "calls": calls.made}


@agent.case("image")
async def image(at: At) -> Saw:
    source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": IMAGE}]

    async def asked() -> Any:
        yield {"type": "user", "message": {"role": "user", "content": parts}}

    result, _ = await _ask(at, asked())
    return {"text": result.result}


@agent.case("structured")
async def structured(at: At) -> Saw:
    wish = f"Call StructuredOutput with {json.dumps(PLACE)}"
    result, _ = await _ask(at, wish, output_format={"type": "json_schema", "schema": FORM})
    return {"value": result.structured_output}


if __name__ == "__main__":
    main(agent)
