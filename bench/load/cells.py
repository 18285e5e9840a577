"""What is asked of each target: a body, how many at once, for how long."""

import json
from dataclasses import dataclass
from typing import Any

EVENTS = 200


def _question() -> list[dict[str, Any]]:
    text = (
        "Tell me in two short sentences why a gateway that adds little delay matters to an agent "
        "that makes many calls, and what it should measure first of all. "
    )
    return [{"role": "user", "content": text + "Be brief please. " * 3}]


def small(model: str = "mock") -> dict[str, Any]:
    """A request of some 300 bytes."""
    return {"model": model, "messages": _question()}


def stream(model: str) -> dict[str, Any]:
    """The same, streamed, with its usage."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    return {"model": model, "messages": _question(), **options}


def _tool(number: int) -> dict[str, Any]:
    argument = {"type": "string", "description": "An argument of the tool, given as text. "}
    properties = {f"arg_{at}": argument for at in range(6)}
    function = {
        "name": f"tool_{number}",
        "description": "Looks something up in the project and returns it. " * 6,
        "parameters": {"type": "object", "properties": properties, "required": ["arg_0"]},
    }
    return {"type": "function", "function": function}


def _step(number: int) -> list[dict[str, Any]]:
    arguments = json.dumps({"arg_0": 'src/main.py "quoted" \n'})
    function = {"name": f"tool_{number % 16}", "arguments": arguments}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    asked = f"Step {number}: please read the file and change it.\n"
    return [
        {"role": "user", "content": asked + "x = compute(value)  # note\n" * 12},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "line of output\n" * 10},
    ]


def agent(size_bytes: int = 32_000) -> dict[str, Any]:
    """An agent's request: a system prompt, sixteen tools, turns with calls and their results."""
    tools = [_tool(number) for number in range(16)]
    messages = [{"role": "system", "content": "You are a careful coding agent. " * 60}]
    number = 0
    while len(json.dumps([tools, messages])) < size_bytes:
        messages += _step(number)
        number += 1
    return {"model": "mock", "messages": messages, "tools": tools}


@dataclass(frozen=True)
class Cell:
    """One measurement. At least `least` requests are made, however slow the target."""

    body: dict[str, Any]
    connections: int
    seconds: float
    least: int
    most: int = 200_000
    events: int = 0


BURST, PACED_2_MS, PACED_10_MS = "mock.n200.b16", "mock.n200.b16.d2000", "mock.n200.b16.d10000"
MODELS = ("mock", BURST, PACED_2_MS, PACED_10_MS)
CELLS = {
    "small_c1": Cell(small(), 1, 1.5, least=100),
    "small_c32": Cell(small(), 32, 1.5, least=64),
    "small_c128": Cell(small(), 128, 1.5, least=128),
    "agent_c1": Cell(agent(), 1, 0.6, least=20),
    "agent_c32": Cell(agent(), 32, 1.2, least=64),
    "burst_c1": Cell(stream(BURST), 1, 1.5, least=50, events=EVENTS),
    "burst_c32": Cell(stream(BURST), 32, 1.5, least=32, events=EVENTS),
    "paced_c1": Cell(stream(PACED_2_MS), 1, 0.7, least=2, most=20, events=EVENTS),
    "paced_c32": Cell(stream(PACED_10_MS), 32, 1.0, least=32, most=64, events=EVENTS),
}
