"""Claude as Google's and Amazon's clouds serve it: Anthropic's own answers, in envelopes.

Sources: cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude,
docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html.
"""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from .bedrock import BEDROCK, event
from .exchange import Exchange
from .framing import Style
from .steps import Event
from .wire import ANTHROPIC, Anthropic, Failure, Wire, dumps

#: What a base URL on Vertex AI ends in.
PUBLISHER = "/v1/projects/p/locations/us-east5/publishers/anthropic"
_VERTEX = re.compile(rf"{PUBLISHER}/models/([^/:]+):(rawPredict|streamRawPredict)")
_INVOKE = re.compile(r"/model/([^/]+)/(invoke|invoke-with-response-stream)")
_METRICS = {"inputTokenCount": 3, "outputTokenCount": 10, "invocationLatency": 7}


class InvokedClaude(Anthropic):
    """On Bedrock: its errors are AWS's."""

    name = "invoke"

    def error_body(self, failure: Failure) -> bytes:
        """`{"message": ...}`; which error it is stands in a header."""
        return BEDROCK.error_body(failure)


INVOKED = InvokedClaude()


@dataclass(slots=True)
class ChunkStyle(Style):
    """Events in base64 in binary messages; an error is an exception."""

    def encode(self, event_: Event, number: int) -> bytes:
        """The last one has Bedrock's own figures."""
        del number
        data = event_.data if isinstance(event_.data, bytes) else event_.data.encode()
        if event_.name == "error":
            told = json.loads(data)["error"]["message"]
            return event("modelStreamErrorException", dumps({"message": told}).encode())
        if event_.name == "message_stop":
            said = json.loads(data) | {"amazon-bedrock-invocationMetrics": _METRICS}
            data = dumps(said).encode()
        payload = {"bytes": b64encode(data).decode(), "p": "abcdef"}
        return event("chunk", dumps(payload).encode())


def read_path(exchange: Exchange) -> Wire | None:
    """Fills `model` and `stream` from a path that generates; None where it is none."""
    if found := _VERTEX.fullmatch(exchange.path):
        exchange.model, exchange.stream = unquote(found[1]), found[2] == "streamRawPredict"
        return None if exchange.model == "count-tokens" else ANTHROPIC
    if found := _INVOKE.fullmatch(exchange.path):
        exchange.model = unquote(found[1])
        exchange.stream = found[2] == "invoke-with-response-stream"
        return INVOKED
    return None


def wrong(exchange: Exchange) -> str | None:
    """What the vendors would refuse of a body; None where they would not."""
    body: dict[str, Any] = exchange.json
    is_bedrock = exchange.path.startswith("/model/")
    version = "bedrock-2023-05-31" if is_bedrock else "vertex-2023-10-16"
    extra = {"model", "stream"} if is_bedrock else {"model"}
    if body.get("anthropic_version") != version:
        return "anthropic_version: field required"
    if extra & body.keys():
        return f"{', '.join(sorted(extra & body.keys()))}: extra inputs are not permitted"
    if not is_bedrock and exchange.stream is not (body.get("stream") is True):
        return "stream: is not what the path says"
    return None


def counts(exchange: Exchange) -> bool:
    """Whether the tokens of a conversation are to be counted."""
    return exchange.path == f"{PUBLISHER}/models/count-tokens:rawPredict"
