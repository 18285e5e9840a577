"""What the simulated model says: a function of the prompt alone."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import msgspec

from .example import example
from .prompt import Json, Prompt, Tool, words

_REMARKS = (
    "The sky is clear and the gateway is calm.",
    "Every word of this sentence was counted on its way to you.",
    "A real provider would have thought about this a little longer.",
    "Change the base URL and the key, and the same call reaches a real model.",
    "This text is the same each time you ask, which makes it easy to test against.",
)
_QUOTE_CHARS = 120


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call."""

    id: str
    name: str
    arguments: Json

    @property
    def fragments(self) -> list[str]:
        """The arguments as JSON text, in pieces as a stream would bring them."""
        text = msgspec.json.encode(self.arguments).decode()
        return [text[at : at + 12] for at in range(0, len(text), 12)]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, in no dialect; lists are cut into tokens."""

    id: str
    thinking: list[str]
    text: list[str]
    calls: list[Call]
    finish: str  # end | stop_sequence | length | tools
    input_tokens: int
    met: str | None = None
    """The stop sequence that ended it."""

    @property
    def output_tokens(self) -> int:
        """Every piece that a stream brings is one token."""
        called = sum(len(call.fragments) for call in self.calls)
        return len(self.thinking) + len(self.text) + called


def replies_to(prompt: Prompt) -> list[Reply]:
    """The answers to `prompt`, as many as were asked for, the same each time."""
    return [_reply(prompt, choice) for choice in range(prompt.choices)]


def _reply(prompt: Prompt, choice: int) -> Reply:
    seed = zlib.crc32(f"{prompt.model}\n{prompt.last}\n{prompt.input_tokens}".encode()) + choice
    thinking = words(f"The user wrote {prompt.input_tokens} words.") if prompt.thinking else []
    calls = _calls(prompt, seed)
    said, met = ("", None) if calls else _stopped(_text(prompt, seed), prompt.stop)
    text = words(said)
    finish = "tools" if calls else "stop_sequence" if met else "end"
    room = prompt.max_tokens
    if room is not None and not calls and len(thinking) + len(text) > room:
        thinking = thinking[:room]
        text = text[: room - len(thinking)]
        finish, met = "length", None
    return Reply(f"{seed:08x}", thinking, text, calls, finish, prompt.input_tokens, met)


def _stopped(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The text up to the first stop sequence in it, and which that is."""
    found = [(text.index(stop), stop) for stop in stops if stop and stop in text]
    at, met = min(found, default=(len(text), None))
    return text[:at], met


def _calls(prompt: Prompt, seed: int) -> list[Call]:
    due = prompt.due()
    if due:
        numbered = enumerate(due, start=seed)
        return [Call(f"{number:08x}", wish.name, wish.arguments) for number, wish in numbered]
    wished = "use the tool" in prompt.last.lower() and not prompt.after_tool
    if not (prompt.tools and prompt.may_call and (prompt.must_call or wished)):
        return []
    named = [tool for tool in prompt.tools if tool.name == prompt.wanted_tool]
    tool: Tool = (named or prompt.tools)[0]
    arguments = example(tool.schema, prompt.last)
    return [Call(f"{seed:08x}", tool.name, arguments if isinstance(arguments, dict) else {})]


def _text(prompt: Prompt, seed: int) -> str:
    quote = " ".join(prompt.last.split())[:_QUOTE_CHARS]
    if prompt.wants_json:
        value = {"answer": quote, "simulated": True}
        made = example(prompt.json_schema, quote) if prompt.json_schema else value
        return msgspec.json.encode(made).decode()
    said = f'The tool said: "{quote}".' if prompt.after_tool else f'You said: "{quote}".'
    shown = "; ".join(prompt.pictures)
    seen = f" I was shown {len(prompt.pictures)} image(s): {shown}." if shown else ""
    return f"This is a simulated answer. {said}{seen} {_REMARKS[seed % len(_REMARKS)]}"


def embedding(text: str, dimensions: int) -> list[float]:
    """A unit vector; texts that share words are near each other."""
    out = [0.0] * dimensions
    for word in text.lower().split():
        code = zlib.crc32(word.encode())
        out[code % dimensions] += 1.0 if code & 1 else -1.0
    norm = sum(value * value for value in out) ** 0.5
    return [value / norm for value in out] if norm else [1.0, *out[1:]]
