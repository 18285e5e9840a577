"""Requests in forms that are unusual and right: every provider gets one of its own types, or the
one field that it cannot have is named.
"""

import base64
import json
from typing import Any

import pytest

from sluicegate.dialects import CLIENT_DIALECTS, UPSTREAM_DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.errors import UnsupportedFieldError

from .host_models import fault

MODELS = {
    "openai": "gpt-5-mini",
    "openai_responses": "gpt-5-mini",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "bedrock": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-a-03-2025",
    "ollama": "llama3.2",
}
PNG = base64.b64encode(b"png").decode()
TEXT = base64.b64encode(b"words").decode()
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}}
CALL_2 = {**CALL, "id": "c2"}
HI = {"role": "user", "content": "hi"}
USE = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": "b"}}
USED = {"type": "tool_result", "tool_use_id": "c1"}
A_TOOL = {"name": "f", "input_schema": SCHEMA}
CACHED = {"cache_control": {"type": "ephemeral"}}


def result(of: str, content: Any = "1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": of, "content": content}


def chat(*messages: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    return "openai", {"messages": list(messages), **more}


def asked(**more: Any) -> tuple[str, dict[str, Any]]:
    return chat(HI, **more)


def shown(url: str) -> tuple[str, dict[str, Any]]:
    return chat({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]})


def message(*content: Any, role: str = "user", **more: Any) -> tuple[str, dict[str, Any]]:
    turns = [HI] if role == "assistant" else []
    return "anthropic", {
        "max_tokens": 9,
        "messages": [*turns, {"role": role, "content": list(content)}],
        **more,
    }


