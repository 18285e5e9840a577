"""Mixed requests, the same for the same seed: good answers, every fault, clients that leave."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..client import Ask
from ..upstream import text
from ..upstream.behaviours import ENDING

GOOD = ("ok-{n}", "ok-{n}+itl-1", "ok+n-{n}+ttft-5", "utf8+n-{n}", "ok-tools", "fault-reasoning")
#: These wait for a timeout of ours, so they are few.
WAITING = ("fault-hang", "fault-idle-stall-after-3", "fault-hold-open")
#: Megabytes each: they have tests of their own.
_LARGE = ("fault-giant-event-1", "fault-gzip-bomb-2", "fault-flood-1")
FAULTS = tuple(
    name for name in ENDING if name.startswith("fault-") and "@" not in name and name not in _LARGE
)
#: Failures after which the same upstream, or the next, may be tried.
_HEALING = ("fault-500", "fault-529", "fault-reset-before-response", "fault-close-before-response")

FAULTY, WAITS, LEAVES, PLANNED, HEALS = 0.4, 0.01, 0.06, 0.12, 0.03
PLANS = 16
PROVIDERS = ("u", "a")


@dataclass(frozen=True, slots=True)
class Leave:
    """When a client goes: after so many reads of the answer, or seconds without one."""

    reads: int
    seconds: float


@dataclass(slots=True)
class Sending:
    """A request, and whether its client leaves."""

    ask: Ask
    leave: Leave | None = None


def plans(seed: int) -> dict[str, Any]:
    """Models of a configuration: fallbacks and weighted draws over good and bad targets."""
    draw = random.Random(seed)
    out: dict[str, Any] = {}
    for number in range(PLANS):
        bad = [f"{draw.choice(PROVIDERS)}/{draw.choice(FAULTS)}@p{number}b" for _ in range(2)]
        targets = [
            draw.choice([*bad, "dead/any"]),
            bad[1],
            f"{draw.choice(PROVIDERS)}/ok-7@p{number}",
        ]
        strategy = draw.choice(["fallback", "weighted"])
        out[f"plan-{number}"] = {"strategy": strategy, "targets": targets}
    return out


def sendings(seed: int, count: int) -> Iterator[Sending]:
    """The requests, each with a name that no other has."""
    draw = random.Random(seed)
    for number in range(count):
        ref = f"ac01-{seed}-{number}"
        dialect = draw.choice(["openai", "anthropic"])
        stream = draw.random() < 0.6
        leave = None
        if draw.random() < LEAVES:
            model, leave = _left(draw, stream)
        elif draw.random() < PLANNED:
            model = f"plan-{draw.randrange(PLANS)}"
        else:
            model = _behaviour(draw)
        if not model.startswith("plan-"):
            model = f"{draw.choice(PROVIDERS)}/{model}@{ref}"
        fields: dict[str, Any] = {"user": ref} if dialect == "openai" else _user(ref)
        if dialect == "openai" and stream and draw.random() < 0.5:
            fields["stream_options"] = {"include_usage": True}
        prompt = text(draw.randint(1, 40))
        yield Sending(Ask(model, dialect, stream, prompt, fields=fields, ref=ref), leave)


def _user(ref: str) -> dict[str, Any]:
    return {"metadata": {"user_id": ref}}


def _behaviour(draw: random.Random) -> str:
    kind = draw.random()
    if kind < WAITS:
        return draw.choice(WAITING)
    if kind < WAITS + HEALS:
        return f"{draw.choice(_HEALING)}-then-ok-1"
    if kind < FAULTY:
        return draw.choice(FAULTS)
    return draw.choice(GOOD).format(n=draw.randint(1, 40))


def _left(draw: random.Random, stream: bool) -> tuple[str, Leave]:
    """A slow answer whose client goes: before anything came, or in the middle."""
    if draw.random() < 0.4:
        return "ok-20+ttft-400", Leave(reads=10**9, seconds=draw.uniform(0.02, 0.2))
    if stream:
        return "ok-40+itl-20", Leave(reads=draw.randint(1, 12), seconds=5)
    return "ok-30+itl-20", Leave(reads=10**9, seconds=draw.uniform(0.05, 0.3))
