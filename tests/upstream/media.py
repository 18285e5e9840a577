"""Pictures and sound as Google and Bedrock answer with them.

Sources: ai.google.dev/gemini-api/docs/image-generation, .../speech-generation, .../imagen,
docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html.
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import unquote

from .bedrock import Bedrock
from .beside import HEARD
from .exchange import Exchange
from .gemini import GEMINI, Gemini, verb_of
from .wire import Answer, Text, Wire, dumps

_INVOKE = re.compile(r"/model/([^/]+)/invoke")
#: One token of speech: a tenth of a second would have 2,400 samples.
SAMPLES = b"\x01\x00\xff\x7f"
PICTURE = base64.b64encode(b"\x89PNG").decode()


def _tokens(answer: Answer) -> int:
    return sum(piece.tokens for piece in answer.pieces if isinstance(piece, Text))


class _Inline(Gemini):
    """One blob in the place of words."""

    modality = "IMAGE"

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """Modality by modality."""
        details = [{"modality": self.modality, "tokenCount": made}]
        return super().usage(given, made) | {"candidatesTokensDetails": details}

    def whole(self, answer: Answer) -> bytes:
        """`GenerateContentResponse`."""
        blob = self.blob(answer)
        said = self._chunk(answer, [{"inlineData": blob}], "end", finish="STOP", usage=answer.usage)
        return said.data.encode()

    def blob(self, answer: Answer) -> dict[str, str]:
        """What was made."""
        del answer
        return {"mimeType": "image/png", "data": PICTURE}


class Spoken(_Inline):
    """Samples."""

    modality = "AUDIO"

    def blob(self, answer: Answer) -> dict[str, str]:
        """One of them for each token."""
        data = base64.b64encode(SAMPLES * _tokens(answer)).decode()
        return {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": data}


class Heard(Gemini):
    """Words about a recording, whose tokens are in the prompt."""

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """Modality by modality."""
        details = [
            {"modality": "TEXT", "tokenCount": given},
            {"modality": "AUDIO", "tokenCount": HEARD},
        ]
        return super().usage(given + HEARD, made) | {"promptTokensDetails": details}


class Predicted(Gemini):
    """Imagen."""

    def whole(self, answer: Answer) -> bytes:
        """One picture for each token, and no usage."""
        one = {"mimeType": "image/png", "bytesBase64Encoded": PICTURE}
        return dumps({"predictions": [one] * _tokens(answer)}).encode()


class Invoked(Bedrock):
    """Titan, Nova and Stability."""

    def whole(self, answer: Answer) -> bytes:
        """One picture for each token, and no usage."""
        return dumps({"images": [PICTURE] * _tokens(answer), "error": None}).encode()


_DRAWN, _SPOKEN, _HEARD = _Inline(), Spoken(), Heard()
_PREDICTED, _INVOKED = Predicted(), Invoked()


def wire_of(exchange: Exchange, wire: Wire | None) -> Wire | None:
    """The wire that answers a request for pictures or sound; the given one for any other."""
    if exchange.method != "POST" or not exchange.body:
        return wire
    if wire is GEMINI:
        return _of_gemini(exchange) or wire
    if verb_of(exchange) == "predict" and b'"prompt"' in exchange.body:
        return _PREDICTED
    found = _INVOKE.fullmatch(exchange.path)
    is_drawn = b'"prompt"' in exchange.body or b'"textToImageParams"' in exchange.body
    if wire is None and found is not None and is_drawn:
        exchange.model = unquote(found[1])
        return _INVOKED
    return wire


def _of_gemini(exchange: Exchange) -> Wire | None:
    if b'"responseModalities":["IMAGE"]' in exchange.body:
        return _DRAWN
    if b'"responseModalities":["AUDIO"]' in exchange.body:
        return _SPOKEN
    return _HEARD if b'"inlineData":{"mimeType":"audio/' in exchange.body else None
