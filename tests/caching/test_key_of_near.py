"""The key that an answer by likeness comes with: the one that it can be purged by."""

from __future__ import annotations

from ..faults.checks import ask, eventually
from ..faults.conftest import Start
from .checks import ON, named, told

TEXT = "How do I reset the password of my mail account?"


def test_an_answer_by_likeness_is_purged_by_the_key_that_it_comes_with(gateways: Start) -> None:
    cache = ON["cache"] | {"semantic": {"enabled": True, "embedder": "ngram"}}
    gateway = gateways(cache=cache)
    model = named("near")
    kept = ask(gateway, model, text=TEXT)
    assert told(kept) == "miss"
    near = kept
    headers = {"x-sluicegate-cache": "only-if-cached"}

    def is_near() -> bool:
        nonlocal near
        near = ask(gateway, model, text=f"{TEXT} ", headers=headers)
        return told(near) == "semantic"

    assert eventually(is_near)
    assert near.headers["x-sluicegate-cache-key"] == kept.headers["x-sluicegate-cache-key"]
    purge = {"key": near.headers["x-sluicegate-cache-key"]}
    assert gateway.admin("POST", "/admin/v1/cache/purge", purge).status_code == 200
    assert eventually(lambda: not is_near())
