"""Gemini's requests for a provider of Responses, and those of Responses for Gemini."""

import base64
import json
from typing import Any, Final

import pytest

from sluicegate.errors import UnsupportedFieldError

from .translate import translate

G: Final = "gemini"
R: Final = "openai_responses"
HI: Final = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
ASKED: Final = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "hi"}],
}
CALL: Final = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
RESULT: Final = {"type": "function_call_output", "call_id": "c", "output": '{"b":2}'}


def reasoning(encrypted: str) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted}


def test_a_request_of_geminis_is_one_of_responses() -> None:
    function = {"name": "f", "parameters": {"type": "OBJECT"}}
    calling = {"mode": "ANY", "allowedFunctionNames": ["f"]}
    request = {
        **HI,
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "generationConfig": {"maxOutputTokens": 5, "responseMimeType": "application/json"},
        "tools": [{"functionDeclarations": [function]}],
        "toolConfig": {"functionCallingConfig": calling},
        "safetySettings": [],
        "labels": {},
    }
    out, dropped = translate(G, R, request)
    assert out["instructions"] == "be brief"
    assert out["input"] == [ASKED]
    assert out["max_output_tokens"] == 5
    assert out["text"] == {"format": {"type": "json_object"}}
    assert [tool["name"] for tool in out["tools"]] == ["f"]
    assert out["tool_choice"] == {"type": "function", "name": "f"}
    assert dropped == ["safetySettings", "labels"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("stopSequences", ["x"]), ("topK", 3), ("candidateCount", 2)],
)
def test_what_responses_lack_is_named_in_geminis_words(field: str, value: object) -> None:
    with pytest.raises(UnsupportedFieldError) as caught:
        translate(G, R, {**HI, "generationConfig": {field: value}})
    assert caught.value.param == f"generationConfig.{field}"


def test_a_tool_loop_of_responses_is_one_of_geminis() -> None:
    """The signature of a thought without words goes back to the call that it is about."""
    request = {"input": [ASKED, reasoning("signature:sgGeminiQUJD"), CALL, RESULT]}
    out, dropped = translate(R, G, request, model="gemini-3-pro")
    call = {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "QUJD"}
    result = {"functionResponse": {"id": "c", "name": "f", "response": {"b": 2}}}
    assert out["contents"] == [
        HI["contents"][0],
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [result]},
    ]
    assert dropped == []


@pytest.mark.parametrize("encrypted", ["gAAA", "signature:QUJD", "redacted:QUJD"])
def test_what_another_vendor_sealed_does_not_reach_gemini(encrypted: str) -> None:
    out, dropped = translate(R, G, {"input": [ASKED, reasoning(encrypted), ASKED]})
    assert encrypted.rpartition(":")[2] not in json.dumps(out)
    assert dropped == ["input[1]"]


OPENAIS = "sgOpenAI" + base64.b64encode(b"rs_1:gAAA").decode()

#: name: (the thought that a client of Gemini's gives back, the vendor, what the vendor gets)
SEALED: Final[dict[str, tuple[dict[str, Any], str, dict[str, Any]]]] = {
    "OpenAI's": (
        {"text": "hm", "thoughtSignature": OPENAIS},
        R,
        {**reasoning("gAAA"), "summary": [{"type": "summary_text", "text": "hm"}]},
    ),
    "OpenAI's without words": ({"text": "", "thoughtSignature": OPENAIS}, R, reasoning("gAAA")),
    "OpenAI's as URLs have it": (
        {
            "text": "",
            "thoughtSignature": "sgOpenAI" + base64.urlsafe_b64encode(b"rs_1:>>?").decode(),
        },
        R,
        reasoning(">>?"),
    ),
    "Anthropic's": (
        {"text": "hm", "thoughtSignature": "sgAnthroQUJD"},
        "anthropic",
        {"type": "thinking", "thinking": "hm", "signature": "QUJD"},
    ),
    "Anthropic's, redacted": (
        {"text": "", "thoughtSignature": "sgRedactQUJD"},
        "anthropic",
        {"type": "redacted_thinking", "data": "QUJD"},
    ),
}


@pytest.mark.parametrize("target", [R, "anthropic"])
@pytest.mark.parametrize("name", SEALED)
def test_a_client_of_geminis_gives_a_seal_back_to_its_vendor_alone(name: str, target: str) -> None:
    thought, vendor, wanted = SEALED[name]
    parts = [{"thought": True, **thought}, {"text": "a"}]
    contents = [HI["contents"][0], {"role": "model", "parts": parts}, HI["contents"][0]]
    out, _ = translate(G, target, {"contents": contents})
    if target == vendor:
        said = out["input"][1] if target == R else out["messages"][1]["content"][0]
        assert said == wanted
    else:
        assert thought["thoughtSignature"][8:] not in json.dumps(out)
        assert "gAAA" not in json.dumps(out)


def test_what_gemini_sealed_does_not_reach_anthropic() -> None:
    request = {"input": [ASKED, reasoning("signature:sgGeminiQUJD"), ASKED]}
    out, dropped = translate(R, "anthropic", request)
    assert "QUJD" not in json.dumps(out)
    assert dropped == ["input[1]"]


@pytest.mark.parametrize("target", ["anthropic", "openai", G])
def test_a_phase_says_nothing_to_others(target: str) -> None:
    said = {"role": "assistant", "content": "one", "phase": "commentary"}
    _, dropped = translate(R, target, {"input": [ASKED, said, {**said, "phase": "final"}, ASKED]})
    assert dropped == ["input[1].phase", "input[2].phase"]
