"""Questions that mean the same, through the real command: what is answered from the cache, what is
not, and what of it other workers and lives know.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from sluicegate.semantic.extra import missing
from sluicegate.store import sqlite_store
from sluicegate.store.judged import Count, Pair

from ..client import Got
from ..faults.checks import ask, eventually, forms, only_row, ref
from ..faults.conftest import Start
from ..gateway import KEY, OTHER_KEY
from ..upstream import ScriptedUpstream
from .checks import QUESTION, SAME, answers, cache, fresh, kept, knows, model, questions, told

ABSENT = missing("minilm")
#: A second, by contract.
PURGED_WITHIN_S = 1.2
TENANTS: dict[str, Any] = {"keys": [{"name": "one", "key": KEY}, {"name": "two", "key": OTHER_KEY}]}


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "openai_responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_question_that_means_the_same_is_answered(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, stream: bool
) -> None:
    gateway, name = gateways(**cache()), model("same")
    first = ask(gateway, name, text=QUESTION, dialect=dialect)
    assert told(first) == "miss"
    asked: list[Got] = []

    def again() -> bool:
        name_of_it = ref("hit")
        asked.append(
            ask(gateway, name, ref=name_of_it, text=fresh(), dialect=dialect, stream=stream)
        )
        return told(asked[-1]) == "semantic"

    assert eventually(again)
    assert asked[-1].text == first.text
    assert len(upstream.of(name.partition("/")[2])) == len(asked)
    row = only_row(gateway, asked[-1].ref)
    assert (row["cache"], row["outcome"], row["attempt"]) == ("semantic", "cached", 0)


SYSTEM = {"role": "system", "content": "You are brief."}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def turns(text: str, *before: dict[str, Any]) -> dict[str, Any]:
    """Messages that end with a question."""
    return {"fields": {"messages": [*before, {"role": "user", "content": text}]}}


OTHERS: dict[str, dict[str, Any]] = {
    "another number": {"text": "How do I reset my password in 3 steps?"},
    "the opposite": {"text": "How do I not reset my password?"},
    "something else": {"text": "What is the capital of France?"},
    "another system prompt": turns(SAME, SYSTEM),
    "tools": {"text": SAME, "fields": {"tools": [TOOL]}},
    "another temperature": {"text": SAME, "fields": {"temperature": 0.5}},
    "turns before it": turns(
        SAME, {"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}
    ),
    "an excluded tag": {"text": SAME, "headers": {"x-sluicegate-cache": "tag=exact-only"}},
    "another tenant": {"text": SAME, "key": OTHER_KEY},
}


@pytest.mark.parametrize("request_fields", OTHERS.values(), ids=OTHERS)
def test_a_question_that_differs_is_not(gateways: Start, request_fields: dict[str, Any]) -> None:
    gateway = gateways(**cache(excluded_tags=["exact-only"]), **TENANTS)
    name = model("other")
    kept(gateway, name)
    assert eventually(lambda: answers(gateway, name))
    assert told(ask(gateway, name, **request_fields)) == "miss"


def test_the_result_of_a_tool_is_no_question(gateways: Start) -> None:
    gateway, name = gateways(**cache()), model("tool")
    called = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

    def request(question: str) -> dict[str, Any]:
        messages = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
        ]
        return {"fields": {"messages": messages, "tools": [TOOL]}}

    assert told(ask(gateway, name, **request(QUESTION))) == "miss"
    assert told(ask(gateway, name, **request(QUESTION))) == "hit"
    assert told(ask(gateway, name, **request(SAME))) == "miss"


def test_a_shadow_answers_nothing_and_counts(own_gateway: Start) -> None:
    gateway = own_gateway(**cache(shadow=True))
    name = model("shadow")
    kept(gateway, name)
    store = gateway.folder / "data" / "sluicegate.sqlite"

    def judged() -> list[tuple[Any, ...]]:
        assert told(ask(gateway, name, text=fresh())) == "miss"
        with closing(sqlite3.connect(store)) as database:
            columns = "model, tenant, embedder, SUM(judged) > 0, SUM(wrong)"
            sql = f"SELECT {columns} FROM cache_judged GROUP BY model, tenant, embedder"
            return database.execute(sql).fetchall()

    assert eventually(judged, 15.0)
    assert judged() == [(name, "key one", "ngram", 1, 0)]


def test_a_second_opinion_decides(gateways: Start, upstream: ScriptedUpstream) -> None:
    for word, expected in (("yes", "semantic"), ("no", "miss"), ("perhaps", "miss")):
        judge = f"u/says-{word}@{ref('verify')}"
        gateway, name = gateways(**cache(verify=judge)), model("verified")
        kept(gateway, name)
        asked: list[str] = []
        assert eventually(
            lambda: (
                asked.append(told(ask(gateway, name, text=fresh())))  # noqa: B023
                or upstream.of(judge.partition("/")[2])  # noqa: B023
            )
        )
        assert asked[-1] == expected, word
        [row] = [each for each in gateway.ledger() if each["requested_model"] == judge]
        assert (row["key_name"], row["outcome"]) == ("one", "ok")
        [sent] = upstream.of(judge.partition("/")[2])
        body = json.loads(sent.body)
        assert body["temperature"] == 0
        assert SAME in body["messages"][1]["content"]


def test_a_judge_that_takes_no_temperature_is_asked_without(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    judge = f"u/fault-400-then-ok-1+says-yes@{ref('particular')}"
    gateway, name = gateways(**cache(verify=judge)), model("particular")
    kept(gateway, name)
    for _ in range(2):
        assert eventually(lambda: answers(gateway, name))
    first, *later = (json.loads(each.body) for each in upstream.of(judge.partition("/")[2]))
    assert "temperature" in first
    assert len(later) == 2
    assert not any("temperature" in each or "max_tokens" in each for each in later)


def test_a_judge_that_is_too_slow_says_no(gateways: Start, upstream: ScriptedUpstream) -> None:
    judge = f"u/ttft-20000+says-yes@{ref('slow')}"
    patient = {"timeouts": {"first_byte_s": 60, "idle_s": 60, "total_s": 60}}
    gateway, name = gateways(**cache(verify=judge), **patient), model("slow")
    kept(gateway, name)
    got: list[Got] = []

    def look() -> object:
        got.append(ask(gateway, name, text=fresh()))
        return upstream.of(judge.partition("/")[2])

    assert eventually(look)
    assert told(got[-1]) == "miss"
    assert got[-1].elapsed_s < 10
    assert eventually(lambda: [r for r in gateway.ledger() if r["requested_model"] == judge], 5.0)
    [row] = [row for row in gateway.ledger() if row["requested_model"] == judge]
    assert row["outcome"] == "error"


@forms
def test_a_slow_judge_outlasts_no_deadline(
    gateways: Start, upstream: ScriptedUpstream, stream: bool
) -> None:
    judge = f"u/ttft-4000+says-yes@{ref('slow')}"
    patient = {"timeouts": {"first_byte_s": 60, "idle_s": 60, "total_s": 60}}
    gateway, name = gateways(**cache(verify=judge), **patient), model("slow")
    kept(gateway, name)
    hasty = {"x-sluicegate-timeout-ms": "500"}
    got: list[Got] = []

    def look() -> object:
        got.append(ask(gateway, name, text=fresh(), stream=stream, headers=hasty))
        return upstream.of(judge.partition("/")[2])

    assert eventually(look)
    assert got[-1].code == "request_timeout", got[-1].raw
    assert got[-1].elapsed_s < 2
    [row] = gateway.rows(got[-1].ref)
    assert (row["attempt"], row["client_status"]) == (0, 504), "the model was not asked"


def test_a_providers_vectors_are_paid_for_by_who_asks(gateways: Start) -> None:
    embedder = f"u/ok-1@{ref('vectors')}"
    gateway, name = gateways(**cache(embedder=embedder)), model("embedded")
    kept(gateway, name)
    assert eventually(lambda: answers(gateway, name))
    rows = [row for row in gateway.ledger() if row["requested_model"] == embedder]
    assert rows
    for row in rows:
        assert (row["operation"], row["key_name"], row["outcome"]) == ("embeddings", "one", "ok")
        assert row["input_tokens"]
        assert row["cache"] == "bypass"


def test_the_next_life_knows_what_was_asked(own_gateway: Start) -> None:
    gateway, name = own_gateway(**cache()), model("again")
    kept(gateway, name)
    assert eventually(lambda: answers(gateway, name))
    gateway.stop()
    gateway.start()
    assert eventually(lambda: knows(gateway, name), 5.0)


def test_a_purge_ends_it(gateways: Start) -> None:
    gateway, name = gateways(**cache()), model("purged")
    kept(gateway, name)
    assert eventually(lambda: answers(gateway, name))
    assert gateway.admin("POST", "/admin/v1/cache/purge", {"model": name}).status_code == 200
    time.sleep(PURGED_WITHIN_S)
    assert not knows(gateway, name)
    assert told(ask(gateway, name, text=fresh())) == "miss"


@pytest.mark.parametrize("end", ["over", "purged", "lost"])
def test_an_answer_that_is_no_more_lets_the_next_nearest_answer(
    own_gateway: Start, upstream: ScriptedUpstream, end: str
) -> None:
    """In another life's memory there are questions alone."""
    gateway, name = own_gateway(**cache()), model("shadowed")
    kept(gateway, name)
    nearest = {"over": "no-cache, ttl=1", "purged": "no-cache, tag=t", "lost": "no-cache"}[end]
    headers = {"x-sluicegate-cache": nearest}
    key = ask(gateway, name, text=fresh(), headers=headers).headers["x-sluicegate-cache-key"]
    assert eventually(lambda: questions(gateway) == 2)
    if end == "over":
        time.sleep(1.1)
    else:
        gateway.stop()
    if end == "lost":
        with closing(sqlite3.connect(gateway.folder / "data" / "sluicegate.sqlite")) as database:
            database.execute("DELETE FROM cache_entries WHERE key = ?", (bytes.fromhex(key),))
            database.commit()
    if end != "over":
        gateway.start()
        assert eventually(lambda: questions(gateway) == 2, 5.0)
    if end == "purged":
        purged = gateway.admin("POST", "/admin/v1/cache/purge", {"tag": "t"})
        assert purged.status_code == 200
        assert eventually(lambda: questions(gateway) == 1, PURGED_WITHIN_S)
    assert knows(gateway, name)
    assert eventually(lambda: knows(gateway, name) and questions(gateway) == 1, 10.0)
    assert len(upstream.of(name.partition("/")[2])) == 2


