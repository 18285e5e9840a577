"""What the core's calls cost from Python, held against a baseline measured in the same run.

The question of each: did a change make this slower, whatever the machine is doing today? A gate is
a ratio of medians; bounds are about twice what was measured when they were set, so that noise
passes and a regression does not.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

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


def median_s(call: Callable[[], Any], repeats: int = 200) -> float:
    """Median time of one call."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def count() -> int:
    counter = _core.StreamCounter("gpt-5")
    for piece in PROSE.split(" "):
        counter.push(piece + " ")
    return counter.total()


GATES: dict[str, tuple[Callable[[], Any], Callable[[], Any], float]] = {
    # name: (subject, baseline, bound of subject / baseline)
    "scan of a 30 KB body against orjson.loads": (
        lambda: _core.scan_body(BODY),
        lambda: orjson.loads(BODY),
        0.6,
    ),
    "200 events against json.loads of each": (
        lambda: _core.SseParser().feed(STREAM),
        lambda: [orjson.loads(EVENT[6:-2]) for _ in range(200)],
        0.35,
    ),
    "counting 330 pieces against splitting them": (
        count,
        lambda: [word.encode() for word in PROSE.split(" ")],
        4.5,
    ),
}


@pytest.mark.parametrize(("subject", "baseline", "bound"), GATES.values(), ids=GATES.keys())
def test_gate(
    benchmark: Any, subject: Callable[[], Any], baseline: Callable[[], Any], bound: float
) -> None:
    ratio = median_s(subject) / median_s(baseline)
    benchmark.extra_info["ratio_to_baseline"] = round(ratio, 3)
    benchmark.extra_info["bound"] = bound
    benchmark(subject)
    assert ratio <= bound, f"{ratio:.2f} times the baseline, the gate is {bound}"
