"""What the simulator reads of a request, in whichever dialect it came."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

from .wishes import Wish, due, read_wishes

Json = dict[str, Any]

MAX_CHOICES = 8

_WORD = re.compile(r"\s*\S+|\s+$")


def words(text: str) -> list[str]:
    """`text` cut into the simulator's tokens: a word with the space before it."""
    return _WORD.findall(text)


class RefusedError(Exception):
    """A request that the vendor answers with 400; its text says why, its details to programs."""

    def __init__(self, text: str, details: Json | None = None) -> None:
        super().__init__(text)
        self.details = details


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call."""

    name: str
    schema: Json


@dataclass(slots=True)
class Prompt:
    """The request, as far as it decides the answer."""

    model: str
    stream: bool
    last: str = ""
    input_tokens: int = 0
    pictures: list[str] = field(default_factory=list)
    after_tool: bool = False
    tools: list[Tool] = field(default_factory=list)
    must_call: bool = False
    may_call: bool = True
    wanted_tool: str | None = None
    json_schema: Json | None = None
    wants_json: bool = False
    thinking: bool = False
    max_tokens: int | None = None
    stop: list[str] = field(default_factory=list)
    choices: int = 1
    include_usage: bool = False
    wishes: list[list[Wish]] = field(default_factory=list)
    results: int = 0
    """How many results of tools came since the wishes were said."""
    called: set[str] = field(default_factory=set)
    """The calls in the conversation, by what their results name."""

    def listen(self, texts: list[str], results: list[str]) -> None:
        """What a user's message says. Its last word is a tool's, where one speaks: agents put notes
        of their own beside the results.
        """
        wishes = read_wishes("\n".join(texts))
        if wishes:
            self.wishes, self.results = wishes, 0
        said = [text for text in results or texts if text]
        self.last = said[-1] if said else self.last

    def take_result(self, call: object) -> None:
        """A result of a tool. As vendors do, it is refused where nothing was called."""
        if call not in self.called:
            raise RefusedError(f"no call {call!r} was made that this result could belong to")
        self.results += 1

    def due(self) -> list[Wish]:
        """The calls that the user asked for and whose turn it is; only of tools that there are."""
        offered = {tool.name for tool in self.tools}
        lines = [[wish for wish in line if wish.name in offered] for line in self.wishes]
        return due(lines, self.results) if self.may_call else []

    def see(self, media_type: str, data: Any) -> None:
        """A picture in base64; what is said of it shows that every byte arrived."""
        try:
            raw = base64.b64decode(data, validate=True)
        except (binascii.Error, TypeError):
            raise RefusedError("a picture is no base64") from None
        self.pictures.append(f"{media_type}, {len(raw)} bytes, crc32 {zlib.crc32(raw):08x}")

    def see_url(self, url: str) -> None:
        """A picture at a URL, which may hold it."""
        kind, separator, data = url.removeprefix("data:").partition(";base64,")
        if separator and url.startswith("data:"):
            self.see(kind, data)
        else:
            self.pictures.append(url)

    def read_content(self, content: object) -> None:
        """Counts the words of a message's content; looks at its images, calls and results."""
        if isinstance(content, str):
            self.input_tokens += len(words(content))
            return
        for part in content if isinstance(content, list) else []:
            if not isinstance(part, dict):
                continue
            match part.get("type"):
                case "image_url" | "image" | "input_image":
                    self._look(part)
                case "tool_use":
                    self.called.add(part["id"])
                case "tool_result":
                    self.take_result(part.get("tool_use_id"))
                    self.read_content(part.get("content"))
                case _:
                    self.read_content(part.get("text"))

    def _look(self, part: Json) -> None:
        source = part.get("source") or {}
        url = part.get("image_url") or source.get("url")
        if isinstance(url, dict):
            url = url.get("url")
        if source.get("type") == "base64":
            self.see(str(source.get("media_type")), source.get("data"))
        else:
            self.see_url(str(url))


def read_openai(body: Json) -> Prompt:
    """A Chat Completions request."""
    prompt = read_messages(body)
    prompt.max_tokens = positive(body, "max_completion_tokens") or positive(body, "max_tokens")
    stop = body.get("stop") or []
    prompt.stop = [stop] if isinstance(stop, str) else list(stop)
    prompt.choices = min(positive(body, "n") or 1, MAX_CHOICES)
    offer(prompt, body)
    choice = body.get("tool_choice")
    prompt.must_call = choice == "required" or isinstance(choice, dict)
    prompt.may_call = choice != "none"
    if isinstance(choice, dict):
        prompt.wanted_tool = (choice.get("function") or {}).get("name")
    wanted = body.get("response_format") or {}
    prompt.wants_json = wanted.get("type") in ("json_object", "json_schema")
    prompt.json_schema = (wanted.get("json_schema") or {}).get("schema")
    prompt.include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    return prompt


def offer(prompt: Prompt, body: Json) -> None:
    """The tools of a request that has them in OpenAI's form."""
    for tool in body.get("tools") or []:
        function = tool.get("function") or {}
        prompt.tools.append(Tool(function.get("name", ""), function.get("parameters") or {}))


def read_anthropic(body: Json) -> Prompt:
    """A Messages request."""
    if body.get("thread"):
        raise RefusedError("thread: not simulated", {"error_code": "thread_unsupported_request"})
    prompt = read_anthropic_input(body)
    prompt.max_tokens = positive(body, "max_tokens")
    if prompt.max_tokens is None:
        raise RefusedError("max_tokens: Field required")
    prompt.stop = list(body.get("stop_sequences") or [])
    for tool in body.get("tools") or []:
        prompt.tools.append(Tool(tool.get("name", ""), tool.get("input_schema") or {}))
    choice = body.get("tool_choice") or {}
    prompt.must_call = choice.get("type") in ("any", "tool")
    prompt.may_call = choice.get("type") != "none"
    prompt.wanted_tool = choice.get("name")
    prompt.thinking = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    wanted = (body.get("output_config") or {}).get("format") or {}
    prompt.wants_json = wanted.get("type") == "json_schema"
    prompt.json_schema = wanted.get("schema")
    return prompt


def read_anthropic_input(body: Json) -> Prompt:
    """What of a Messages request is counted."""
    prompt = read_messages(body)
    prompt.read_content(body.get("system"))
    return prompt


def positive(body: Json, name: str) -> int | None:
    """A whole number from 1 up; None where it is not there."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or value < 1:
        raise RefusedError(f"{name} must be a whole number from 1 up")
    return value


def read_messages(body: Json) -> Prompt:
    """Model, messages and whether it streams: what dialects with `messages` share."""
    prompt = Prompt(model=str(body.get("model", "")), stream=body.get("stream") is True)
    messages = body.get("messages")
    if not messages:
        raise RefusedError("messages: at least one is required")
    for message in messages:
        role = message.get("role")
        prompt.called |= {call["id"] for call in message.get("tool_calls") or []}
        if role == "tool":
            prompt.take_result(message.get("tool_call_id"))
        prompt.read_content(message.get("content"))
        texts, results = _said(message.get("content"), is_result=role == "tool")
        prompt.after_tool = role == "tool" or bool(results)
        if role in ("user", "tool"):
            prompt.listen(texts, results)
    return prompt


def _said(content: object, *, is_result: bool) -> tuple[list[str], list[str]]:
    """The texts of a message, and what tools say in it."""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts: list[str] = []
    results: list[str] = []
    part: Any
    for part in parts:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "tool_result":
            results.append("".join(_said(part.get("content"), is_result=False)[0]))
        elif isinstance(part.get("text"), str):
            (results if is_result else texts).append(part["text"])
    return texts, results
