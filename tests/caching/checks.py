"""What every test of the cache says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..client import Ask, Got
from ..faults.checks import ask, ref
from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream

#: Memory alone: what a test asks is then no matter of what other tests keep in stores.
ON: dict[str, Any] = {"cache": {"exact": {"enabled": True, "tier": "memory"}}}
#: Two keys of one team, one of the organisation's other team, a team of that name elsewhere, and
#: two without a team, one of which has a team's name.
KEYS = {
    "core-1": ("acme", "core"),
    "core-2": ("acme", "core"),
    "other": ("acme", "other"),
    "zeta": ("zeta", "core"),
    "bare": ("acme", ""),
    "core": ("", ""),
}
TENANTS: dict[str, Any] = {
    "keys": [
        {"name": "one", "key": KEY},
        {"name": "two", "key": OTHER_KEY},
        *(
            {"name": name, "key": f"sluicegate-key-{name}", "organisation": o, "team": t}
            for name, (o, t) in KEYS.items()
        ),
    ]
}


def key_of(name: str) -> str:
    """The text of one of `KEYS`."""
    return f"sluicegate-key-{name}"


def told(got: Got) -> str:
    """What an answer says of the cache."""
    return str(got.headers.get("x-sluicegate-cache", ""))


def say(*directives: str) -> dict[str, str]:
    """The header with these directives."""
    return {"x-sluicegate-cache": ", ".join(directives)}


@dataclass(slots=True)
class RawAsk(Ask):
    """A request whose body is sent as it stands here."""

    raw: bytes = b""

    def content(self) -> bytes:
        """Not what `body` would be."""
        return self.raw


def is_kept(gateway: Gateway, model: str, **fields: Any) -> bool:
    """Whether a request has its answer in the cache; nobody else is asked."""
    fields["headers"] = {**fields.get("headers", {}), **say("only-if-cached")}
    got = ask(gateway, model, **fields)
    if got.status == 504:
        assert got.code == "not_cached", got.raw
        return False
    assert got.status == 200, got.raw
    assert told(got) == "hit"
    return True


def calls(upstream: ScriptedUpstream, model: str) -> int:
    """How often a model was asked, by its name behind the provider's."""
    return len(upstream.of(model.partition("/")[2]))


def named(case: str, behaviour: str = "ok-5", provider: str = "u") -> str:
    """A model that no other request asks for."""
    return f"{provider}/{behaviour}@{ref(case)}"
