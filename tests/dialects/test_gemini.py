"""Requests to and from Gemini's dialect, field by field."""

import json
from typing import Any

import pytest
from google.genai import types

from sluicegate.dialects import DIALECTS
from sluicegate.dialects.error_bodies import read_gemini_error
from sluicegate.errors import InvalidRequestError, RefusedRequestError, UnsupportedFieldError

from .translate import A_HELLO, HELLO, translate

HI = [{"role": "user", "parts": [{"text": "hi"}]}]
OPEN_SCHEMA = {
    "type": "OBJECT",
    "properties": {
        "n": {"type": "INTEGER", "nullable": True, "format": "int32"},
        "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "1"},
        "either": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
        "type": {"type": "STRING", "enum": ["A", "B"], "nullable": True},
    },
    "required": ["n"],
    "propertyOrdering": ["n", "tags"],
}
JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": ["integer", "null"], "format": "int32"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "either": {"anyOf": [{"type": "string"}, {"type": "number"}]},
        "type": {"type": ["string", "null"], "enum": ["A", "B", None]},
    },
    "required": ["n"],
}


def function(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": name, **fields}]}]}


def generation(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


def calling(mode: str, *names: str) -> dict[str, Any]:
    config = {"mode": mode, **({"allowedFunctionNames": list(names)} if names else {})}
    return {**function(), "toolConfig": {"functionCallingConfig": config}}


#: (fields of Gemini's request, what of it a Chat Completions request says)
TO_OPENAI: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (generation(maxOutputTokens=7), {"max_completion_tokens": 7}),
    ({"generation_config": {"max_output_tokens": "7"}}, {"max_completion_tokens": 7}),
    (generation(temperature=0.5, topP=0.9), {"temperature": 0.5, "top_p": 0.9}),
    (generation(stopSequences=["a"], candidateCount=2), {"stop": ["a"], "n": 2}),
    (generation(seed=3, presencePenalty=1.0), {"seed": 3, "presence_penalty": 1.0}),
    (generation(responseLogprobs=True, logprobs=2), {"logprobs": True, "top_logprobs": 2}),
    (generation(responseMimeType="text/plain", responseModalities=["TEXT"]), {}),
    (generation(responseMimeType="application/json"), {"response_format": {"type": "json_object"}}),
    (
        generation(responseMimeType="application/json", responseSchema=OPEN_SCHEMA),
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": JSON_SCHEMA, "strict": False},
            }
        },
    ),
    (generation(thinkingConfig={"thinkingLevel": "HIGH"}), {"reasoning_effort": "high"}),
    (
        {"systemInstruction": {"parts": {"text": "be brief"}}},
        {"messages": [{"role": "system", "content": "be brief"}, *HELLO]},
    ),
    (
        function(description="d", parameters=OPEN_SCHEMA),
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "description": "d", "parameters": JSON_SCHEMA},
                }
            ]
        },
    ),
    (
        function(parametersJsonSchema={"type": "object", "additionalProperties": False}),
        {
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "f",
                        "parameters": {"type": "object", "additionalProperties": False},
                    },
                }
            ]
        },
    ),
    (calling("AUTO"), {"tool_choice": "auto"}),
    (calling("VALIDATED"), {"tool_choice": "auto"}),
    (calling("NONE"), {"tool_choice": "none"}),
    (calling("ANY"), {"tool_choice": "required"}),
    (calling("ANY", "f"), {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ({"serviceTier": "flex"}, {}),
    (
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "QQ=="}}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}
                    ],
                }
            ]
        },
    ),
    (
        {"contents": [{"parts": [{"inline_data": {"mime_type": "audio/mpeg", "data": "QQ=="}}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}}
                    ],
                }
            ]
        },
    ),
]


@pytest.mark.parametrize(("given", "wanted"), TO_OPENAI)
def test_what_gemini_says_is_said_in_chat(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    out, _ = translate("gemini", "openai", {"contents": HI, **given})
    assert {"model": "m", "messages": HELLO, **wanted}.items() <= {**out}.items()


def talk(**call: Any) -> list[dict[str, Any]]:
    """A question, a call, its result."""
    return [
        *HI,
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}, **call}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "f", "response": {"output": "ok"}}}],
        },
    ]


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "ok"}, "ok", False),
        ({"result": "ok"}, "ok", False),
        ({"result": {"x": 1}}, '{"x": 1}', False),
        ({"error": "it failed"}, "it failed", True),
        ({"a": 1, "b": 2}, '{"a": 1, "b": 2}', False),
        ({}, "{}", False),
    ],
)
def test_what_a_function_gave_back_is_a_tools_result(
    response: dict[str, Any], text: str, is_error: bool
) -> None:
    turns = talk()
    turns[2]["parts"][0]["functionResponse"]["response"] = response
    out, _ = translate("gemini", "anthropic", {"contents": turns})
    [block] = out["messages"][2]["content"]
    assert block["content"] == [{"type": "text", "text": text}]
    assert block.get("is_error", False) == is_error