def test_what_is_kept_without_a_look_is_found_by_others(gateways: Start) -> None:
    gateway, name = gateways(**cache()), model("unread")
    ask(gateway, name, text=QUESTION, headers={"x-sluicegate-cache": "no-cache"})
    assert eventually(lambda: knows(gateway, name))


def test_another_worker_knows_it_too(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    one = own_gateway(**cache())
    name = model("shared")
    data = {"data_dir": str(one.folder / "data")}
    other = own_gateway(**cache(), **data)
    kept(one, name)
    assert eventually(lambda: knows(other, name), 5.0)
    assert not upstream.of(name.partition("/")[2])[1:]


@pytest.mark.skipif(ABSENT is not None, reason=ABSENT or "")
def test_minilm_answers_once_it_is_loaded(own_gateway: Start) -> None:
    gateway, name = own_gateway(**cache(embedder="minilm", threshold="auto")), model("minilm")
    assert eventually(lambda: answers(gateway, name), 20.0)
    assert told(ask(gateway, name, text="What is the capital of France?")) == "miss"


def test_a_threshold_that_lets_too_much_pass_rises(own_gateway: Start) -> None:
    gateway = own_gateway(**cache(threshold="auto", target_false_hit_rate=0.01))
    name = model("moved")
    question = "How do I reset the password of my account at the shop on the web?"
    other = question.replace("do I", "can I")
    kept(gateway, name, text=question)
    assert eventually(lambda: knows(gateway, name, other))
    gateway.stop()
    with closing(sqlite_store(gateway.folder / "data" / "sluicegate.sqlite")) as store:
        found = {Pair(name, "key one", "ngram", at): Count(99, 90) for at in range(99)}
        store.judged.add(found | {Pair(name, "key one", "ngram", 99): Count(999, 0)})
    gateway.start()
    assert eventually(lambda: "the threshold of ngram is 0.99 now" in gateway.log(), 10.0)
    assert eventually(lambda: knows(gateway, name, question), 5.0)
    assert not knows(gateway, name, other)
