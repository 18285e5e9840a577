"""What the gateway asks of every provider's form of batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from sluicegate.config.settings import Upstream

Json = dict[str, Any]

TIMES: Final = (
    "in_progress_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
    "expires_at",
)
"""Of a batch, as OpenAI names them."""


class Asked(NamedTuple):
    """What its client says of a batch."""

    batch_id: str
    endpoint: str
    metadata: dict[str, str] | None


class Sent(NamedTuple):
    """One line as it goes to its provider.

    Args:
        body: in the provider's dialect, for the provider's name of the model.
    """

    custom_id: str
    model: str
    body: bytes


class Call(NamedTuple):
    """A request to a provider. `path` stands behind its base URL's version."""

    method: str
    path: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a batch stands at its provider.

    Args:
        shown: what its client's object has beside what it had.
        results: where its results are, in the form's own words; none until it has ended.
        files: of the provider's own, by the field of the object that names them.
    """

    shown: Json
    results: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)


class Result(NamedTuple):
    """What became of one line.

    Args:
        answer: the provider's, in its dialect; None where it failed.
        error: what the client is told then.
        status: HTTP's; None where the provider never began with it.
    """

    custom_id: str
    status: int | None
    answer: bytes | None
    error: Json | None = None


class Form(Protocol):
    """A provider's form of batches."""

    keeps_files: bool
    """Its requests go there as a file, and its results come back as files."""

    def endpoints(self, upstream: Upstream) -> Sequence[str]:
        """What its lines may ask."""

    def begin(self, asked: Asked, source: str | Sequence[Sent]) -> Call:
        """Begins a batch: of a file of the provider's, or of these lines.

        Raises:
            InvalidRequestError: they cannot be one batch there.
        """

    def begun(self, answer: Json) -> str:
        """The provider's id of a batch that it took."""

    def look(self, upstream_id: str) -> Call:
        """Asks how a batch stands."""

    def cancel(self, upstream_id: str) -> Call:
        """Ends a batch."""

    def seen(self, answer: Json) -> Seen:
        """How it stands."""

    def results(self, name: str) -> Call | None:
        """Asks for results; None where `seen` had them."""

    def result(self, line: Json) -> Result:
        """One of the results."""

    def within(self, answer: Json) -> Iterator[Json]:
        """The results in an answer that has them."""


def status_of(counts: Iterable[int]) -> Json:
    """The counts of a batch: of all, of those that were answered, and of those that failed."""
    total, completed, failed = counts
    return {"total": total, "completed": completed, "failed": failed}