def test_calls_without_ids_get_ids_that_their_results_have() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    result = {"functionResponse": {"name": "f", "response": {"output": "1"}}}
    turns = [*HI, {"role": "model", "parts": [call, call]}, {"role": "user", "parts": [result] * 2}]
    out, _ = translate("gemini", "openai", {"contents": turns})
    asked = [call["id"] for call in out["messages"][1]["tool_calls"]]
    assert len(set(asked)) == 2
    assert [message["tool_call_id"] for message in out["messages"][2:]] == asked


@pytest.mark.parametrize(
    ("added", "field"),
    [
        (generation(responseModalities=["IMAGE"]), "generationConfig.responseModalities"),
        (generation(speechConfig={}), "generationConfig.speechConfig"),
        ({"cachedContent": "cachedContents/x"}, "cachedContent"),
        ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({"toolConfig": {"retrievalConfig": {}}}, "toolConfig.retrievalConfig"),
        (
            {"contents": [{"parts": [{"fileData": {"fileUri": "gs://b/x.pdf"}}]}]},
            "contents[0].parts[0]",
        ),
        ({"nobodyKnows": 1}, "nobodyKnows"),
    ],
)
@pytest.mark.parametrize("target", ["openai", "anthropic"])
def test_what_others_cannot_say_is_named(added: dict[str, Any], field: str, target: str) -> None:
    request = {"contents": HI, **added}
    with pytest.raises(UnsupportedFieldError) as raised:
        translate("gemini", target, request)
    assert raised.value.param == field
    assert field in translate("gemini", target, request, drop=True)[1]


@pytest.mark.parametrize(
    "added",
    [
        {"contents": None},
        {"contents": [{"role": "system", "parts": []}]},
        {"contents": [{"parts": [{"functionCall": {}}]}]},
        {"systemInstruction": {"parts": [{"inlineData": {"data": "QQ=="}}]}},
        generation(maxOutputTokens=1.5),
        generation(stopSequences="x"),
        generation(responseMimeType="text/x.enum"),
        {"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}},
    ],
)
def test_what_is_no_request_is_named(added: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        translate("gemini", "openai", {"contents": HI, **added})
    assert raised.value.param


@pytest.mark.parametrize(
    ("target", "field", "value", "path"),
    [
        ("openai", "topK", 3, "generationConfig.topK"),
        ("anthropic", "presencePenalty", 1.0, "generationConfig.presencePenalty"),
        ("anthropic", "candidateCount", 2, "generationConfig.candidateCount"),
        ("anthropic", "responseLogprobs", True, "generationConfig.responseLogprobs"),
        ("anthropic", "temperature", 1.5, "generationConfig.temperature"),
    ],
)
def test_a_field_is_named_as_its_client_does(
    target: str, field: str, value: Any, path: str
) -> None:
    with pytest.raises(UnsupportedFieldError) as raised:
        translate("gemini", target, {"contents": HI, **generation(**{field: value})})
    assert raised.value.param == path


def test_safety_settings_are_the_vendors_own_affair() -> None:
    request = {"contents": HI, "safetySettings": [], "labels": {"a": "b"}}
    for target in ("openai", "anthropic"):
        assert set(translate("gemini", target, request)[1]) == {"safetySettings", "labels"}


#: (source, its fields, what Gemini's request says)
TO_GEMINI: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("openai", {"max_tokens": 7}, generation(maxOutputTokens=7)),
    (
        "openai",
        {"n": 2, "seed": 1, "stop": "a"},
        generation(candidateCount=2, seed=1, stopSequences=["a"]),
    ),
    ("openai", {"temperature": 2, "top_p": 0.5}, generation(temperature=2.0, topP=0.5)),
    ("anthropic", {"top_k": 5}, generation(topK=5)),
    (
        "openai",
        {"response_format": {"type": "json_object"}},
        generation(responseMimeType="application/json"),
    ),
    (
        "openai",
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": JSON_SCHEMA},
            }
        },
        generation(responseMimeType="application/json", responseJsonSchema=JSON_SCHEMA),
    ),
    (
        "openai",
        {"messages": [{"role": "system", "content": "be brief"}, *HELLO]},
        {"systemInstruction": {"parts": [{"text": "be brief"}]}},
    ),
    (
        "anthropic",
        {
            "tools": [{"name": "f", "input_schema": JSON_SCHEMA}],
            "tool_choice": {"type": "tool", "name": "f"},
        },
        calling("ANY", "f") | function(parametersJsonSchema=JSON_SCHEMA),
    ),
    (
        "openai",
        {"reasoning_effort": "low"},
        generation(thinkingConfig={"includeThoughts": True, "thinkingLevel": "low"}),
    ),
    (
        "anthropic",
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        generation(thinkingConfig={"includeThoughts": True, "thinkingBudget": 2000}),
    ),
    (
        "anthropic",
        {"thinking": {"type": "disabled"}},
        generation(thinkingConfig={"thinkingLevel": "minimal"}),
    ),
    (
        "openai",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://x/a.jpg"}}],
                }
            ]
        },
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/a.jpg"}}
                    ],
                }
            ]
        },
    ),
    (
        "anthropic",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "QQ==",
                            },
                        }
                    ],
                }
            ]
        },
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [{"inlineData": {"mimeType": "application/pdf", "data": "QQ=="}}],
                }
            ]
        },
    ),
]


