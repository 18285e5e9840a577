"""Every field of a full request with every odd value: an error of ours or a request, for any host.

`test_hostile_requests.py` makes requests up; here is one of each client's dialect that reaches all
of the translation, and values that Python's own JSON cannot write.
"""

import json
import re
from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final

import pytest

from sluicegate.dialects import CLIENT_DIALECTS, UPSTREAM_DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.errors import GatewayError

Path = tuple[str | int, ...]

SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}}
PICTURE: Final = "data:image/png;base64,AAAA"
REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "openai": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "t"},
                    {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
                    {"type": "file", "file": {"file_data": PICTURE, "filename": "f"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "r"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        "max_tokens": 5,
        "temperature": 0.5,
        "stop": ["x"],
        "reasoning_effort": "low",
        "user": "u",
    },
    "openai_responses": {
        "model": "m",
        "instructions": "i",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "t"},
                    {"type": "input_image", "image_url": PICTURE},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "t"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "o"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        "reasoning": {"effort": "low"},
        "max_output_tokens": 5,
    },
    "openai_completions": {
        "model": "m",
        "prompt": ["p"],
        "max_tokens": 5,
        "stop": "x",
        "n": 1,
    },
    "anthropic": {
        "model": "m",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "t"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "s"},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c",
                        "content": [{"type": "text", "text": "r"}],
                        "is_error": False,
                    }
                ],
            },
        ],
        "tools": [{"name": "f", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "f"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "metadata": {"user_id": "u"},
        "stop_sequences": ["x"],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "t"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "AA=="}
                ],
            },
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "f", "response": {"output": "r"}}}],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "f",
                        "parameters": {
                            "type": "OBJECT",
                            "nullable": True,
                            "properties": {"a": {"type": "STRING", "maxLength": "7"}},
                            "any_of": [{"type": "OBJECT", "enum": ["x"]}],
                        },
                    }
                ]
            }
        ],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]},
        },
        "generationConfig": {
            "maxOutputTokens": 5,
            "candidateCount": 1,
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "items": {"type": "STRING"}},
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 10},
            "stopSequences": ["x"],
        },
    },
}
#: As JSON has them; the core lets all of these pass to the translation.
ODD: Final = [
    *("null", "true", "0", "-1", "1.5", "1e999", "9" * 30, "9" * 400, "9" * 4400),
    *('""', '"x"', '"²"', '"007"', f'"{"9" * 5000}"', '"data:,"', '"\\u0000"'),
    *("[]", "{}", "[[]]", "[null]", "[{}]", '["x"]', "[1e999]", '{"":""}', '{"a":1e999}'),
    *('{"type":"text"}', '{"type":["x"]}', '{"type":{}}', "[" * 90 + "]" * 90),
]


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(each, (*path, key))


def _with(request: dict[str, Any], path: Path, raw: str) -> bytes:
    """The request with a raw value in a place."""
    mark = "a mark that stands nowhere else"
    changed = json.loads(json.dumps(request))
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = mark
    return json.dumps(changed).replace(f'"{mark}"', raw, 1).encode()


@pytest.mark.parametrize("dialect", REQUESTS)
@pytest.mark.parametrize("drop", [False, True], ids=["refused", "dropped"])
def test_every_field_with_every_odd_value(dialect: str, drop: bool) -> None:
    targets = cycle(UPSTREAM_DIALECTS.values())
    request = REQUESTS[dialect]
    sent = 0
    for path in _paths(request):
        for raw in ODD:
            body = _with(request, path, raw)
            try:
                conversation = CLIENT_DIALECTS[dialect].decode_request(body)
                out, _ = next(targets).encode_request(
                    conversation,
                    model="m",
                    stream=False,
                    drop_unsupported=drop,
                    default_max_tokens=100,
                    host=Host(),
                )
            except GatewayError:
                continue
            except Exception as error:
                raise AssertionError(f"{path}: {raw[:50]}: {error!r}") from error
            sent += 1
            assert not re.search(rb"\bNaN\b|\bInfinity\b", out)
    assert sent > 20, "all but all of it was refused"


def test_the_dialects_of_clients_are_all_here() -> None:
    assert set(REQUESTS) == set(CLIENT_DIALECTS)
