"""Answers in the forms that hosts of each dialect write them in, and what every client must read.

Made by hand after hosts' documentation, their source and reports of their users; none was recorded.
"""

import json
from typing import Any, Final, NamedTuple

from ..replay.decode import Meaning
from ..upstream import bedrock
from .streams import DONE, ID, block, chunk, started, stopped, words

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"


class Case(NamedTuple):
    """An answer.

    Args:
        wanted: what it means; None where it is an error, which no client may take for an answer.
    """

    body: bytes
    wanted: Meaning | None
    kind: str = EVENTS


def meaning(
    text: str = "hi",
    finish: str | None = "stop",
    tools: list[tuple[str, Any]] | None = None,
    usage: tuple[int, int] | None = (9, 4),
) -> Meaning:
    made = Meaning(text=text, finish=finish, tools=tools or [], terminated=True)
    if usage is not None:
        made.input_tokens, made.output_tokens = usage
    return made


def sse(*events: Any, end: str = "\n\n") -> bytes:
    """Events, of which a text stands as it is."""
    lines = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return "".join(f"data: {line}{end}" for line in lines).encode()


def named(*events: dict[str, Any]) -> bytes:
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


def lines(*events: dict[str, Any]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def whole(body: Any) -> bytes:
    return json.dumps(body).encode()


USAGE: Final = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
USED: Final = {**ID, "choices": [], "usage": USAGE}
HI: Final = meaning()
OPEN: Final = meaning(finish=None)
CALL: Final = meaning("", "tools", [("f", {"a": 1})])
CALLS: Final = meaning("", "tools", [("f", {"a": 1}), ("g", {})])


def bare(choice: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A chunk with just this choice."""
    return {**ID, "choices": [choice], **more}


def tool(index: Any = 0, identity: Any = "c", name: str = "f", arguments: Any = '{"a":1}') -> Any:
    call = {"index": index, "id": identity, "type": "function"}
    call["function"] = {"name": name, "arguments": arguments}
    return {key: value for key, value in call.items() if value is not None}


def message(message: dict[str, Any], finish: Any = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return whole({**ID, "choices": [choice], "usage": USAGE, **more})


CHAT: Final[dict[str, Case]] = {
    "no index": Case(
        sse(
            bare({"delta": {"content": "hi"}}),
            bare({"delta": {}, "finish_reason": "stop"}),
            USED,
            DONE,
        ),
        HI,
    ),
    "index null": Case(
        sse(
            bare({"index": None, "delta": {"content": "hi"}}),
            bare({"index": None, "delta": {}, "finish_reason": "stop"}),
            USED,
            DONE,
        ),
        HI,
    ),
    "index as text": Case(
        sse(
            bare({"index": "0", "delta": {"content": "hi"}}),
            bare({"index": "0", "delta": {}, "finish_reason": "stop"}),
            USED,
            DONE,
        ),
        HI,
    ),
    "content null": Case(
        sse(
            chunk({"role": "assistant", "content": None}),
            chunk({"content": "hi"}),
            chunk({"content": None}, "stop"),
            USED,
            DONE,
        ),
        HI,
    ),
    "usage in every chunk": Case(
        sse(
            chunk({"content": "h"}, usage={**USAGE, "completion_tokens": 1, "total_tokens": 10}),
            chunk({"content": "i"}, usage=USAGE),
            chunk({}, "stop", usage=USAGE),
            DONE,
        ),
        HI,
    ),
    "usage null": Case(
        sse(chunk({"content": "hi"}, usage=None), chunk({}, "stop", usage=None), USED, DONE), HI
    ),
    "usage with empty lists": Case(
        sse(
            chunk({"content": "hi"}),
            chunk({}, "stop"),
            {
                **USED,
                "usage": {**USAGE, "prompt_tokens_details": [], "completion_tokens_details": []},
            },
            DONE,
        ),
        HI,
    ),
    "usage as texts beside": Case(
        sse(
            chunk({"content": "hi"}),
            chunk({}, "stop"),
            {
                **USED,
                "usage": {
                    **USAGE,
                    "total_time": "0.1",
                    "cost": "0.00001",
                    "prompt_tokens_details": "none",
                },
            },
            DONE,
        ),
        HI,
    ),
    "finish empty until the end": Case(
        sse(chunk({"content": "hi"}, ""), chunk({}, "stop"), USED, DONE), HI
    ),
    "finish as a number": Case(sse(chunk({"content": "hi"}, 0), chunk({}, "stop"), USED, DONE), HI),
    "finish with the text": Case(sse(chunk({"content": "hi"}, "stop"), USED, DONE), HI),
    "finish twice": Case(
        sse(chunk({"content": "hi"}, None), chunk({}, "stop"), chunk({}, "stop"), USED, DONE), HI
    ),
    "finish in upper case": Case(sse(chunk({"content": "hi"}), chunk({}, "STOP"), USED, DONE), HI),
    "finish unknown": Case(sse(chunk({"content": "hi"}), chunk({}, "eos_found"), USED, DONE), OPEN),
    "choices empty at times": Case(
        sse(
            {**ID, "choices": []},
            chunk({"content": "hi"}),
            {**ID, "choices": []},
            chunk({}, "stop"),
            USED,
            DONE,
        ),
        HI,
    ),
    "choices null": Case(
        sse(
            {**ID, "choices": None},
            chunk({"content": "hi"}),
            chunk({}, "stop"),
            {**USED, "choices": None},
            DONE,
        ),
        HI,
    ),
    "no delta at the end": Case(sse(chunk({"content": "hi"}), chunk(None, "stop"), USED, DONE), HI),
    "delta null": Case(
        sse(
            chunk({"content": "hi"}),
            bare({"index": 0, "delta": None, "finish_reason": "stop"}),
            USED,
            DONE,
        ),
        HI,
    ),
    "content as parts": Case(
        sse(chunk({"content": [{"type": "text", "text": "hi"}]}), chunk({}, "stop"), USED, DONE), HI
    ),
    "content as texts": Case(
        sse(chunk({"content": ["h", "i"]}), chunk({}, "stop"), USED, DONE), HI
    ),
    "content as numbers": Case(
        sse(chunk({"content": 4}), chunk({"content": "2"}), chunk({}, "stop"), USED, DONE),
        meaning("42"),
    ),
    "mistral's references": Case(
        sse(
            chunk(
                {
                    "content": [
                        {"type": "text", "text": "hi"},
                        {"type": "reference", "reference_ids": [1]},
                    ]
                }
            ),
            chunk({}, "stop"),
            USED,
            DONE,
        ),
        HI,
    ),
    "magistral's thoughts": Case(
        sse(
            chunk(
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}
            ),
            chunk({"content": "hi"}),
            chunk({}, "stop"),
            USED,
            DONE,
        ),
        HI,
    ),
    **{
        f"thoughts as {name}": Case(
            sse(
                chunk({name: "hm"}),
                chunk({name: None, "content": "hi"}),
                chunk({}, "stop"),
                USED,
                DONE,
            ),
            HI,
        )
        for name in ("reasoning", "reasoning_content", "thinking")
    },
    "thoughts as an object": Case(
        sse(
            chunk({"thinking": {"content": "hm"}}),
            chunk({"content": "hi"}),
            chunk({}, "stop"),
            USED,
            DONE,
        ),
        HI,
    ),
    "thoughts in detail": Case(
        sse(
            chunk(
                {
                    "reasoning_details": [
                        {
                            "type": "reasoning.summary",
                            "summary": "hm",
                            "index": 0,
                            "format": "openai-responses-v1",
                        }
                    ]
                }
            ),
            chunk({"content": "hi", "reasoning_details": []}),
            chunk({}, "stop"),
            USED,
            DONE,
        ),
        HI,
    ),
    "ids as numbers": Case(
        sse(
            {**chunk({"content": "hi"}), "id": 7, "created": "now", "model": None},
            chunk({}, "stop"),
            USED,
            DONE,
        ),
        HI,
    ),
    "no ids at all": Case(
        sse(
            {"choices": [{"delta": {"content": "hi"}}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": USAGE},
            DONE,
        ),
        HI,
    ),
    "openrouter's comments": Case(
        b": OPENROUTER PROCESSING\n\n"
        + sse(chunk({"content": "hi"}))
        + b": OPENROUTER PROCESSING\n\n"
        + sse(chunk({}, "stop"), USED, DONE)
        + b": bye\n\n",
        HI,
    ),
    "event lines and ids": Case(
        b"".join(
            b"id: 7\nretry: 10\nevent: completion\n" + sse(one)
            for one in (chunk({"content": "hi"}), chunk({}, "stop"), USED, DONE)
        ),
        HI,
    ),
    "keepalives without data": Case(
        b"event: ping\n\n"
        + sse(chunk({"content": "hi"}))
        + b"data:\n\n"
        + sse(chunk({}, "stop"), USED, DONE),
        HI,
    ),
    "no done": Case(sse(chunk({"content": "hi"}), chunk({}, "stop"), USED), HI),
    "no done, no blank line": Case(sse(chunk({"content": "hi"}), chunk({}, "stop"), USED)[:-2], HI),
    "a bom": Case(
        b"\xef\xbb\xbf" + sse(chunk({"content": "hi"}), chunk({}, "stop"), USED, DONE), HI
    ),
    "crlf": Case(sse(chunk({"content": "hi"}), chunk({}, "stop"), USED, DONE, end="\r\n\r\n"), HI),
    "no space": Case(
        sse(chunk({"content": "hi"}), chunk({}, "stop"), USED, DONE).replace(b"data: ", b"data:"),
        HI,
    ),
    "a whole call in one chunk": Case(
        sse(chunk({"tool_calls": [tool()]}), chunk({}, "tool_calls"), USED, DONE), CALL
    ),
    "calls without index": Case(
        sse(
            chunk({"tool_calls": [tool(None), tool(None, "d", "g", "{}")]}),
            chunk({}, "tool_calls"),
            USED,
            DONE,
        ),
        CALLS,
    ),
    "calls without index or id": Case(
        sse(
            chunk({"tool_calls": [tool(None, None), tool(None, None, "g", "{}")]}),
            chunk({}, "tool_calls"),
            USED,
            DONE,
        ),
        CALLS,
    ),
    "calls with an index as text": Case(
        sse(
            chunk({"tool_calls": [tool("0")]}),
            chunk({"tool_calls": [tool("1", "d", "g", "{}")]}),
            chunk({}, "tool_calls"),
            USED,
            DONE,
        ),
        CALLS,
    ),
    "calls that end in stop": Case(
        sse(chunk({"tool_calls": [tool()]}), chunk({}, "stop"), USED, DONE), CALL
    ),
    "arguments as an object": Case(
        sse(chunk({"tool_calls": [tool(arguments={"a": 1})]}), chunk({}, "tool_calls"), USED, DONE),
        CALL,
    ),
    "arguments as an empty list": Case(
        sse(
            chunk({"tool_calls": [tool()]}),
            chunk({"tool_calls": [tool(1, "d", "g", [])]}),
            chunk({}, "tool_calls"),
            USED,
            DONE,
        ),
        CALLS,
    ),
    "arguments null": Case(
        sse(
            chunk({"tool_calls": [tool()]}),
            chunk({"tool_calls": [tool(1, "d", "g", None)]}),
            chunk({}, "tool_calls"),
            USED,
            DONE,
        ),
        CALLS,
    ),
    "a call's name alone, then its pieces": Case(
        sse(
            chunk({"tool_calls": [tool(arguments="")]}),
            chunk(
                {
                    "tool_calls": [
                        {
                            "index": 0,
                            "id": None,
                            "type": None,
                            "function": {"name": None, "arguments": '{"a"'},
                        }
                    ]
                }
            ),
            chunk({"tool_calls": [{"index": 0, "function": {"name": "", "arguments": ":1}"}}]}),
            chunk({}, "tool_calls"),
            USED,
            DONE,
        ),
        CALL,
    ),
    "the older call": Case(
        sse(
            chunk({"function_call": {"name": "f", "arguments": ""}}),
            chunk({"function_call": {"arguments": '{"a":1}'}}),
            chunk({}, "function_call"),
            USED,
            DONE,
        ),
        CALL,
    ),
    "azure's filters": Case(
        sse(
            {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": [{"prompt_index": 0}],
            },
            chunk({"content": "hi"}),
            bare(
                {
                    "content_filter_offsets": {},
                    "content_filter_results": {},
                    "finish_reason": None,
                    "index": 0,
                }
            ),
            chunk({}, "stop"),
            USED,
            DONE,
        ),
        HI,
    ),
    "groq's usage": Case(
        sse(
            chunk({"content": "hi"}, x_groq={"id": "r"}),
            chunk({}, "stop", x_groq={"id": "r", "usage": USAGE}),
            DONE,
        ),
        HI,
    ),
    "perplexity's sources": Case(
        sse(
            chunk({"content": "hi"}, citations=["https://a"]),
            chunk({}, "stop", citations=["https://a"], usage=USAGE),
            DONE,
        ),
        HI,
    ),
    "an error inside": Case(
        sse(chunk({"content": "hi"}), {"error": {"message": "no", "code": 500}}), None
    ),
    "an error as text inside": Case(sse(chunk({"content": "hi"}), {"error": "no"}), None),
    "an error event": Case(
        sse(chunk({"content": "hi"})) + b'event: error\ndata: {"message":"no"}\n\n', None
    ),
    "whole": Case(message({"role": "assistant", "content": "hi"}), HI, JSON),
    "whole, no role": Case(message({"content": "hi"}), HI, JSON),
    "whole, parts": Case(message({"content": [{"type": "text", "text": "h"}, "i"]}), HI, JSON),
    "whole, nulls": Case(
        message(
            {
                "role": None,
                "content": "hi",
                "tool_calls": None,
                "function_call": None,
                "refusal": None,
                "reasoning": None,
                "annotations": None,
            },
            error=None,
        ),
        HI,
        JSON,
    ),
    "whole, no finish": Case(message({"content": "hi"}, None), meaning(finish=None), JSON),
    "whole, call": Case(
        message({"content": None, "tool_calls": [tool(None)]}, "tool_calls"), CALL, JSON
    ),
    "whole, arguments as an object": Case(
        message({"content": "", "tool_calls": [tool(None, arguments={"a": 1})]}, "stop"), CALL, JSON
    ),
    "whole, one call and no list": Case(
        message({"content": None, "tool_calls": tool(None)}, "tool_calls"), CALL, JSON
    ),
    "whole, the older call": Case(
        message(
            {"content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
            "function_call",
        ),
        CALL,
        JSON,
    ),
    "whole, thoughts": Case(message({"content": "hi", "thinking": "hm"}), HI, JSON),
    "whole, indented": Case(
        json.dumps(json.loads(message({"content": "hi"})), indent=4).encode() + b"\n\n", HI, JSON
    ),
    "whole, a bom": Case(b"\xef\xbb\xbf" + message({"content": "hi"}), HI, JSON),
}

USE: Final = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}
PING: Final = {"type": "ping"}


def answer(*content: Any, reason: str | None = "end_turn", **more: Any) -> bytes:
    head = {"id": "m", "type": "message", "role": "assistant", "model": "m"}
    counts = {"input_tokens": 9, "output_tokens": 4}
    told = {"content": list(content), "stop_reason": reason, "stop_sequence": None}
    return whole({**head, **told, "usage": counts, **more})


MESSAGES: Final[dict[str, Case]] = {
    "pings in odd places": Case(
        named(
            PING,
            started(),
            PING,
            *words(0, "h", "i")[:2],
            PING,
            *words(0, "h", "i")[2:],
            PING,
            *stopped()[:1],
            PING,
            *stopped()[1:],
            PING,
        ),
        HI,
    ),
    "no usage at the end": Case(
        named(
            started(),
            *words(0, "hi"),
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ),
        meaning(usage=None),
    ),
    "usage null": Case(
        named(started(), *words(0, "hi"), *stopped(usage=None)), meaning(usage=None)
    ),
    "usage with empty lists": Case(
        named(started(cache_creation=[], server_tool_use=[]), *words(0, "hi"), *stopped()), HI
    ),
    "no usage at the beginning": Case(
        named(
            {
                "type": "message_start",
                "message": {"id": "m", "role": "assistant", "content": [], "model": "m"},
            },
            *words(0, "hi"),
            *stopped(usage={"input_tokens": 9, "output_tokens": 4}),
        ),
        HI,
    ),
    "no event lines": Case(sse(started(), *words(0, "hi"), *stopped()), HI),
    "no message_stop": Case(named(started(), *words(0, "hi"), *stopped()[:1]), HI),
    "done behind the end": Case(
        named(started(), *words(0, "hi"), *stopped()) + b"data: [DONE]\n\n", HI
    ),
    "no block's end": Case(named(started(), *words(0, "hi")[:-1], *stopped()), HI),
    "no block's beginning": Case(named(started(), *words(0, "hi")[1:], *stopped()), HI),
    "no indexes": Case(
        named(
            started(),
            *({k: v for k, v in event.items() if k != "index"} for event in words(0, "hi")),
            *stopped(),
        ),
        HI,
    ),
    "indexes as text": Case(
        named(started(), *({**event, "index": "0"} for event in words(0, "hi")), *stopped()), HI
    ),
    "unknown events and blocks": Case(
        named(
            started(),
            {"type": "new_thing", "x": 1},
            *block(0, {"type": "new_block"}, {"type": "new_delta", "x": "y"}),
            *words(1, "hi"),
            *stopped(),
        ),
        HI,
    ),
    "a call whole in its beginning": Case(
        named(started(), *block(0, USE), *stopped("tool_use")), CALL
    ),
    "a call as text in its beginning": Case(
        named(started(), *block(0, {**USE, "input": '{"a":1}'}), *stopped("tool_use")), CALL
    ),
    "a call without arguments": Case(
        named(
            started(),
            *block(
                0, {**USE, "input": {}}, {"type": "input_json_delta", "partial_json": '{"a":1}'}
            ),
            *block(1, {"type": "tool_use", "id": "d", "name": "g"}),
            *stopped("tool_use"),
        ),
        CALLS,
    ),
    "a stop that nobody knows": Case(
        named(started(), *words(0, "hi"), *stopped("new_reason")), OPEN
    ),
    "a text block with text": Case(
        named(
            started(),
            *block(0, {"type": "text", "text": "h"}, {"type": "text_delta", "text": "i"}),
            *stopped(),
        ),
        HI,
    ),
    "an error inside": Case(
        named(
            started(),
            *words(0, "hi"),
            {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
        ),
        None,
    ),
    "crlf": Case(named(started(), *words(0, "hi"), *stopped()).replace(b"\n", b"\r\n"), HI),
    "whole": Case(answer({"type": "text", "text": "hi"}), HI, JSON),
    "whole, content as text": Case(answer(content="hi"), HI, JSON),
    "whole, nulls": Case(
        answer({"type": "text", "text": "hi", "citations": None}, container=None), HI, JSON
    ),
    "whole, no usage": Case(
        answer({"type": "text", "text": "hi"}, usage=None), meaning(usage=None), JSON
    ),
    "whole, a call": Case(answer(USE, reason="tool_use"), CALL, JSON),
    "whole, a call as text": Case(
        answer({**USE, "input": '{"a":1}'}, reason="tool_use"), CALL, JSON
    ),
    "whole, no reason": Case(
        answer({"type": "text", "text": "hi"}, reason=None), meaning(finish=None), JSON
    ),
}

COUNTS: Final = {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}
METADATA: Final = {"usageMetadata": COUNTS, "modelVersion": "m", "responseId": "r"}


def candidate(*parts: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        told["finishReason"] = finish
    return {"candidates": [told | more], **METADATA}


F: Final = {"functionCall": {"name": "f", "args": {"a": 1}}}
G: Final = {"functionCall": {"name": "g"}}
H_I: Final = ({"text": "h"}, {"text": "i"})

GEMINI: Final[dict[str, Case]] = {
    "usage alone": Case(
        sse(METADATA, candidate({"text": "hi"}), METADATA, candidate(finish="STOP"), METADATA), HI
    ),
    "no candidates": Case(
        sse({**METADATA, "candidates": []}, candidate({"text": "hi"}, finish="STOP")), HI
    ),
    "candidates null": Case(
        sse({**METADATA, "candidates": None}, candidate({"text": "hi"}, finish="STOP")), HI
    ),
    "several parts": Case(sse(candidate(*H_I, finish="STOP")), HI),
    "no content": Case(
        sse(
            candidate({"text": "hi"}),
            {"candidates": [{"finishReason": "STOP", "index": 0}], **METADATA},
        ),
        HI,
    ),
    "no parts": Case(
        sse(
            candidate({"text": "hi"}),
            {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}], **METADATA},
        ),
        HI,
    ),
    "no index": Case(
        sse(
            {
                "candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}],
                **METADATA,
            }
        ),
        HI,
    ),
    "empty text at the end": Case(
        sse(candidate({"text": "hi"}), candidate({"text": ""}, finish="STOP")), HI
    ),
    "calls without ids": Case(sse(candidate(F, G, finish="STOP")), CALLS),
    "calls in chunks of their own": Case(
        sse(candidate(F), candidate(G), candidate(finish="STOP")), CALLS
    ),
    "a reason that nobody knows": Case(sse(candidate({"text": "hi"}, finish="NEW_REASON")), OPEN),
    "unspecified until the end": Case(
        sse(
            candidate({"text": "hi"}, finish="FINISH_REASON_UNSPECIFIED"), candidate(finish="STOP")
        ),
        HI,
    ),
    "safety": Case(
        sse(candidate({"text": "hi"}), candidate(finish="SAFETY", safetyRatings=[])),
        meaning(finish="filter"),
    ),
    "a blocked prompt": Case(
        sse(
            {
                "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
                "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
            }
        ),
        meaning("", "filter", usage=None),
    ),
    "parts that nobody knows": Case(
        sse(candidate({"newPart": {"x": 1}}, {"text": "hi"}, finish="STOP")), HI
    ),
    "thoughts": Case(
        sse(candidate({"text": "hm", "thought": True}), candidate({"text": "hi"}, finish="STOP")),
        HI,
    ),
    "an error inside": Case(
        sse(
            candidate({"text": "hi"}),
            {"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}},
        ),
        None,
    ),
    "done behind the end": Case(sse(candidate({"text": "hi"}, finish="STOP"), DONE), HI),
    "whole": Case(whole(candidate({"text": "hi"}, finish="STOP")), HI, JSON),
    "whole, calls": Case(whole(candidate(F, G, finish="STOP")), CALLS, JSON),
    "whole, blocked": Case(
        whole({"promptFeedback": {"blockReason": "SAFETY"}}),
        meaning("", "filter", usage=None),
        JSON,
    ),
}

RESPONSE: Final = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m"}
R_USED: Final = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
MESSAGE: Final = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed"}
SAID: Final = {**MESSAGE, "content": [{"type": "output_text", "text": "hi", "annotations": []}]}
FUNCTION: Final = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
OTHER: Final = {"type": "function_call", "call_id": "d", "name": "g", "arguments": "{}"}


def response(*output: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {**RESPONSE, "status": status, "output": list(output), "usage": R_USED, **more}


def told(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **more}


CREATED: Final = told("created", response=response(status="in_progress", usage=None))
ADDED: Final = told("output_item.added", output_index=0, item={**MESSAGE, "content": []})
DELTA: Final = told("output_text.delta", output_index=0, content_index=0, delta="hi")
ENDED: Final = told("completed", response=response(SAID))
CALLED: Final = told("completed", response=response(FUNCTION, OTHER))


def begun(item: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """A call that begins without its arguments and ends with them."""
    return [
        told("output_item.added", item={**item, "arguments": ""}, **more),
        told("output_item.done", item=item, **more),
    ]


RESPONSES: Final[dict[str, Case]] = {
    "no sequence numbers, no ids": Case(named(CREATED, ADDED, DELTA, ENDED), HI),
    "unknown events": Case(
        named(
            told("new.thing", x=1),
            CREATED,
            told("new.delta", delta={"a": 1}),
            ADDED,
            DELTA,
            {"type": "keepalive"},
            ENDED,
        ),
        HI,
    ),
    "no items": Case(named(CREATED, DELTA, ENDED), HI),
    "the last event alone": Case(named(ENDED), HI),
    "no pieces": Case(
        named(
            CREATED,
            ADDED,
            told("output_text.done", output_index=0, content_index=0, text="hi"),
            ENDED,
        ),
        HI,
    ),
    "no pieces of calls": Case(
        named(
            CREATED,
            told("output_item.added", output_index=0, item={**FUNCTION, "arguments": ""}),
            told("function_call_arguments.done", output_index=0, arguments='{"a":1}'),
            told("completed", response=response(FUNCTION)),
        ),
        CALL,
    ),
    "calls by their items alone": Case(
        named(CREATED, *begun(FUNCTION, output_index=0), *begun(OTHER, output_index=1), CALLED),
        CALLS,
    ),
    "items without places": Case(named(CREATED, *begun(FUNCTION), *begun(OTHER), CALLED), CALLS),
    "items without places or beginnings": Case(
        named(CREATED, begun(FUNCTION)[1], begun(OTHER)[1], CALLED), CALLS
    ),
    "a place as text": Case(
        named(CREATED, {**ADDED, "output_index": "0"}, {**DELTA, "output_index": "0"}, ENDED), HI
    ),
    "arguments as an object": Case(
        named(
            CREATED,
            told("output_item.done", output_index=0, item={**FUNCTION, "arguments": {"a": 1}}),
            told("completed", response=response(FUNCTION)),
        ),
        CALL,
    ),
    "no event lines": Case(sse(CREATED, ADDED, DELTA, ENDED, DONE), HI),
    "incomplete, no reason": Case(
        named(
            CREATED, ADDED, DELTA, told("incomplete", response=response(SAID, status="incomplete"))
        ),
        meaning(finish="length"),
    ),
    "failed": Case(
        named(
            CREATED,
            ADDED,
            DELTA,
            told(
                "failed",
                response=response(status="failed", error={"code": "server_error", "message": "no"}),
            ),
        ),
        None,
    ),
    "an error inside": Case(
        named(CREATED, ADDED, DELTA, {"type": "error", "message": "no", "code": "x"}), None
    ),
    "usage null": Case(
        named(CREATED, ADDED, DELTA, told("completed", response=response(SAID, usage=None))),
        meaning(usage=None),
    ),
    "usage with empty lists": Case(
        named(
            CREATED,
            ADDED,
            DELTA,
            told(
                "completed",
                response=response(
                    SAID,
                    usage={**R_USED, "input_tokens_details": [], "output_tokens_details": None},
                ),
            ),
        ),
        HI,
    ),
    "whole": Case(whole(response(SAID)), HI, JSON),
    "whole, content as text": Case(whole(response({**MESSAGE, "content": "hi"})), HI, JSON),
    "whole, calls": Case(
        whole(response({"type": "reasoning", "summary": []}, FUNCTION, OTHER)), CALLS, JSON
    ),
    "whole, items that nobody knows": Case(whole(response({"type": "new_item"}, SAID)), HI, JSON),
}


def frames(*events: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(bedrock.event(name, json.dumps(payload).encode()) for name, payload in events)


B_USED: Final = (
    "metadata",
    {"usage": {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13}, "metrics": {}},
)
B_TEXT: Final = ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hi"}})
B_END: Final = ("messageStop", {"stopReason": "end_turn"})
B_START: Final = ("messageStart", {"role": "assistant"})
B_CALL: Final = [
    (
        "contentBlockStart",
        {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "c", "name": "f"}}},
    ),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"a":'}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "1}"}}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "tool_use"}),
]
BINARY: Final = bedrock.CONTENT_TYPE

CONVERSE: Final[dict[str, Case]] = {
    "unknown events": Case(
        frames(B_START, ("newEvent", {"x": 1}), B_TEXT, ("newStop", {}), B_END, B_USED), HI, BINARY
    ),
    "no start": Case(frames(B_TEXT, B_END, B_USED), HI, BINARY),
    "unknown deltas": Case(
        frames(
            B_START,
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"new": {"x": 1}}}),
            B_TEXT,
            B_END,
            B_USED,
        ),
        HI,
        BINARY,
    ),
    "padding": Case(
        frames(
            ("messageStart", {"role": "assistant", "p": "abc"}),
            ("contentBlockDelta", {**B_TEXT[1], "p": "abcdef"}),
            ("messageStop", {**B_END[1], "p": "a"}),
            ("metadata", {**B_USED[1], "p": ""}),
        ),
        HI,
        BINARY,
    ),
    "a call": Case(frames(B_START, *B_CALL, B_USED), CALL, BINARY),
    "a reason that nobody knows": Case(
        frames(B_START, B_TEXT, ("messageStop", {"stopReason": "new"}), B_USED), OPEN, BINARY
    ),
    "an exception inside": Case(
        frames(B_START, B_TEXT, ("modelStreamErrorException", {"message": "no"})), None, BINARY
    ),
}

C_USED: Final = {"tokens": {"input_tokens": 9, "output_tokens": 4}}


def cohere_end(reason: str = "COMPLETE", **more: Any) -> dict[str, Any]:
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": C_USED, **more}}


C_TEXT: Final = {
    "type": "content-delta",
    "index": 0,
    "delta": {"message": {"content": {"text": "hi"}}},
}
CITED: Final = {
    "type": "citation-start",
    "index": 0,
    "delta": {
        "message": {
            "citations": {
                "start": 0,
                "end": 2,
                "text": "hi",
                "sources": [{"type": "document", "id": "d", "document": {"title": "t"}}],
            }
        }
    },
}
C_CALL: Final = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}

COHERE: Final[dict[str, Case]] = {
    "no beginning": Case(named(C_TEXT, cohere_end()), HI),
    "citations": Case(named(C_TEXT, CITED, {"type": "citation-end", "index": 0}, cohere_end()), HI),
    "unknown events": Case(
        named({"type": "new"}, C_TEXT, {"type": "debug", "prompt": "p"}, cohere_end()), HI
    ),
    "a whole call": Case(
        named(
            {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": C_CALL}}},
            {"type": "tool-call-end", "index": 0},
            cohere_end("TOOL_CALL"),
        ),
        CALL,
    ),
    "whole": Case(
        whole(
            {
                "id": "r",
                "message": {
                    "role": "assistant",
                    "content": [{"type": "text", "text": "hi"}],
                    "citations": None,
                },
                "finish_reason": "COMPLETE",
                "usage": C_USED,
            }
        ),
        HI,
        JSON,
    ),
    "whole, a call and no content": Case(
        whole(
            {
                "id": "r",
                "message": {"role": "assistant", "tool_calls": [C_CALL]},
                "finish_reason": "TOOL_CALL",
                "usage": C_USED,
            }
        ),
        CALL,
        JSON,
    ),
    "an error at the end": Case(named(C_TEXT, cohere_end("ERROR", error="no")), None),
}

O_END: Final = {
    "model": "m",
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 9,
    "eval_count": 4,
}


def said(content: Any, **more: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "message": {"role": "assistant", "content": content, **more},
        "done": False,
    }


NDJSON: Final = "application/x-ndjson"
O_CALL: Final = {"function": {"name": "f", "arguments": {"a": 1}}}

OLLAMA: Final[dict[str, Case]] = {
    "a reason that nobody knows": Case(
        lines(said("hi"), {**O_END, "done_reason": "new"}), OPEN, NDJSON
    ),
    "no reason": Case(
        lines(said("hi"), {k: v for k, v in O_END.items() if k != "done_reason"}), HI, NDJSON
    ),
    "no message at the end": Case(
        lines(said("hi"), {k: v for k, v in O_END.items() if k != "message"}), HI, NDJSON
    ),
    "content null": Case(lines(said(None, thinking="hm"), said("hi"), O_END), HI, NDJSON),
    "calls": Case(lines(said("", tool_calls=[O_CALL]), O_END), CALL, NDJSON),
    "arguments as text": Case(
        lines(said("", tool_calls=[{"function": {"name": "f", "arguments": '{"a":1}'}}]), O_END),
        CALL,
        NDJSON,
    ),
    "fields that nobody knows": Case(
        lines({**said("hi"), "new": 1}, {**O_END, "new": {}}), HI, NDJSON
    ),
    "no line's end": Case(lines(said("hi"), O_END)[:-1], HI, NDJSON),
    "crlf": Case(lines(said("hi"), O_END).replace(b"\n", b"\r\n"), HI, NDJSON),
    "an error inside": Case(lines(said("hi"), {"error": "no"}), None, NDJSON),
}

FORMS: Final[dict[str, dict[str, Case]]] = {
    "openai": CHAT,
    "anthropic": MESSAGES,
    "gemini": GEMINI,
    "openai_responses": RESPONSES,
    "bedrock": CONVERSE,
    "cohere": COHERE,
    "ollama": OLLAMA,
}