@pytest.mark.parametrize(("source", "given", "wanted"), TO_GEMINI)
def test_what_others_say_is_said_in_gemini(
    source: str, given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    hello = HELLO if source == "openai" else A_HELLO
    out, _ = translate(source, "gemini", {"messages": hello, **given}, model="gemini-3-flash")
    if source == "anthropic" and "max_tokens" not in given:
        out.setdefault("generationConfig", {}).pop("maxOutputTokens", None)
    assert wanted.items() <= out.items()
    config = {**out.get("generationConfig", {})}
    types.GenerateContentConfig.model_validate(config | {"tools": out.get("tools", [])})
    for content in out["contents"]:
        types.Content.model_validate(content)


@pytest.mark.parametrize(
    ("model", "thinking", "wanted"),
    [
        ("gemini-2.5-flash", {"enabled": False}, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"enabled": False}, {"thinkingBudget": 128}),
        ("gemini-3-pro-preview", {"enabled": False}, {"thinkingLevel": "low"}),
        (
            "gemini-2.5-flash",
            {"effort": "medium"},
            {"includeThoughts": True, "thinkingBudget": 8192},
        ),
        ("gemini-3-pro", {"effort": "minimal"}, {"includeThoughts": True, "thinkingLevel": "low"}),
        (
            "gemini-3-flash",
            {"max_tokens": 99_999},
            {"includeThoughts": True, "thinkingBudget": 24_576},
        ),
        ("gemini-2.0-flash", {"effort": "high"}, None),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    model: str, thinking: dict[str, Any], wanted: dict[str, Any] | None
) -> None:
    request = {"messages": HELLO, "reasoning": thinking}
    out, dropped = translate("openai", "gemini", request, model=model)
    assert out.get("generationConfig", {}).get("thinkingConfig") == wanted
    assert ("reasoning" in dropped) == (wanted is None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("logprobs", True), ("logit_bias", {"1": 2})],
)
def test_what_gemini_cannot_say_is_named(field: str, value: Any) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    request = {"messages": HELLO, "tools": [tool], field: value}
    with pytest.raises(UnsupportedFieldError) as raised:
        translate("openai", "gemini", request)
    assert raised.value.param == field


def test_results_of_parallel_calls_stand_together() -> None:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": f"f{n}", "arguments": "{}"}}
        for n in (1, 2)
    ]
    results = [
        {"role": "tool", "tool_call_id": "c1", "content": '{"a": 1}'},
        {"role": "tool", "tool_call_id": "c2", "content": "plain"},
    ]
    messages = [*HELLO, {"role": "assistant", "tool_calls": calls}, *results]
    out, _ = translate("openai", "gemini", {"messages": messages}, model="gemini-2.5-flash")
    assert [content["role"] for content in out["contents"]] == ["user", "model", "user"]
    assert out["contents"][2]["parts"] == [
        {"functionResponse": {"id": "c1", "name": "f1", "response": {"a": 1}}},
        {"functionResponse": {"id": "c2", "name": "f2", "response": {"output": "plain"}}},
    ]


def _tool_use(name: str = "f") -> dict[str, Any]:
    return {"type": "tool_use", "id": f"c-{name}", "name": name, "input": {}}


