"""Recorded vectors: the exchanges, a reading of their own, and the host that answers with them."""

from __future__ import annotations

import base64
import gzip
import json
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..upstream.connection import Connection
from ..upstream.exchange import Exchange
from ..upstream.framing import head
from ..upstream.loopback import LoopbackServer

#: by the corpus's name for a provider, the form of its host; OpenAI's where it is not here
FORMS = {
    "bedrock": "bedrock",
    "cohere": "cohere",
    "gemini": "gemini",
    "mistral": "mistral",
    "ollama": "ollama",
    "vertex": "vertex",
    "voyage": "voyage",
}
_MODEL_IN_PATH = re.compile(r"/models?/([^/:]+)")
_KINDS = ("float", "int8", "uint8", "binary", "ubinary", "base64")


@dataclass(slots=True)
class VectorRecord:
    """One exchange as it was on the wire."""

    id: str
    provider: str
    form: str
    status: int
    body: bytes
    request: str
    headers: list[tuple[str, str]]
    model: str

    @property
    def named(self) -> str:
        """The name under which the host finds it again, and by which Bedrock's models are told."""
        kind = "cohere.embed-v4" if "cohere" in self.model else "titan-embed-text-v2"
        return f"{self.id}-{kind}" if self.form == "bedrock" else self.id

    @property
    def said(self) -> Any:
        """The answer."""
        return json.loads(self.body)


def load(corpora: Path | None, endpoint: str = "embeddings") -> list[VectorRecord]:
    """All recorded answers with vectors in them, and refusals to make some; or rankings."""
    if corpora is None:
        return []
    paths = sorted((corpora / "provider_traffic").glob("*.jsonl.gz"))
    return [record for path in paths for record in _read(path, endpoint)]


def _read(path: Path, endpoint: str) -> Iterator[VectorRecord]:
    for line in gzip.decompress(path.read_bytes()).splitlines():
        raw = json.loads(line)
        is_predicted = raw["provider"] == "vertex" and raw["endpoint"] == "predict"
        if raw["endpoint"] == endpoint or (is_predicted and endpoint == "embeddings"):
            kept = ("content-type", "x-amzn-bedrock-input-token-count")
            headers = [(k, v) for k, v in raw["response_headers"].items() if k in kept]
            yield VectorRecord(
                id=raw["id"],
                provider=raw["provider"],
                form=FORMS.get(raw["provider"], "openai"),
                status=raw["status"],
                body=raw["response_body"].encode(),
                request=raw.get("request_body") or "",
                headers=headers or [("content-type", "application/json")],
                model=str(raw.get("path") or ""),
            )


def vectors_of(record: VectorRecord) -> list[list[float]]:
    """The numbers, whatever the form; those in base64 as 32-bit floats."""
    said = record.said
    if "data" in said:
        items = sorted(said["data"], key=lambda item: item.get("index", 0))
        return [_numbers(item["embedding"]) for item in items]
    if "predictions" in said:
        return [_numbers(each["embeddings"]["values"]) for each in said["predictions"]]
    if "embedding" in said:
        return [_numbers(said["embedding"])]
    given = said["embeddings"]
    if isinstance(given, dict):
        given = next(given[kind] for kind in _KINDS if given.get(kind))
    return [_numbers(each) for each in given]


def _numbers(given: Any) -> list[float]:
    if isinstance(given, dict):
        given = given["values"]
    if isinstance(given, str):
        raw = base64.b64decode(given)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    return [float(number) for number in given]


def is_coded(record: VectorRecord) -> bool:
    """Whether its vectors are base64, so that they are 32-bit floats."""
    return '"embedding":"' in record.body.decode().replace(" ", "").replace("\n", "")


def packed(vectors: list[list[float]]) -> list[bytes]:
    """Vectors as 32-bit floats, which can be compared whatever numbers they are."""
    return [struct.pack(f"<{len(numbers)}f", *numbers) for numbers in vectors]


def input_tokens_of(record: VectorRecord) -> int | None:
    """What the host says that it read; None where it says nothing."""
    said = record.said
    usage = said.get("usage") or said.get("usageMetadata") or {}
    for name in ("prompt_tokens", "total_tokens", "promptTokenCount"):
        if name in usage:
            return int(usage[name])
    if "predictions" in said:
        statistics = [each["embeddings"]["statistics"] for each in said["predictions"]]
        return sum(int(each["token_count"]) for each in statistics)
    billed = (said.get("meta") or {}).get("billed_units") or {}
    beside = dict(record.headers).get("x-amzn-bedrock-input-token-count")
    for count in (
        billed.get("input_tokens"),
        said.get("inputTextTokenCount"),
        said.get("prompt_eval_count"),
        beside,
    ):
        if count is not None:
            return int(count)
    return None


class VectorServer(LoopbackServer):
    """Answers with the record that the model is named after; bodies are in `asked`."""

    def __init__(self, records: Iterable[VectorRecord]) -> None:
        super().__init__()
        self.records = {record.id: record for record in records}
        self.asked: dict[str, list[bytes]] = {}

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """The recorded status and body, byte for byte."""
        named = _MODEL_IN_PATH.search(exchange.path)
        model = unquote(named[1]) if named else str(json.loads(exchange.body)["model"])
        record = self.records[model.partition("-")[0]]
        self.asked.setdefault(record.id, []).append(exchange.body)
        length = ("Content-Length", str(len(record.body)))
        await connection.send(head(record.status, "Recorded", [*record.headers, length]))
        await connection.send(record.body)
