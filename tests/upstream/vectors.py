"""Vectors in every form that hosts have beside OpenAI's and Gemini's own, as the scripted upstream
makes them: Vertex AI's, Bedrock's (Titan, Cohere), Cohere's, Ollama's. Rankings of Cohere's form,
there and at Bedrock: the last document is the best.

A text such as `status-500` is answered with that status.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from .exchange import Exchange
from .script import prompt_words

_PATHS = {
    "vertex": re.compile(r"/v1(?:beta)?/models/(.+):predict"),
    "bedrock": re.compile(r"/model/([^/]+)/invoke"),
    "cohere": re.compile(r"()/v2/(?:embed|rerank)"),
    "ollama": re.compile(r"()/api/embed"),
}
_STATUS = re.compile(r"status-(\d+)")
BEDROCK_TOKENS = "X-Amzn-Bedrock-Input-Token-Count"
_UNITS: dict[str, Any] = {"meta": {"billed_units": {"search_units": 1}}}


def vector(text: str) -> list[float]:
    """What a text becomes: no 32-bit float is exactly its first number."""
    return [0.1, -2.5, float(len(text))]


def read_path(exchange: Exchange, path: str) -> str | None:
    """Fills `model` from a path of these; the form, or None."""
    for form, pattern in _PATHS.items():
        if found := pattern.fullmatch(path):
            named = unquote(found[1]) or exchange.json.get("model", "")
            exchange.model, exchange.dialect = str(named), form
            return form
    return None


def is_invoked(exchange: Exchange) -> bool:
    """Whether one of Bedrock's models is asked for vectors or ranks, and not Claude."""
    asked = (b'"inputText"', b'"texts"', b'"documents"')
    return exchange.path.endswith("/invoke") and any(name in exchange.body for name in asked)


def status_of(exchange: Exchange) -> int:
    """What one of the texts asks for."""
    found = _STATUS.search(exchange.body.decode())
    return int(found[1]) if found else 200


def answer(exchange: Exchange, form: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body, and headers that stand beside it."""
    body = exchange.json
    if "query" in body:
        return {
            "id": "r-1",
            "results": ranks(len(body["documents"]), body.get("top_n")),
        } | _UNITS, []
    if form == "vertex":
        return {"predictions": [_prediction(item["content"]) for item in body["instances"]]}, []
    if form == "ollama":
        texts = body["input"]
        vectors = [vector(text) for text in texts]
        return {
            "model": body["model"],
            "embeddings": vectors,
            "prompt_eval_count": _words(texts),
        }, []
    if form == "cohere":
        billed = {"input_tokens": _words(body["texts"]), "image_tokens": 0}
        by_kind = {
            kind: [vector(text) for text in body["texts"]] for kind in body["embedding_types"]
        }
        return {"id": "e-1", "embeddings": by_kind, "meta": {"billed_units": billed}}, []
    if "inputText" in body:
        text = body["inputText"]
        return {"embedding": vector(text), "inputTextTokenCount": _words([text])}, []
    vectors = [vector(text) for text in body["texts"]]
    told = [(BEDROCK_TOKENS, str(_words(body["texts"])))]
    return {"id": "e-1", "embeddings": vectors, "response_type": "embeddings_floats"}, told


def ranks(count: int, most: int | None = None) -> list[dict[str, Any]]:
    """So many documents, or the best of them."""
    best = range(count - 1, -1, -1)
    return [{"index": n, "relevance_score": 0.86303437 / (count - n)} for n in best][:most]


def _prediction(text: str) -> dict[str, Any]:
    statistics = {"token_count": _words([text]), "truncated": False}
    return {"embeddings": {"values": vector(text), "statistics": statistics}}


def _words(texts: list[str]) -> int:
    return prompt_words(texts)
