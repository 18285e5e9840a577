"""What the core's calls cost from Python, held against a baseline measured in the same run.

The question of each: did a change make this slower, whatever the machine is doing today? The
bounds are one and a half times what was measured when they were set, since the two sides may gain
differently from another processor; `--baseline` holds the same machine to 15 %. The profile `ci`
links fast and inlines little, so it has bounds of its own.
"""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from bench.boundary.ratio import ratio
from sluicegate import _core

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"tool_{i}",
            "description": "Looks something up in the project and returns it. " * 6,
            "parameters": {
                "type": "object",
                "properties": {
                    f"arg_{j}": {"type": "string", "description": "An argument, given as text."}
                    for j in range(6)
                },
            },
        },
    }
    for i in range(16)
]
LINES = [{"role": "user", "content": "x = compute(value)  # note\n" * 40} for _ in range(12)]
BODY = json.dumps({"model": "m", "messages": LINES, "tools": TOOLS}).encode()
EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
STREAM = EVENT * 200
PROSE = "The gateway counts tokens while they flow, and nobody waits for it. " * 30


def count() -> int:
    counter = _core.StreamCounter("gpt-5")
    for piece in PROSE.split(" "):
        counter.push(piece + " ")
    return counter.total()


GATES: dict[str, tuple[Callable[[], Any], Callable[[], Any], dict[str, float]]] = {
    # name: (subject, baseline, bound of subject / baseline by build profile)
    "scan of a 30 KB body against orjson.loads": (
        lambda: _core.scan_body(BODY),
        lambda: orjson.loads(BODY),
        {"release": 0.45, "ci": 3.0},
    ),
    "200 events against json.loads of each": (
        lambda: _core.SseParser().feed(STREAM),
        lambda: [orjson.loads(EVENT[6:-2]) for _ in range(200)],
        {"release": 0.28, "ci": 0.4},
    ),
    "counting 330 pieces against splitting them": (
        count,
        lambda: [word.encode() for word in PROSE.split(" ")],
        {"release": 2.7, "ci": 3.4},
    ),
}


@pytest.mark.parametrize(("subject", "baseline", "bounds"), GATES.values(), ids=GATES.keys())
def test_gate(
    benchmark: Any,
    gate: Callable[..., None],
    subject: Callable[[], Any],
    baseline: Callable[[], Any],
    bounds: dict[str, float],
) -> None:
    benchmark(subject)
    gate(ratio(subject, baseline), bounds[_core.build_profile])
