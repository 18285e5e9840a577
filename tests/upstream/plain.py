"""Parts that describe a good answer."""

import re

from .plan import PartFunction, Plan
from .steps import Event, Item, Raw
from .wire import Reasoning, Text, Tool

#: Two parallel calls; fragments cut inside names, escapes and multi-byte text.
TOOLS = (
    Tool("call_one", "get_weather", ('{"ci', 'ty": "Z\u00fc', 'rich", "unit', '":"\\u00b0C"}')),
    Tool("call_two", "get_time", ('{"zone":', ' "Europe/', 'Zurich"}')),
)


def _tokens(plan: Plan, found: re.Match[str]) -> None:
    plan.tokens = int(found[1])


def _per_event(plan: Plan, found: re.Match[str]) -> None:
    plan.per_event = int(found[1])


def _gap(plan: Plan, found: re.Match[str]) -> None:
    plan.gap_s = int(found[1]) / 1000


def _first(plan: Plan, found: re.Match[str]) -> None:
    plan.first_byte_s = int(found[1]) / 1000


def _tools(plan: Plan, _found: re.Match[str]) -> None:
    plan.pieces = [Text("Looking it up.", 4), *TOOLS]


def _says(plan: Plan, found: re.Match[str]) -> None:
    plan.pieces = [Text(found[1])]


def _reasoning(plan: Plan, _found: re.Match[str]) -> None:
    plan.lead = [Reasoning("think "), Reasoning("twice")]


def _wide(plan: Plan, _found: re.Match[str]) -> None:
    plan.wide = True


def _labelled(plan: Plan, found: re.Match[str]) -> None:
    plan.content_type = "application/json" if found[1] == "json" else "-"


def _unended(plan: Plan, _found: re.Match[str]) -> None:
    plan.edits.append(lambda items, _wire: [*items[:-1], _bare(items[-1])])


def _bare(item: Item) -> Item:
    """An event as its data alone."""
    if not isinstance(item, Event):
        return item
    data = item.data if isinstance(item.data, bytes) else item.data.encode()
    return Raw(data, item.tokens, item.kind, item.usage)


def _ok(_plan: Plan, _found: re.Match[str]) -> None:
    """The defaults."""


PARTS: list[tuple[str, PartFunction]] = [
    (r"says-(\w+)", _says),
    (r"ok", _ok),
    (r"ok-(\d+)", _tokens),  # n tokens
    (r"n-(\d+)", _tokens),
    (r"per-(\d+)", _per_event),  # tokens in one event
    (r"itl-(\d+)", _gap),  # ms between tokens
    (r"ttft-(\d+)", _first),  # ms before the first byte
    (r"utf8", _wide),  # words end in two, three and four byte characters
    (r"ok-tools", _tools),
    (r"fault-reasoning", _reasoning),
    (r"labelled-(json|nothing)", _labelled),
    (r"unended", _unended),  # the last byte of a stream, a line's end, is left out
]