def items(*given: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    return "openai_responses", {"input": list(given), **more}


def contents(*given: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    return "gemini", {"contents": list(given), **more}


def turn(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


F_CALL = {"functionCall": {"name": "f", "args": {"a": "b"}}}
F_RESULT = {"functionResponse": {"name": "f", "response": {"result": 1}}}
FUNCTIONS = [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]
R_CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":"b"}'}
R_RESULT = {"type": "function_call_output", "call_id": "c1", "output": "1"}
FLAT = {"type": "function", "name": "f", "parameters": SCHEMA}

#: By name: the client's dialect and request, and the targets that name a field of it.
CASES: dict[str, tuple[tuple[str, dict[str, Any]], str]] = {
    "content null beside calls": (
        chat(HI, {"role": "assistant", "content": None, "tool_calls": [CALL]}, result("c1")),
        "",
    ),
    "content empty beside calls": (
        chat(HI, {"role": "assistant", "content": "", "tool_calls": [CALL]}, result("c1")),
        "",
    ),
    "no content beside calls": (
        chat(HI, {"role": "assistant", "tool_calls": [CALL]}, result("c1")),
        "",
    ),
    "an empty assistant": (chat(HI, {"role": "assistant", "content": ""}, HI), ""),
    "an assistant of nothing": (chat(HI, {"role": "assistant", "content": None}, HI), ""),
    "parts of an assistant": (
        chat(HI, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}, HI),
        "",
    ),
    "parts of a result": (
        chat(
            HI,
            {"role": "assistant", "tool_calls": [CALL]},
            result("c1", [{"type": "text", "text": "1"}]),
        ),
        "",
    ),
    "an empty result": (
        chat(HI, {"role": "assistant", "tool_calls": [CALL]}, result("c1", "")),
        "",
    ),
    "results in another order": (
        chat(
            HI,
            {"role": "assistant", "tool_calls": [CALL, CALL_2]},
            result("c2", "2"),
            result("c1"),
        ),
        "",
    ),
    "a word between call and result": (
        chat(HI, {"role": "assistant", "tool_calls": [CALL]}, result("c1"), HI),
        "",
    ),
    "system in the middle": (chat(HI, {"role": "system", "content": "be"}, HI), ""),
    "system at the end": (chat(HI, {"role": "system", "content": "be"}), ""),
    "several systems": (
        chat({"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, HI),
        "",
    ),
    "system of parts": (
        chat({"role": "system", "content": [{"type": "text", "text": "a"}]}, HI),
        "",
    ),
    "system alone": (chat({"role": "system", "content": "a"}), ""),
    "two users in a row": (chat(HI, HI), ""),
    "an assistant first": (chat({"role": "assistant", "content": "a"}, HI), ""),
    "names": (chat({**HI, "name": "Al"}, {"role": "assistant", "content": "a", "name": "m"}), ""),
    "a refusal": (chat(HI, {"role": "assistant", "content": None, "refusal": "no"}, HI), ""),
    "an odd media type": (shown(f"data:image/jpg;base64,{PNG}"), ""),
    "upper case in a data url": (shown(f"data:IMAGE/PNG;base64,{PNG}"), ""),
    "a data url with a parameter": (shown(f"data:image/png;charset=utf-8;base64,{PNG}"), ""),
    "a picture by address": (shown("https://h/a.png"), "bedrock ollama"),
    "a picture as plain text": (
        chat({"role": "user", "content": [{"type": "image_url", "image_url": "https://h/a.png"}]}),
        "bedrock ollama",
    ),
    "a picture in a result": (
        chat(
            HI,
            {"role": "assistant", "tool_calls": [CALL]},
            result(
                "c1", [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
            ),
        ),
        "",
    ),
    "a pdf": (
        chat(
            {
                "role": "user",
                "content": [
                    {
                        "type": "file",
                        "file": {
                            "filename": "a.pdf",
                            "file_data": f"data:application/pdf;base64,{PNG}",
                        },
                    }
                ],
            }
        ),
        "cohere ollama",
    ),
    "a file of text": (
        chat(
            {
                "role": "user",
                "content": [
                    {
                        "type": "file",
                        "file": {
                            "filename": "a.txt",
                            "file_data": f"data:text/plain;base64,{TEXT}",
                        },
                    }
                ],
            }
        ),
        "",
    ),
    **{
        f"{name} {value!r:.30}": (asked(**{name: value}), refusing)
        for name, value, refusing in [
            ("n", 1, ""),
            ("n", 2, "anthropic openai_responses bedrock cohere ollama"),
            ("logprobs", False, ""),
            ("seed", 3, ""),
            ("stop", "a", "openai_responses"),
            ("stop", ["a", "b"], "openai_responses"),
            ("stop", None, ""),
            ("max_completion_tokens", 9, ""),
            ("max_tokens", None, ""),
            ("reasoning_effort", "minimal", ""),
            ("reasoning_effort", "none", ""),
            ("metadata", {"a": "b"}, ""),
            ("prediction", {"type": "content", "content": "a"}, ""),
            ("modalities", ["text"], ""),
            ("store", True, ""),
            ("user", "u", ""),
            ("safety_identifier", "s", ""),
            ("prompt_cache_key", "k", ""),
            ("verbosity", "low", ""),
            ("service_tier", "auto", ""),
            ("parallel_tool_calls", True, ""),
            ("logit_bias", {}, ""),
            ("response_format", {"type": "text"}, ""),
            ("response_format", {"type": "json_object"}, ""),
            ("stream_options", {"include_usage": True}, ""),
            ("temperature", 0, ""),
            ("temperature", 2, "anthropic bedrock"),
            ("top_p", 1, ""),
            ("frequency_penalty", 0, ""),
            ("tools", [], ""),
            ("tools", None, ""),
        ]
    },
    **{
        f"tool_choice {choice!r:.60}": (asked(tools=[TOOL], tool_choice=choice), "")
        for choice in (
            "auto",
            "none",
            "required",
            "any",
            {"type": "function", "function": {"name": "f"}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL]}},
        )
    },
    "a strict tool": (
        asked(tools=[{"type": "function", "function": {**TOOL["function"], "strict": True}}]),  # type: ignore[dict-item]
        "",
    ),
    "a tool without parameters": (
        asked(tools=[{"type": "function", "function": {"name": "f"}}]),
        "",
    ),
    "a tool with empty parameters": (
        asked(tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]),
        "",
    ),
    "marks everywhere": (
        message(
            {"type": "text", "text": "a", **CACHED},
            system=[{"type": "text", "text": "s", **CACHED}],
            tools=[{**A_TOOL, **CACHED}],
            **CACHED,
        ),
        "",
    ),
    "content as text, system as text": (
        ("anthropic", {"max_tokens": 9, "system": "s", "messages": [HI]}),
        "",
    ),
    "thoughts and redacted ones": (
        message(
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "text", "text": "a"},
            role="assistant",
        ),
        "",
    ),
    "thoughts alone": (
        message({"type": "thinking", "thinking": "t", "signature": "s"}, role="assistant"),
        "",
    ),
    "a result without content": (message(USED, tools=[A_TOOL]), "gemini"),
    "a failed result": (
        (
            "anthropic",
            {
                "max_tokens": 9,
                "messages": [
                    HI,
                    {"role": "assistant", "content": [USE]},
                    {"role": "user", "content": [{**USED, "content": "no", "is_error": True}]},
                ],
            },
        ),
        "",
    ),
    "results behind text": (
        (
            "anthropic",
            {
                "max_tokens": 9,
                "messages": [
                    HI,
                    {"role": "assistant", "content": [{"type": "text", "text": "a"}, USE]},
                    {"role": "user", "content": [{"type": "text", "text": "b"}, USED]},
                ],
            },
        ),
        "",
    ),
    "a search result": (
        message(
            {
                "type": "search_result",
                "source": "https://a",
                "title": "t",
                "content": [{"type": "text", "text": "words"}],
                "citations": {"enabled": True},
            }
        ),
        "",
    ),
    **{
        f"anthropic's {name} {value!r:.40}": (
            message({"type": "text", "text": "a"}, **{name: value}),
            refusing,
        )
        for name, value, refusing in [
            ("thinking", {"type": "disabled"}, ""),
            ("thinking", {"type": "enabled", "budget_tokens": 1024}, ""),
            ("thinking", {"type": "adaptive"}, ""),
            ("tool_choice", {"type": "none"}, ""),
            ("stop_sequences", ["a"], "openai_responses"),
            ("top_k", 5, "openai openai_responses"),
            ("metadata", {"user_id": "u"}, ""),
            ("service_tier", "standard_only", ""),
            ("output_config", {"format": {"type": "json_schema", "schema": SCHEMA}}, ""),
        ]
    },
    "input as text": (("openai_responses", {"input": "hi"}), ""),
    "items without types": (items({"role": "user", "content": "hi"}), ""),
    "a developer among items": (items(HI, {"role": "developer", "content": "be"}, HI), ""),
    "calls among items": (items(HI, R_CALL, R_RESULT, tools=[FLAT]), ""),
    "parallel calls among items": (
        items(
            HI,
            R_CALL,
            {**R_CALL, "call_id": "c2"},
            R_RESULT,
            {**R_RESULT, "call_id": "c2"},
            tools=[FLAT],
        ),
        "",
    ),
    "a thought that nobody kept": (
        items(HI, {"type": "reasoning", "id": "rs_1", "summary": []}, R_CALL, R_RESULT),
        "",
    ),
    "an answer as it was": (
        items(
            HI,
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": [], "logprobs": []}
                ],
            },
            HI,
        ),
        "",
    ),
    "a picture of an item": (
        items(
            {
                "role": "user",
                "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}],
            }
        ),
        "",
    ),
    **{
        f"responses' {name} {value!r:.40}": (items(HI, **{name: value}), "")
        for name, value in [
            ("store", False),
            ("include", ["reasoning.encrypted_content"]),
            ("truncation", "auto"),
            ("text", {"verbosity": "low"}),
            ("text", {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}),
            ("reasoning", {"effort": "low", "summary": "auto"}),
            ("metadata", {}),
            ("max_tool_calls", 3),
            ("top_logprobs", 0),
        ]
    },
    "contents without roles": (contents({"parts": [{"text": "a"}]}), ""),
    "contents as one": (("gemini", {"contents": {"parts": {"text": "a"}}}), ""),
    "snake case": (
        (
            "gemini",
            {"contents": [turn({"text": "a"})], "system_instruction": {"parts": [{"text": "s"}]}},
        ),
        "",
    ),
    "calls without ids": (
        contents(
            turn({"text": "a"}),
            turn(F_CALL, F_CALL, role="model"),
            turn(F_RESULT, F_RESULT),
            tools=FUNCTIONS,
        ),
        "",
    ),
    "results of a function's role": (
        contents(
            turn({"text": "a"}),
            turn(F_CALL, role="model"),
            turn(F_RESULT, role="function"),
            tools=FUNCTIONS,
        ),
        "",
    ),
    "types by number": (
        contents(
            turn({"text": "a"}),
            tools=[
                {
                    "functionDeclarations": [
                        {"name": "f", "parameters": {"type": 6, "properties": {"a": {"type": 1}}}}
                    ]
                }
            ],
        ),
        "",
    ),
    "some functions allowed": (
        contents(
            turn({"text": "a"}),
            tools=[{"functionDeclarations": [{"name": name} for name in "fgh"]}],
            toolConfig={
                "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}
            },
        ),
        "",
    ),
    "safety settings": (
        contents(
            turn({"text": "a"}),
            safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        ),
        "",
    ),
    "numbers as text": (
        contents(turn({"text": "a"}), generationConfig={"maxOutputTokens": "9", "seed": 3}),
        "",
    ),
}


