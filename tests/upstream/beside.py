"""What OpenAI has beside chat, each as a wire of its own: pictures, speech, transcripts, verdicts,
rankings. `prepare` brings a plan to the form that the request asks for.
"""

from __future__ import annotations

from typing import Any

from .exchange import Exchange
from .framing import Style
from .operations import PIECE
from .plan import Plan
from .steps import Event
from .wire import CREATED, Answer, OpenAiChat, Text, Wire, dumps

#: Tokens that every recording has.
HEARD = 3


def _said(answer: Answer) -> list[Text]:
    return [piece for piece in answer.pieces if isinstance(piece, Text)]


class _Counted(OpenAiChat):
    """Usage as OpenAI has it everywhere but in chat."""

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """`input_tokens` and `output_tokens`."""
        return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}

    def _reported(self, answer: Answer) -> dict[str, Any]:
        return {} if answer.usage is None else {"usage": answer.usage}


class Images(_Counted):
    """Source: platform.openai.com/docs/api-reference/images-streaming."""

    def events(self, answer: Answer) -> list[Event]:
        """Drafts, and the picture."""
        out = [
            Event(
                dumps(
                    {
                        "type": "image_generation.partial_image",
                        "b64_json": "AA==",
                        "partial_image_index": at,
                    }
                ),
                name="image_generation.partial_image",
                kind="token",
                tokens=1,
            )
            for at, _ in enumerate(_said(answer))
        ]
        last = {"type": "image_generation.completed", "b64_json": "AA=="} | self._reported(answer)
        return [*out, Event(dumps(last), name="image_generation.completed", kind="end")]

    def whole(self, answer: Answer) -> bytes:
        """One picture."""
        body = {"created": CREATED, "data": [{"b64_json": "AA=="}]} | self._reported(answer)
        return dumps(body).encode()


class Speech(_Counted):
    """A piece of a recording for each token, or the same as events."""

    def events(self, answer: Answer) -> list[Event]:
        """Pieces."""
        return [Event(PIECE, kind="token", tokens=1) for _ in _said(answer)]

    def whole(self, answer: Answer) -> bytes:
        """All of them."""
        return PIECE * len(_said(answer))


class SpeechEvents(_Counted):
    """Source: platform.openai.com/docs/api-reference/audio/speech-audio-delta-event."""

    def events(self, answer: Answer) -> list[Event]:
        """Pieces, and usage."""
        delta = dumps({"type": "speech.audio.delta", "audio": "AA=="})
        out = [Event(delta, kind="token", tokens=1) for _ in _said(answer)]
        done = {"type": "speech.audio.done"} | self._reported(answer)
        return [*out, Event(dumps(done), kind="end")]


class Transcripts(_Counted):
    """Source: platform.openai.com/docs/api-reference/audio/json-object."""

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """The recording's own tokens beside those of the prompt."""
        details = {"text_tokens": given, "audio_tokens": HEARD}
        counted = super().usage(given + HEARD, made)
        return {"type": "tokens", **counted, "input_token_details": details}

    def events(self, answer: Answer) -> list[Event]:
        """Words, and all of them again."""
        out = [
            Event(
                dumps({"type": "transcript.text.delta", "delta": piece.text}),
                kind="token",
                tokens=piece.tokens,
            )
            for piece in _said(answer)
        ]
        text = "".join(piece.text for piece in _said(answer))
        done = {"type": "transcript.text.done", "text": text} | self._reported(answer)
        return [*out, Event(dumps(done), kind="end")]

    def whole(self, answer: Answer) -> bytes:
        """`{"text", "usage"}`."""
        text = "".join(piece.text for piece in _said(answer))
        return dumps({"text": text} | self._reported(answer)).encode()


class Moderations(_Counted):
    """They report no usage."""

    def whole(self, answer: Answer) -> bytes:
        """Nothing is flagged; Mistral has no word for it."""
        result: dict[str, Any] = {"categories": {"violence": False}, "category_scores": {}}
        if "mistral" in answer.model:
            result["categories"]["violence"] = True  # and no `flagged`
        else:
            result["flagged"] = False
        body = {"id": "modr-1", "model": answer.model, "results": [result]}
        return dumps(body).encode()


class Rankings(_Counted):
    """As Jina, vLLM and Together have it."""

    def whole(self, answer: Answer) -> bytes:
        """The first document is the best; usage is a total."""
        results = [{"index": 0, "relevance_score": 0.5}]
        words = 0 if answer.usage is None else answer.usage["input_tokens"]
        body = {"model": answer.model, "results": results, "usage": {"total_tokens": words}}
        return dumps(body).encode()


class _Bytes(Style):
    """No frame around what is sent."""

    def encode(self, event: Event, _number: int) -> bytes:
        """The data alone."""
        return event.data if isinstance(event.data, bytes) else event.data.encode()


_SPEECH, _SPEECH_EVENTS = Speech(), SpeechEvents()
#: By path.
BESIDE: dict[str, Wire] = {
    "/v1/audio/speech": _SPEECH,
    "/v1/audio/transcriptions": Transcripts(),
    "/v1/audio/translations": Transcripts(),
    "/v1/images/edits": Images(),
    "/v1/images/generations": Images(),
    "/v1/images/variations": Images(),
    "/v1/moderations": Moderations(),
    "/v1/rerank": Rankings(),
}


def prepare(plan: Plan, exchange: Exchange, wire: Wire) -> Wire:
    """The wire that answers, and the plan in the form that was asked for."""
    is_good = plan.failure is None and plan.body is None and plan.status == 200
    asked = exchange.json
    if wire is _SPEECH and asked.get("stream_format") == "sse":
        exchange.stream = True
        return _SPEECH_EVENTS
    if wire is _SPEECH and is_good:
        plan.style, plan.content_type = _Bytes(), plan.content_type or "audio/mpeg"
        plan.form = plan.form or "stream"
    if isinstance(wire, Transcripts) and asked.get("response_format") == "text" and is_good:
        plan.form, plan.content_type = "whole", "text/plain; charset=utf-8"
        plan.body = "".join(p.text for p in plan.generated() if isinstance(p, Text)).encode()
    return wire
