"""Recorded requests of both dialects: read, written back, and written for the other dialect."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluicegate.conversation import Conversation
from sluicegate.dialects import DIALECTS
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

from .translate import ALL_EXTENSIONS
from .vendor_types import fault

ENDPOINTS = {"chat_completions": "openai", "messages": "anthropic"}
JSON_ONLY = "Answer with one JSON object and nothing else."
OTHER = {"openai": "anthropic", "anthropic": "openai"}


def recorded(corpora: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """`(record id, dialect, request)`."""
    for path in sorted((corpora / "provider_traffic").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                dialect = ENDPOINTS.get(record["endpoint"])
                if dialect is None or record.get("response_only") or record["status"] != 200:
                    continue
                if "/threads/" in record["path"]:  # another API of the same endpoint name
                    continue
                if record["request_body"]:
                    yield record["id"], dialect, json.loads(record["request_body"])


def encode(source: str, target: str, request: dict[str, Any]) -> dict[str, Any]:
    conversation = DIALECTS[source].decode_request(json.dumps(request).encode())
    body, _ = DIALECTS[target].encode_request(
        conversation,
        model=str(request["model"]),
        stream=bool(request.get("stream")),
        drop_unsupported=False,
        default_max_tokens=4096,
        host=ALL_EXTENSIONS,
    )
    out: dict[str, Any] = json.loads(body)
    return out


def said(request: dict[str, Any]) -> list[str]:
    """Every text that the model reads, whatever the dialect puts around it."""
    out: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            out.append(value)
        elif isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict) and value.get("type") in {None, "text", "tool_result"}:
            walk(value.get("text", value.get("content")))

    walk(request.get("system") or "")
    for message in request["messages"]:
        walk(message.get("content") or "")
    return [text for text in out if text]


def arguments(text: str) -> Any:
    """Arguments as an object; text that is none stands in one, as it does in answers."""
    try:
        given = json.loads(text or "{}")
    except ValueError:
        given = None
    return given if isinstance(given, dict) else {"arguments": text}


def tool_calls(request: dict[str, Any]) -> list[tuple[str, Any]]:
    """Name and arguments of every call in the talk."""
    out = []
    for message in request["messages"]:
        for call in message.get("tool_calls") or []:
            function = call["function"]
            out.append((function["name"], arguments(function["arguments"])))
        content = message.get("content")
        for block in content if isinstance(content, list) else []:
            if block.get("type") == "tool_use":
                out.append((block["name"], block["input"]))
    return out


def test_recorded_requests_reach_the_other_dialect_or_are_refused_by_name(
    corpora: Path | None,
) -> None:
    if corpora is None:
        pytest.skip("no recorded traffic here: translation of requests was not shown on it")
    refused: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    total = 0
    for record, dialect, request in recorded(corpora):
        total += 1
        try:
            out = encode(dialect, OTHER[dialect], request)
        except UnsupportedFieldError as error:
            refused[dialect, re.sub(r"\d+", "N", error.field)] += 1
            continue
        except InvalidRequestError as error:
            wrong.append(f"{record}: {error}")
            continue
        problem = fault(OTHER[dialect], out)
        if problem is not None:
            wrong.append(f"{record}: not the vendor's types: {problem}")
        # Plain JSON is asked for in words, which stand between the others.
        kept = [text for text in said(out) if text != JSON_ONLY]
        if "".join(said(request)) not in "".join(kept) and not _shown_elsewhere(request):
            wrong.append(f"{record}: text was lost")
        if tool_calls(request) != tool_calls(out):
            wrong.append(f"{record}: tool calls differ")
    print(f"\n{total} recorded requests; refused by field:")
    for (dialect, field), count in refused.most_common():
        print(f"  {count:4d}  {dialect}: {field}")
    print("\n".join(wrong))
    assert len(wrong) <= 0.01 * total


def _shown_elsewhere(request: dict[str, Any]) -> bool:
    """Whether texts change their order: results of tools come first, failed ones are marked in text."""
    text = json.dumps(request)
    return '"tool_result"' in text or '"document"' in text or '"developer"' in text


def meaning(conversation: Conversation) -> Any:
    """The neutral form without what is only for error messages or one of two spellings."""

    def strip(value: Any) -> Any:
        if isinstance(value, list):
            return [strip(item) for item in value]
        if isinstance(value, dict):
            return {name: strip(item) for name, item in value.items() if name != "path"}
        return value

    out = strip(msgspec.to_builtins(conversation, enc_hook=lambda raw: bytes(raw).decode()))
    out.pop("include_usage")  # usage is asked for whatever the client did
    return out


def test_recorded_requests_come_back_whole_in_their_own_dialect(corpora: Path | None) -> None:
    """All that was read is written back, unknown fields byte for byte: reading it again gives the
    same conversation.
    """
    if corpora is None:
        pytest.skip("no recorded traffic here: round trips were not shown on it")
    lost: list[str] = []
    total = 0
    for record, dialect, request in recorded(corpora):
        total += 1
        read = DIALECTS[dialect].decode_request(json.dumps(request).encode())
        again = encode(dialect, dialect, request)
        reread = DIALECTS[dialect].decode_request(json.dumps(again).encode())
        if meaning(read) != meaning(reread):
            lost.append(record)
    print(f"\n{total} recorded requests, {len(lost)} not whole: {lost}")
    assert len(lost) <= 0.01 * total


def test_recorded_requests_survive_the_other_dialect_and_back(corpora: Path | None) -> None:
    if corpora is None:
        pytest.skip("no recorded traffic here: the way there and back was not shown on it")
    lost: list[str] = []
    total = 0
    for record, dialect, request in recorded(corpora):
        try:
            there = encode(dialect, OTHER[dialect], request)
            back = encode(OTHER[dialect], dialect, there)
        except UnsupportedFieldError:
            continue
        total += 1
        given = request.get("tools") or []
        # What Anthropic's search among tools would find is among them from the start.
        found = [tool for tool in given if "tool_search_tool" not in str(tool.get("type"))]
        tools = [_tool_name(tool) for tool in found]
        if tools != [_tool_name(tool) for tool in back.get("tools") or []]:
            lost.append(f"{record}: tools differ")
        if tool_calls(there) != tool_calls(back):
            lost.append(f"{record}: tool calls differ")
        if sorted(said(there)) != sorted(said(back)) and not _shown_elsewhere(request):
            lost.append(f"{record}: text differs")
    print(f"\n{total} recorded requests there and back, {len(lost)} not whole")
    print("\n".join(lost))
    assert len(lost) <= 0.01 * total


def _tool_name(tool: dict[str, Any]) -> str:
    name: str = (tool.get("function") or tool.get("custom") or tool)["name"]
    return name
