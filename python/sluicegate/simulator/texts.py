"""The simulator's operations on texts: vectors, rankings, verdicts.

Sources: platform.openai.com/docs/api-reference/embeddings and moderations,
ai.google.dev/api/embeddings, docs.cohere.com/reference/embed and rerank, jina.ai/reranker,
docs.ollama.com/api/embed,
docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
"""

from __future__ import annotations

import base64
import struct
from typing import Any

from .made import Made, told
from .prompt import Json, RefusedError, words
from .reply import embedding

_DIMENSIONS = 256
_MOST_DIMENSIONS = 4096
_FLAGGED = "flag me"
_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def openai_embeddings(body: Json) -> Made:
    """OpenAI's, as floats or in base64."""
    given = body.get("input", "")
    texts = [str(text) for text in given] if isinstance(given, list) else [str(given)]
    packed = body.get("encoding_format") == "base64"
    data: list[Json] = []
    for index, vector in enumerate(_vectors(texts, body.get("dimensions"))):
        shown = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        value = shown if packed else vector
        data.append({"object": "embedding", "index": index, "embedding": value})
    usage = {"prompt_tokens": _count(texts), "total_tokens": _count(texts)}
    return told({"object": "list", "data": data, "model": body.get("model"), "usage": usage})


def gemini_embedding(body: Json) -> Made:
    """Gemini's `embedContent`."""
    return told({"embedding": {"values": _of_gemini(body)}})


def gemini_embeddings(body: Json) -> Made:
    """Gemini's `batchEmbedContents`."""
    return told({"embeddings": [{"values": _of_gemini(each)} for each in body["requests"]]})


def _of_gemini(body: Json) -> list[float]:
    parts = (body.get("content") or {}).get("parts") or []
    text = " ".join(str(part.get("text", "")) for part in parts)
    [vector] = _vectors([text], body.get("outputDimensionality"))
    return vector


def cohere_embeddings(body: Json) -> Made:
    """Cohere's, as floats."""
    texts = body["texts"]
    kinds = body.get("embedding_types") or ["float"]
    if kinds != ["float"]:
        raise RefusedError("embedding_types: only float is simulated")
    vectors = _vectors(texts, body.get("output_dimension"))
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": _count(texts)}}
    return told({"id": "sim", "embeddings": {"float": vectors}, "texts": texts, "meta": meta})


def ollama_embeddings(body: Json) -> Made:
    """Ollama's."""
    given = body.get("input", "")
    texts = [given] if isinstance(given, str) else list(given)
    vectors = _vectors(texts, body.get("dimensions"))
    count = {"prompt_eval_count": _count(texts)}
    return told({"model": body.get("model"), "embeddings": vectors, **count})


def invoked(body: Json) -> Made:
    """What Titan's and Cohere's models on Bedrock are asked for."""
    if "inputText" in body:
        [vector] = _vectors([body["inputText"]], body.get("dimensions"))
        return told({"embedding": vector, "inputTextTokenCount": _count([body["inputText"]])})
    if "texts" in body:
        vectors = _vectors(body["texts"], body.get("output_dimension"))
        body_ = {"id": "sim", "embeddings": vectors, "response_type": "embeddings_floats"}
        return told(body_, x_amzn_bedrock_input_token_count=str(_count(body["texts"])))
    if "query" in body:
        return told({"results": _ranked(body)})
    raise RefusedError("this model is not simulated")


def jina_ranking(body: Json) -> Made:
    """Jina's, with the documents where they are asked for."""
    documents = body["documents"]
    results = _ranked(body)
    if body.get("return_documents"):
        for result in results:
            result["document"] = {"text": _text_of(documents[result["index"]])}
    count = _count([body["query"], *map(_text_of, documents)])
    return told({"model": body.get("model"), "results": results, "usage": {"total_tokens": count}})


def cohere_ranking(body: Json) -> Made:
    """Cohere's."""
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return told({"id": "sim", "results": _ranked(body), "meta": meta})


def moderation(body: Json) -> Made:
    """A verdict a text: what says "flag me" is flagged as violence."""
    given = body.get("input", "")
    items = given if isinstance(given, list) else [given]
    if any(isinstance(item, dict) for item in items):  # one text with pictures
        items = [" ".join(str(item.get("text", "")) for item in items)]
    results = [_verdict(str(item)) for item in items]
    return told({"id": "modr-sim", "model": body.get("model"), "results": results})


def _verdict(text: str) -> Json:
    flagged = _FLAGGED in text.lower()
    found = {name: flagged and name == "violence" for name in _CATEGORIES}
    scores = {name: 0.99 if is_so else 0.01 for name, is_so in found.items()}
    seen = {name: ["text"] if is_so else [] for name, is_so in found.items()}
    fields: Json = {"flagged": flagged, "categories": found, "category_scores": scores}
    return fields | {"category_applied_input_types": seen}


def _ranked(body: Json) -> list[Json]:
    """Documents that share words with the query come first."""
    query, *documents = _vectors([body["query"], *map(_text_of, body["documents"])], None)
    scores = [max(0.0, sum(a * b for a, b in zip(query, each, strict=True))) for each in documents]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    best = order[: body.get("top_n")]
    return [{"index": index, "relevance_score": round(scores[index], 6)} for index in best]


def _text_of(document: Any) -> str:
    return str(document.get("text", "")) if isinstance(document, dict) else str(document)


def _vectors(texts: list[str], asked: object) -> list[list[float]]:
    dimensions = asked if isinstance(asked, int) and asked > 0 else _DIMENSIONS
    return [embedding(str(text), min(dimensions, _MOST_DIMENSIONS)) for text in texts]


def _count(texts: list[str]) -> int:
    return sum(len(words(str(text))) for text in texts)
