"""What the tests of request translation share: one request on its way, and its smallest parts."""

import json
from typing import Any, get_args

from sluicegate.dialects import DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.providers import Extension

HELLO = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
A_TOOL = {"name": "f", "input_schema": {"type": "object"}}
A_HELLO = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
ALL_EXTENSIONS = Host(extensions=frozenset[str](get_args(Extension)))


def translate(
    source: str,
    target: str,
    request: dict[str, Any],
    drop: bool = False,
    model: str = "m",
    host: Host = ALL_EXTENSIONS,
) -> tuple[dict[str, Any], list[str]]:
    body = json.dumps({"model": "x", **request}).encode()
    out, dropped = DIALECTS[target].encode_request(
        DIALECTS[source].decode_request(body),
        model=model,
        stream=bool(request.get("stream")),
        drop_unsupported=drop,
        default_max_tokens=4096,
        host=host,
    )
    return json.loads(out), dropped