@pytest.mark.parametrize("target", MODELS)
@pytest.mark.parametrize("name", CASES)
def test_an_unusual_request_reaches_every_provider(name: str, target: str) -> None:
    (source, request), refusing = CASES[name]
    if source == target:
        return
    conversation = CLIENT_DIALECTS[source].decode_request(
        json.dumps({"model": "m", **request}).encode()
    )
    try:
        body, _ = UPSTREAM_DIALECTS[target].encode_request(
            conversation,
            model=MODELS[target],
            stream=False,
            drop_unsupported=False,
            default_max_tokens=4096,
            host=Host(),
        )
    except UnsupportedFieldError as error:
        assert target in refusing.split(), error
        return
    assert target not in refusing.split()
    said = json.loads(body)
    assert fault(target, said) is None, said
    assert voids(said) == []
    if target in {"anthropic", "bedrock", "gemini"}:
        assert (said.get("contents") or said["messages"])[0]["role"] == "user"


def voids(request: dict[str, Any]) -> list[Any]:
    """Turns of the assistant in which nothing stands, which providers refuse."""
    turns = request.get("messages") or request.get("contents") or request.get("input") or []
    given = [turn for turn in turns if isinstance(turn, dict) and turn.get("role") != "user"]
    return [
        turn
        for turn in given
        if turn.keys() <= {"role", "content"} and turn.get("content") in (None, [])
    ]
