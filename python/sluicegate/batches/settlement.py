"""What a batch cost: a row of the ledger for each line that its provider answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sluicegate import _core
from sluicegate.accounting.ledger import JournalRow
from sluicegate.batches.forms.base import Json, Result
from sluicegate.batches.objects import now_ms
from sluicegate.routes import MODEL_ROUTES
from sluicegate.store.batches import HOLD_ATTEMPT, StoredBatch, StoredLine

KINDS: Final = ("succeeded", "errored", "canceled", "expired")
_PICO: Final = 10**12
_NOT_COUNTED: Final[Json] = {
    "basis": "none",
    "cost_usd": "0",
    "price_version": "",
    **dict.fromkeys(
        (
            "input_tokens",
            "cached_input_tokens",
            "cache_write_tokens",
            "cache_write_1h_tokens",
            "output_tokens",
            "reasoning_tokens",
            "audio_tokens",
            "image_tokens",
        ),
        0,
    ),
}


def usd(pico: int) -> str:
    """Pico-dollars as the ledger writes money."""
    whole, rest = divmod(pico, _PICO)
    return f"{whole}.{rest:012d}".rstrip("0").rstrip(".")


def pico_of(text: str) -> int:
    """The same back."""
    whole, _, rest = text.partition(".")
    return int(whole) * _PICO + int(rest.ljust(12, "0") or 0)


def hold_row(batch: StoredBatch, *, is_priced: bool) -> JournalRow:
    """What is held for a batch, as it counts until its lines have their rows."""
    input_tokens, output_tokens, pico = batch.held
    row = batch.open_row | {
        "attempt": HOLD_ATTEMPT,
        "basis": "estimated",
        "outcome": "unknown",
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "price_version": "batch" if is_priced else "unpriced",
    }
    row.pop("cost_usd", None)
    if is_priced:
        row["cost_usd"] = usd(pico)
    return batch.request_id, HOLD_ATTEMPT, "settled", msgspec.json.encode(row)


@dataclass(slots=True)
class Settlement:
    """The rows of one batch, as its results come in.

    Args:
        upstream_dialect: of its answers.
        name_of: a line's name at the provider by its number, where it is not the client's own.
    """

    engine: "_core.Engine"
    batch: StoredBatch
    upstream_dialect: str
    name_of: Callable[[int], str] | None = None
    rows: list[JournalRow] = field(default_factory=list)
    used: list[int] = field(default_factory=lambda: [0, 0, 0])
    failed: int = 0
    completed: int = 0
    kinds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    """Lines by what became of them, in Anthropic's words."""
    _places: dict[str, int] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Lines by the names that their provider has for them."""
        for number, line in enumerate(self.batch.lines):
            name = self.name_of(number) if self.name_of else line.custom_id
            self._places[name] = number

    def number_of(self, result: Result) -> int | None:
        """The line that a result is about, from 0; None where there is none, or it has had one."""
        number = self._places.get(result.custom_id)
        if number is None or number in self._seen:
            return None
        self._seen.add(number)
        return number

    def rest(self) -> list[int]:
        """Lines that had no result; they are taken to have had one now."""
        left = [n for n in range(len(self.batch.lines)) if n not in self._seen]
        self._seen.update(left)
        return left

    def add(self, number: int, result: Result) -> None:
        """Takes in what became of a line."""
        line = self.batch.lines[number]
        self.kinds[kind_of(result)] += 1
        if result.answer is None:
            self.failed += 1
        else:
            self.completed += 1
        if result.status is None:
            return  # nobody began with it
        told = _NOT_COUNTED if result.answer is None else self._told(line, result.answer)
        error = result.error if result.answer is None else None
        attempt = number + HOLD_ATTEMPT + 1
        row = (
            self.batch.open_row
            | self._base(line)
            | {
                "attempt": attempt,
                "status": result.status,
                "client_status": result.status,
                "outcome": "ok" if result.answer is not None else "error",
                **({"error_code": "upstream_status"} if error is not None else {}),
                **told,
            }
        )
        encoded = msgspec.json.encode({k: v for k, v in row.items() if v is not None})
        self.rows.append((self.batch.request_id, attempt, "settled", encoded))
        self.used[0] += row["input_tokens"]
        self.used[1] += row["output_tokens"]
        self.used[2] += pico_of(row.get("cost_usd") or "0")

    def _base(self, line: StoredLine) -> Json:
        route = MODEL_ROUTES[self.batch.shown["endpoint"]]
        return {
            "operation": route.operation,
            "dialect": route.dialect,
            "upstream_dialect": self.upstream_dialect,
            "requested_model": line.asked,
            "routed_model": line.model,
            "latency_ms": max(0, now_ms() - self.batch.created_at_ms),
            "cost_usd": None,
        }

    def _told(self, line: StoredLine, answer: bytes) -> Json:
        """What an answer says it used; what was held for it, where nobody can read that."""
        batch = self.batch
        held = (line.input_tokens, line.output_tokens)
        try:
            told = _core.batch_told(
                self.engine,
                self.upstream_dialect,
                batch.provider,
                line.model,
                batch.created_at_ms // 1000,
                held,
                answer,
            )
        except ValueError:
            return _NOT_COUNTED | {
                "basis": "estimated",
                "input_tokens": line.input_tokens,
                "output_tokens": line.output_tokens,
                "cost_usd": None if line.pico_usd is None else usd(line.pico_usd),
                "price_version": "unpriced" if line.pico_usd is None else "batch",
            }
        found: dict[str, Any] = msgspec.json.decode(told)
        return found


def kind_of(result: Result) -> str:
    """What became of a line, in Anthropic's words."""
    if result.answer is not None:
        return "succeeded"
    if result.status is not None:
        return "errored"
    is_late = (result.error or {}).get("code") == "batch_expired"
    return "expired" if is_late else "canceled"


def message_line(line: StoredLine, result: Result, body: bytes | None) -> bytes:
    """How a client of Anthropic's reads what became of a line.

    Args: body: the answer in the client's dialect.
    """
    told: Json = {"type": kind_of(result)}
    if body is not None:
        told["message"] = msgspec.Raw(body)
    elif result.status is not None:
        said = result.error or {}
        error = {"type": said.get("code") or "api_error", "message": said.get("message", "")}
        told["error"] = {"type": "error", "error": error, "request_id": None}
    return msgspec.json.encode({"custom_id": line.custom_id, "result": told}) + b"\n"


def output_line(
    batch: StoredBatch, number: int, line: StoredLine, result: Result, body: bytes | None
) -> bytes:
    """How a client of OpenAI's reads what became of a line.

    Args:
        number: of the line, from 0.
        body: the answer in the client's dialect.
    """
    name = f"{batch.id.removeprefix('batch_')}_{number}"
    response = None
    if body is not None:
        response = {"status_code": 200, "request_id": f"req_{name}", "body": msgspec.Raw(body)}
    shown: Json = {
        "id": f"batch_req_{name}",
        "custom_id": line.custom_id,
        "response": response,
        "error": None if body is not None else result.error,
    }
    return msgspec.json.encode(shown) + b"\n"