def _thought(signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": "", "signature": signature}


@pytest.mark.parametrize(
    ("blocks", "signatures"),
    [
        ([_thought("sgGeminiAAAA"), _tool_use()], ["AAAA"]),
        ([_thought("sgGeminiAAAA"), _tool_use(), _tool_use("g")], ["AAAA", None]),
        (
            [_thought("sgGeminiAAAA"), _tool_use(), _thought("sgGeminiBBBB"), _tool_use("g")],
            ["AAAA", "BBBB"],
        ),
        ([{"type": "text", "text": "hi"}, _thought("sgGeminiAAAA")], [None, "AAAA"]),
    ],
)
def test_a_signature_comes_back_to_where_it_stood(
    blocks: list[dict[str, Any]], signatures: list[str | None]
) -> None:
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": blocks}]
    out, _ = translate("anthropic", "gemini", {"messages": messages}, model="gemini-3-pro")
    parts = out["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == signatures


def test_a_call_of_another_model_is_signed_for_models_that_demand_it() -> None:
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [_thought("QW50aHJvcGljcw=="), _tool_use()]},
    ]
    for model, is_signed in [("gemini-3-pro", True), ("gemini-2.5-pro", False)]:
        out, dropped = translate("anthropic", "gemini", {"messages": messages}, model=model)
        [part] = out["contents"][1]["parts"]
        assert ("thoughtSignature" in part) == is_signed
        assert dropped == ["messages[1].content[0]"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [("sgAnthroQUJD", "QUJD"), ("QUJD", None), ("sgGeminiQUJD", None)],
)
def test_a_signature_goes_to_its_vendor_alone(given: str, sent: str | None) -> None:
    parts = [
        {"text": "hm", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": given},
    ]
    turns = [*HI, {"role": "model", "parts": [*parts, {"text": "hi"}]}]
    out, _ = translate("gemini", "anthropic", {"contents": turns})
    blocks = out["messages"][1]["content"]
    wanted = {"type": "thinking", "thinking": "hm", "signature": sent}
    assert blocks == ([wanted] if sent else []) + [{"type": "text", "text": "hi"}]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"id": "c1"}, {"id": "c1", "name": "f", "args": {"a": 1}}),
        ({}, {"id": "call_1", "name": "f", "args": {"a": 1}}),
    ],
)
def test_a_round_trip_keeps_a_call(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    chat, _ = translate("gemini", "openai", {"contents": talk(**given)})
    chat.pop("model")
    back, _ = translate("openai", "gemini", chat, model="gemini-2.5-flash")
    assert back["contents"][1]["parts"] == [{"functionCall": wanted}]
    assert back["contents"][2]["parts"][0]["functionResponse"]["response"] == {"output": "ok"}


def test_an_error_has_googles_shape_and_our_code() -> None:
    refusal = (429, "rate_limit_exceeded", "too many", "model", 1.5, [], False)
    body = DIALECTS["gemini"].encode_error(RefusedRequestError("r-1", refusal))
    error = json.loads(body)["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    info, retry = error["details"]
    assert info["reason"] == "rate_limit_exceeded"
    assert info["metadata"] == {"origin": "gateway", "request_id": "r-1", "param": "model"}
    assert retry["retryDelay"] == "1.500s"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}', "NOT_FOUND"),
        (
            b'[{"error":{"message":"m","details":[{"reason":"API_KEY_INVALID"}]}}]',
            "API_KEY_INVALID",
        ),
        (
            b'{"error":{"message":"m","details":[{"violations":[{"quotaId":"RequestsPerDayPerX"}]}]}}',
            "QUOTA_PER_DAY",
        ),
        (b'{"error":{"message":"m","details":"odd"}}', None),
    ],
)
def test_googles_errors_are_told_by_their_reason(body: bytes, code: str | None) -> None:
    told = read_gemini_error(body)
    assert told is not None
    assert (told.message, told.code) == ("m", code)


def test_a_count_of_tokens_holds_a_whole_request() -> None:
    counted = {"generateContentRequest": {"model": "models/x", "contents": HI, **function()}}
    conversation = DIALECTS["gemini"].decode_request(json.dumps(counted).encode())
    assert len(conversation.turns) == len(conversation.tools) == 1


@pytest.mark.parametrize(
    ("given", "wanted"), [("QQ==", "QQ=="), ("QQ", "QQ=="), ("-_8=", "+/8="), ("-_8", "+/8=")]
)
def test_data_in_the_alphabet_of_urls_is_read_by_every_vendor(given: str, wanted: str) -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": given}}
    out, _ = translate("gemini", "anthropic", {"contents": [{"role": "user", "parts": [part]}]})
    assert out["messages"][0]["content"][0]["source"]["data"] == wanted
