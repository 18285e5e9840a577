"""What is sent for a while."""

from dataclasses import dataclass, field


class CredentialError(Exception):
    """None could be had; the text says what was tried, and no secret."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A credential and how long it holds.

    Args:
        headers: sent with every request.
        signer: whose signature requests have, as the core wants it, but for region and service.
        lives_s: from now; None is for ever.
    """

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    signer: dict[str, str] | None = field(default=None, repr=False)
    lives_s: float | None = None
