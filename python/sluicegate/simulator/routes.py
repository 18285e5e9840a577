"""What the simulator serves, by path: dialects that generate, and operations beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote

from . import bedrock, cohere, completions, dialects, media, ollama, texts
from .dialects import Event
from .gemini import gemini_error, gemini_events, gemini_whole, read_gemini
from .made import Made, told
from .prompt import Json, Prompt, read_anthropic, read_anthropic_input, read_openai
from .reply import Reply
from .responses import read_responses, responses_events, responses_whole


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to be asked for words."""

    read: Callable[[Json], Prompt]
    whole: Callable[[Prompt, list[Reply]], bytes]
    events: Callable[[Prompt, list[Reply]], Iterator[Event]]
    error: Callable[[int, str], bytes]
    error_prefix: bytes = b""
    content_type: str = "text/event-stream"
    broken: Callable[[int, str], bytes] | None = None
    """An error inside a stream, where it is no event of text."""


class Place(NamedTuple):
    """Where a path leads.

    Args:
        dialect: of words, and of errors.
        act: what is done where no words are generated.
        said: fields that the path says.
    """

    dialect: Dialect
    act: Callable[[Json], Made] | None = None
    said: Mapping[str, Any] = MappingProxyType({})


OPENAI = Dialect(read_openai, dialects.openai_whole, dialects.openai_events, dialects.openai_error)
COMPLETIONS = replace(
    OPENAI,
    read=completions.read_completions,
    whole=completions.completions_whole,
    events=completions.completions_events,
)
RESPONSES = Dialect(
    read_responses, responses_whole, responses_events, dialects.openai_error, b"event: error\n"
)
ANTHROPIC = Dialect(
    read_anthropic,
    dialects.anthropic_whole,
    dialects.anthropic_events,
    dialects.anthropic_error,
    b"event: error\n",
)
GEMINI = Dialect(read_gemini, gemini_whole, gemini_events, gemini_error)
BEDROCK = Dialect(
    bedrock.read_bedrock,
    bedrock.bedrock_whole,
    bedrock.bedrock_events,
    bedrock.bedrock_error,
    content_type=bedrock.CONTENT_TYPE,
    broken=bedrock.bedrock_broken,
)
INVOKED = replace(
    BEDROCK,
    read=read_anthropic,
    whole=dialects.anthropic_whole,
    events=bedrock.invoked_events,
)
COHERE = Dialect(cohere.read_cohere, cohere.cohere_whole, cohere.cohere_events, cohere.cohere_error)
OLLAMA = Dialect(
    ollama.read_ollama,
    ollama.ollama_whole,
    ollama.ollama_events,
    ollama.ollama_error,
    content_type=ollama.CONTENT_TYPE,
    broken=ollama.ollama_broken,
)


def _count_anthropic(body: Json) -> Made:
    return told({"input_tokens": read_anthropic_input(body).input_tokens})


def _count_gemini(body: Json) -> Made:
    asked = body.get("generateContentRequest") or body
    return told({"totalTokens": read_gemini(asked).input_tokens})


_PATHS = {
    "/api/chat": Place(OLLAMA),
    "/api/embed": Place(OLLAMA, texts.ollama_embeddings),
    "/v1/audio/speech": Place(OPENAI, media.speech),
    "/v1/audio/transcriptions": Place(OPENAI, media.transcript),
    "/v1/audio/translations": Place(OPENAI, media.transcript),
    "/v1/chat/completions": Place(OPENAI),
    "/v1/completions": Place(COMPLETIONS),
    "/v1/embeddings": Place(OPENAI, texts.openai_embeddings),
    "/v1/images/edits": Place(OPENAI, media.picture),
    "/v1/images/generations": Place(OPENAI, media.picture),
    "/v1/images/variations": Place(OPENAI, media.picture),
    "/v1/messages": Place(ANTHROPIC),
    "/v1/messages/count_tokens": Place(ANTHROPIC, _count_anthropic),
    "/v1/moderations": Place(OPENAI, texts.moderation),
    "/v1/rerank": Place(OPENAI, texts.jina_ranking),
    "/v1/responses": Place(RESPONSES),
    "/v2/chat": Place(COHERE),
    "/v2/embed": Place(COHERE, texts.cohere_embeddings),
    "/v2/rerank": Place(COHERE, texts.cohere_ranking),
}
_GEMINI_VERBS = {
    "batchEmbedContents": Place(GEMINI, texts.gemini_embeddings),
    "countTokens": Place(GEMINI, _count_gemini),
    "embedContent": Place(GEMINI, texts.gemini_embedding),
    "generateContent": Place(GEMINI, said={"stream": False}),
    "streamGenerateContent": Place(GEMINI, said={"stream": True}),
}
_BEDROCK_VERBS = {
    "converse": Place(BEDROCK, said={"stream": False}),
    "converse-stream": Place(BEDROCK, said={"stream": True}),
    "invoke": Place(INVOKED, said={"stream": False}),
    "invoke-with-response-stream": Place(INVOKED, said={"stream": True}),
}
_NAMED = (
    (re.compile(r"/v1(?:beta)?/models/(.+):(\w+)"), _GEMINI_VERBS),
    (re.compile(r"/model/(.+)/([\w-]+)"), _BEDROCK_VERBS),
)


def place_of(path: str) -> Place | None:
    """Where a path leads; None where there is nothing."""
    path = unquote(path)
    if path in _PATHS:
        return _PATHS[path]
    for pattern, verbs in _NAMED:
        found = pattern.fullmatch(path)
        if found and found[2] in verbs:
            place = verbs[found[2]]
            return place._replace(said={**place.said, "model": found[1]})
    return None


def narrowed(place: Place, body: Json) -> Place:
    """A place that is decided by what is asked there: not all that Bedrock invokes is Claude."""
    if place.dialect is INVOKED and "anthropic_version" not in body:
        return place._replace(act=texts.invoked)
    return place


def errors_at(path: str) -> Dialect:
    """Whose errors a path without a place has."""
    return ANTHROPIC if path.startswith("/v1/messages") else OPENAI
