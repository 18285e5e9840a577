"""Which call a tool's result belongs to, where ids are left out."""


class Calls:
    """The calls of a conversation: results without an id belong to the first call of their name
    that has none yet.
    """

    def __init__(self) -> None:
        """None yet."""
        self._count = 0
        self._waiting: list[tuple[str, str]] = []

    def made(self, name: str, given: str | None) -> str:
        """The id of a call."""
        self._count += 1
        identity = given or f"call_{self._count}"
        self._waiting.append((name, identity))
        return identity

    def answered(self, name: str, given: str | None) -> str:
        """The id of the call that a result belongs to.

        Args:
            name: of the tool; empty where the client does not say.
        """
        for place, (waiting, identity) in enumerate(self._waiting):
            if given == identity or (not given and name in {waiting, ""}):
                del self._waiting[place]
                return identity
        return given or f"call_{name}"
