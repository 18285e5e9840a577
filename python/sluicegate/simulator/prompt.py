"""What the simulator reads of a request, in whichever dialect it came."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

MAX_CHOICES = 8

_WORD = re.compile(r"\s*\S+|\s+$")


def words(text: str) -> list[str]:
    """`text` cut into the simulator's tokens: a word with the space before it."""
    return _WORD.findall(text)


class RefusedError(Exception):
    """A request that the vendor answers with 400; its text says why."""


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
    images: int = 0
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

    def read_content(self, content: object) -> str:
        """The text of a message's content; counts words and images on the way."""
        if isinstance(content, str):
            self.input_tokens += len(words(content))
            return content
        out = ""
        for part in content if isinstance(content, list) else []:
            if not isinstance(part, dict):
                continue
            if part.get("type") in ("image_url", "image", "input_image"):
                self.images += 1
            elif part.get("type") == "tool_result":
                self.after_tool = True
                out += self.read_content(part.get("content"))
            else:
                out += self.read_content(part.get("text"))
        return out


def read_openai(body: Json) -> Prompt:
    """A Chat Completions request."""
    prompt = _common(body)
    prompt.max_tokens = positive(body, "max_completion_tokens") or positive(body, "max_tokens")
    stop = body.get("stop") or []
    prompt.stop = [stop] if isinstance(stop, str) else list(stop)
    prompt.choices = min(positive(body, "n") or 1, MAX_CHOICES)
    for tool in body.get("tools") or []:
        function = tool.get("function") or {}
        prompt.tools.append(Tool(function.get("name", ""), function.get("parameters") or {}))
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


def read_anthropic(body: Json) -> Prompt:
    """A Messages request."""
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
    prompt = _common(body)
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


def read_responses(body: Json) -> Prompt:
    """A Responses request."""
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    results = [item for item in items if item.get("type") == "function_call_output"]
    said = [item for item in items if "role" in item or item in results]
    messages = [
        {"role": "tool", "content": item.get("output")} if item in results else item
        for item in said
    ]
    prompt = _common(body | {"messages": messages})
    prompt.read_content(body.get("instructions"))
    prompt.max_tokens = positive(body, "max_output_tokens")
    for tool in body.get("tools") or []:
        prompt.tools.append(Tool(tool.get("name", ""), tool.get("parameters") or {}))
    choice = body.get("tool_choice")
    prompt.must_call = choice == "required" or isinstance(choice, dict)
    prompt.may_call = choice != "none"
    prompt.wanted_tool = choice.get("name") if isinstance(choice, dict) else None
    prompt.thinking = bool((body.get("reasoning") or {}).get("summary"))
    wanted = (body.get("text") or {}).get("format") or {}
    prompt.wants_json = wanted.get("type") in ("json_object", "json_schema")
    prompt.json_schema = wanted.get("schema")
    return prompt


def _common(body: Json) -> Prompt:
    prompt = Prompt(model=str(body.get("model", "")), stream=body.get("stream") is True)
    messages = body.get("messages")
    if not messages:
        raise RefusedError("messages: at least one is required")
    for message in messages:
        text = prompt.read_content(message.get("content"))
        role = message.get("role")
        prompt.after_tool = role == "tool" or (role == "user" and _has_result(message))
        if role in ("user", "tool") and text:
            prompt.last = text
    return prompt


def _has_result(message: Json) -> bool:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, dict) and part.get("type") == "tool_result" for part in parts)
