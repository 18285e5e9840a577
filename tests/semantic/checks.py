"""What tests of the semantic cache ask of a gateway, and see."""

from __future__ import annotations

import itertools
from typing import Any

from ..client import Got
from ..faults.checks import ask, ref
from ..gateway import Gateway

QUESTION = "How do I reset my password?"
SAME = "How can I reset my password?"


def cache(**semantic: Any) -> dict[str, Any]:
    """Settings whose cache is on."""
    fields = {"enabled": True, "threshold": 0.6, **semantic}
    return {"cache": {"exact": {"enabled": True}, "semantic": fields}}


def told(got: Got) -> str:
    """What became of the cache's part."""
    assert got.status == 200, got.raw
    return str(got.headers["x-sluicegate-cache"])


def model(case: str, behaviour: str = "ok-5") -> str:
    """A model that no other request asks for."""
    return f"u/{behaviour}@{ref(case)}"


_spaces = itertools.count()


def fresh(text: str = SAME) -> str:
    """The same question in letters that were never asked: too early a look is kept, and would be an
    exact hit the next time.
    """
    return text + " " * next(_spaces)


def answers(gateway: Gateway, name: str, **fields: Any) -> bool:
    """Whether a question is answered by the answer to one that means the same."""
    return told(ask(gateway, name, text=fresh(), **fields)) == "semantic"


def knows(gateway: Gateway, name: str, text: str = SAME) -> bool:
    """Whether it is, where nobody else may be asked, so that a look leaves nothing behind."""
    headers = {"x-sluicegate-cache": "only-if-cached"}
    got = ask(gateway, name, text=fresh(text), headers=headers)
    return got.status != 504 and told(got) == "semantic"


def kept(gateway: Gateway, name: str, text: str = QUESTION, **fields: Any) -> None:
    """Has a question asked and its answer kept, and found by another."""
    assert told(ask(gateway, name, text=text, **fields)) == "miss"


def questions(gateway: Gateway) -> int:
    """How many its index has."""
    told = gateway.admin("GET", "/admin/v1/cache").json()
    return int(told["worker"]["semantic"]["questions"])
