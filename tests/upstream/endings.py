"""Why a model stopped before it was done, in the words of each dialect."""

import re
from dataclasses import replace

from .plan import PartFunction, Plan
from .steps import Event

_INCOMPLETE = ('"status":"completed"', '"status":"incomplete"')
_DETAILS = '"incomplete_details":null', '"incomplete_details":{"reason":"%s"}'
#: By dialect: what the answer says in place of its good end, where it was cut and where filtered.
WORDS: dict[str, tuple[str, str, str]] = {
    "openai": ('"finish_reason":"stop"', '"finish_reason":"length"', '"content_filter"'),
    "anthropic": ('"stop_reason":"end_turn"', '"stop_reason":"max_tokens"', '"refusal"'),
    "gemini": ('"finishReason":"STOP"', '"finishReason":"MAX_TOKENS"', '"SAFETY"'),
    "bedrock": ('"stopReason":"end_turn"', '"stopReason":"max_tokens"', '"guardrail_intervened"'),
    "cohere": ('"finish_reason":"COMPLETE"', '"finish_reason":"MAX_TOKENS"', '"ERROR_TOXIC"'),
    "ollama": ('"done_reason":"stop"', '"done_reason":"length"', '"filtered"'),
}
_REASONS = {"cut": "max_output_tokens", "filtered": "content_filter"}


def ended(dialect: str, text: str, ending: str) -> str:
    """An answer, or a part of it, that ends so: `cut` or `filtered`."""
    if dialect == "openai_responses":
        if '"usage":null' in text:  # it has only begun
            return text
        old, new = _DETAILS
        return text.replace(old, new % _REASONS[ending]).replace(*_INCOMPLETE)
    good, cut, filtered = WORDS["anthropic" if dialect == "invoke" else dialect]
    return text.replace(good, cut if ending == "cut" else f"{good.partition(':')[0]}:{filtered}")


def ended_event(dialect: str, event: Event, ending: str) -> Event:
    """The same of an event, which may be named after its end."""
    if isinstance(event.data, bytes):
        return event
    data, name = ended(dialect, event.data, ending), event.name
    if name == "response.completed":
        name = "response.incomplete"
        data = data.replace('"type":"response.completed"', '"type":"response.incomplete"')
    return replace(event, data=data, name=name)


def _ending(plan: Plan, found: re.Match[str]) -> None:
    plan.ending = found[1]


PARTS: list[tuple[str, PartFunction]] = [(r"ends-(cut|filtered)", _ending)]
