"""What an embedder is."""

from concurrent.futures import Future
from typing import Protocol


class Embedder(Protocol):
    """Makes a vector of a text, away from the event loop."""

    @property
    def model_id(self) -> str:
        """What made a vector, with its version: vectors of two are never compared."""

    def embed(self, text: str) -> Future[bytes | None]:
        """The vector, as little-endian 32-bit floats; None of what has none, and where too much
        waits already: the question is a miss then. Never blocks.
        """

    def close(self) -> None:
        """Ends it; what waits gets None."""
