"""OpenAI's older completions: Chat Completions with a text where those have a message."""

from __future__ import annotations

from typing import Any

from .steps import Event
from .wire import Answer, OpenAiChat, Text, dumps


class Completions(OpenAiChat):
    """Source: platform.openai.com/docs/api-reference/completions."""

    def events(self, answer: Answer) -> list[Event]:
        """Pieces, finish, usage where it was asked for, `[DONE]`."""
        said = [piece for piece in answer.pieces if isinstance(piece, Text)]
        out = [self._text(answer, piece.text, None, tokens=piece.tokens) for piece in said]
        out.append(self._text(answer, "", "stop"))
        if answer.usage is not None and answer.usage_asked:
            body = self._head(answer, "text_completion") | {"choices": [], "usage": answer.usage}
            out.append(Event(dumps(body), kind="usage", usage=answer.usage))
        out.append(Event("[DONE]", kind="end"))
        return out

    def whole(self, answer: Answer) -> bytes:
        """`object: text_completion`."""
        text = "".join(piece.text for piece in answer.pieces if isinstance(piece, Text))
        body = self._head(answer, "text_completion") | {"choices": [_choice(text, "stop")]}
        if answer.usage is not None:
            body["usage"] = answer.usage
        return dumps(body).encode()

    def _text(self, answer: Answer, text: str, finish: str | None, tokens: int = 0) -> Event:
        body = self._head(answer, "text_completion") | {"choices": [_choice(text, finish)]}
        return Event(dumps(body), kind="finish" if finish else "token", tokens=tokens)


def _choice(text: str, finish: str | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}


COMPLETIONS = Completions()
