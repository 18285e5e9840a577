"""Files and batches: OpenAI's SDK in front of providers of every form of batches. Money is held when
one begins and settled to the last pico-dollar when it ends, once, whoever sees the end first, on
both databases and behind a crash.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import openai
import pytest

from sluicegate.store import sqlite_store

from ..gateway import KEY, OTHER_KEY, PRICE, Gateway
from ..postgres import Server
from ..upstream import ScriptedUpstream
from .checks import eventually, ref
from .conftest import Start

MATE = "sluicegate-test-key-of-a-team-mate"
NARROW = "sluicegate-test-key-for-one-model-only"
KEYS = [
    {"name": "one", "key": KEY, "team": "core"},
    {"name": "two", "key": OTHER_KEY},
    {"name": "mate", "key": MATE, "team": "core"},
    {"name": "narrow", "key": NARROW, "models": ["smart"]},
]
CHAT = "/v1/chat/completions"
#: Providers by their form of batches.
FORMS = {"u": "openai", "a": "anthropic", "g": "gemini"}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def house(gateways: Start) -> Gateway:
    """Two workers."""
    return gateways(keys=KEYS, server={"workers": 2})


def sdk(gateway: Gateway, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def lines(models: list[str], words: str = "say it", **more: Any) -> bytes:
    """A file with a request for each model."""
    requests = [
        {
            "custom_id": f"c-{number}",
            "method": "POST",
            "url": CHAT,
            "body": {
                "model": model,
                "messages": [{"role": "user", "content": words}],
                "max_tokens": 50,
                **more,
            },
        }
        for number, model in enumerate(models)
    ]
    return "".join(f"{json.dumps(each)}\n" for each in requests).encode()


def begin(client: openai.OpenAI, content: bytes, **more: Any) -> Any:
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=CHAT, completion_window="24h", **more
    )


def until(act: Callable[[], Any], good: Callable[[Any], bool], within_s: float = 15) -> Any:
    end = time.monotonic() + within_s
    while not good(found := act()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def ended(client: openai.OpenAI, batch_id: str) -> Any:
    return until(
        lambda: client.batches.retrieve(batch_id),
        lambda batch: batch.status in {"completed", "failed", "expired", "cancelled"},
    )


def output(client: openai.OpenAI, file_id: str | None) -> dict[str, Json]:
    assert file_id is not None
    text = client.files.content(file_id).text
    return {line["custom_id"]: line for line in map(json.loads, text.splitlines())}


def rows_of(gateway: Gateway, name: str) -> list[Json]:
    """The rows of a ref, in the order of lines."""
    found = [row for row in gateway.ledger() if name in (row["requested_model"] or "")]
    return sorted(found, key=lambda row: (row["request_id"], row["attempt"]))


def price(row: Json) -> Decimal:
    given, made = row["input_tokens"], row["output_tokens"]
    return (given * Decimal(str(PRICE["input"])) + made * Decimal(str(PRICE["output"]))) / 10**6


@pytest.mark.parametrize("provider", FORMS)
def test_a_batch_is_answered_line_by_line_whatever_its_provider_speaks(
    house: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    name = ref("batch")
    client = sdk(house)
    batch = begin(client, lines([f"{provider}/ok-7@{name}"] * 3), metadata={"job": "nightly"})
    assert (batch.status, batch.request_counts.total) == ("validating", 3)
    assert batch.metadata == {"job": "nightly"}
    done = ended(client, batch.id)
    assert (done.status, done.request_counts.completed, done.request_counts.failed) == (
        "completed",
        3,
        0,
    )
    told = output(client, done.output_file_id)
    assert set(told) == {"c-0", "c-1", "c-2"}
    for line in told.values():
        body = line["response"]["body"]
        assert body["object"] == "chat.completion"
        assert body["choices"][0]["message"]["content"] == upstream.text(f"ok-7@{name}")
        assert body["usage"]["completion_tokens"] == 7
    [job] = upstream.depot.jobs_of(name)
    assert job.form == FORMS[provider]
    assert {line.model for line in job.lines} == {f"ok-7@{name}"}


@pytest.mark.parametrize("provider", FORMS)
def test_each_line_has_a_row_with_what_it_used(house: Gateway, provider: str) -> None:
    name = ref("batch")
    client = sdk(house)
    batch = begin(client, lines([f"{provider}/ok-7@{name}", f"{provider}/ok-7@{name}"]))
    [hold] = [row for row in rows_of(house, name) if row["basis"] == "estimated"]
    assert hold["outcome"] == "unknown"
    assert hold["output_tokens"] == 100
    assert Decimal(hold["cost_usd"]) == price(hold)
    ended(client, batch.id)
    begun, *answered = rows_of(house, name)
    assert (begun["operation"], begun["basis"], Decimal(begun["cost_usd"])) == ("batch", "none", 0)
    assert [row["attempt"] for row in answered] == [3, 4]
    for row in answered:
        assert (row["operation"], row["basis"], row["outcome"]) == ("chat", "reported", "ok")
        assert (row["key_name"], row["team"], row["provider"]) == ("one", "core", provider)
        assert row["output_tokens"] == 7
        assert Decimal(row["cost_usd"]) == price(row)


def test_a_failed_line_costs_nothing_and_stands_in_the_file_of_errors(house: Gateway) -> None:
    name = ref("batch")
    client = sdk(house)
    batch = begin(client, lines([f"u/ok-3@{name}", f"u/fault-400@{name}"]))
    done = ended(client, batch.id)
    assert (done.request_counts.completed, done.request_counts.failed) == (1, 1)
    assert set(output(client, done.output_file_id)) == {"c-0"}
    assert output(client, done.error_file_id)["c-1"]["response"]["status_code"] == 400
    _, good, bad = rows_of(house, name)
    assert (good["outcome"], good["output_tokens"]) == ("ok", 3)
    assert (bad["outcome"], bad["status"], bad["basis"]) == ("error", 400, "none")


def budget_left(gateway: Gateway, key: str = KEY) -> Decimal:
    """What the next request is told of its key's budget."""
    got = httpx.post(
        f"{gateway.url}{CHAT}",
        headers={"authorization": f"Bearer {key}"},
        json={"model": "u/ok-0", "messages": [], "max_tokens": 1},
    )
    return Decimal(got.headers["x-sluicegate-budget-remaining-usd"])


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_a_budget_holds_all_of_a_batch_and_gets_back_what_it_did_not_use(
    own_gateway: Start, request: pytest.FixtureRequest, store: str
) -> None:
    name = ref("batch")
    settings: Json = {"keys": [{"name": "one", "key": KEY, "budget_usd": 1.0}]}
    if store == "postgres":
        settings["store"] = request.getfixturevalue("postgres").database()
    gateway = own_gateway(**settings)
    client = sdk(gateway)
    batch = begin(client, lines([f"u/ok-7@{name}"] * 2))
    [hold] = [row for row in rows_of(gateway, name) if row["basis"] == "estimated"]
    whole = Decimal(1)
    free = budget_left(gateway)
    assert abs(whole - free - Decimal(hold["cost_usd"])) < Decimal("0.0001")
    ended(client, batch.id)
    spent = sum(Decimal(row["cost_usd"]) for row in gateway.ledger() if row["cost_usd"])
    until(lambda: whole - budget_left(gateway), lambda used: used < Decimal("0.0001"))
    assert spent < Decimal("0.0001")


def test_br_09_a_batch_beyond_the_budget_is_refused_and_nothing_is_sent(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    name = ref("batch")
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": 0.0001}])
    client = sdk(gateway)
    with pytest.raises(openai.APIStatusError) as refused:
        begin(client, lines([f"u/ok-7@{name}"] * 3))
    assert refused.value.status_code == 402
    assert refused.value.code == "budget_exceeded"
    assert not upstream.depot.jobs_of(name)
    assert not client.batches.list().data
    begin(client, lines([f"u/ok-7@{name}"], words="x", max_tokens=1))


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_a_batch_is_settled_once_behind_a_crash_without_its_client(
    own_gateway: Start,
    upstream: ScriptedUpstream,
    request: pytest.FixtureRequest,
    store: str,
) -> None:
    name = ref("batch")
    upstream.depot.held.add(name)
    settings: Json = {"keys": [{"name": "one", "key": KEY, "budget_usd": 1.0}]}
    if store == "postgres":
        settings["store"] = request.getfixturevalue("postgres").database()
    gateway = own_gateway(**settings)
    begin(sdk(gateway), lines([f"u/ok-9@{name}"] * 2))
    gateway.kill()
    gateway.start()
    [hold] = [row for row in rows_of(gateway, name) if row["basis"] == "estimated"]
    used = Decimal(1) - budget_left(gateway)
    assert used >= Decimal(hold["cost_usd"]) > 0
    upstream.depot.held.discard(name)
    answered = until(
        lambda: [row for row in rows_of(gateway, name) if row["operation"] == "chat"],
        lambda rows: len(rows) == 2,
        20,
    )
    assert [row["output_tokens"] for row in answered] == [9, 9]
    assert not [row for row in rows_of(gateway, name) if row["basis"] == "estimated"]
    until(lambda: Decimal(1) - budget_left(gateway), lambda left: left < Decimal(hold["cost_usd"]))


def test_a_batch_that_a_dead_gateway_may_have_sent_costs_what_was_held(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    name = ref("batch")
    upstream.depot.held.add(name)
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": 1.0}])
    begun = begin(sdk(gateway), lines([f"u/ok-9@{name}"]))
    gateway.kill()
    store = sqlite_store(gateway.folder / "data" / "sluicegate.sqlite")
    known = store.batches.batch("key one", begun.id)
    assert known is not None
    late = 2**50
    store.batches.replace(
        msgspec.structs.replace(known, state="beginning", upstream_id="", leased_until_ms=late)
    )
    store.close()
    gateway.start()
    done = ended(sdk(gateway), begun.id)
    assert done.status == "failed"
    assert done.errors.data[0].code == "batch_lost"
    [hold] = [row for row in rows_of(gateway, name) if row["basis"] == "estimated"]
    assert Decimal(1) - budget_left(gateway) >= Decimal(hold["cost_usd"]) > 0


def test_many_who_look_at_once_settle_it_once(house: Gateway, upstream: ScriptedUpstream) -> None:
    name = ref("batch")
    client = sdk(house)
    upstream.depot.held.add(name)
    batch = begin(client, lines([f"u/ok-5@{name}"] * 4))
    upstream.depot.held.discard(name)
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: ended(client, batch.id).output_file_id, range(8)))
    assert len(set(seen)) == 1
    answered = [row for row in rows_of(house, name) if row["operation"] == "chat"]
    assert [row["attempt"] for row in answered] == [3, 4, 5, 6]


def test_two_hosts_settle_it_once(
    own_gateway: Start, upstream: ScriptedUpstream, postgres: Server
) -> None:
    name = ref("batch")
    store = postgres.database()
    key = {"name": "one", "key": KEY, "budget_usd": 1.0}
    master = "0123456789abcdef0123456789abcdef"
    first = own_gateway(store=store, keys=[key], master_key=master)
    second = own_gateway(store=store, keys=[key], master_key=master)
    batch = begin(sdk(first), lines([f"u/ok-5@{name}"] * 2))
    there = ended(sdk(second), batch.id)
    assert ended(sdk(first), batch.id).output_file_id == there.output_file_id
    assert set(output(sdk(second), there.output_file_id)) == {"c-0", "c-1"}
    answered = [row for row in rows_of(first, name) if row["operation"] == "chat"]
    assert len(answered) == 2
    # The host that holds it hears of the end that the other one saw.
    until(lambda: Decimal(1) - budget_left(first), lambda used: used < Decimal("0.00009"))


def test_au_05_files_and_batches_are_their_tenants(house: Gateway) -> None:
    name = ref("batch")
    client, mate, other = sdk(house), sdk(house, MATE), sdk(house, OTHER_KEY)
    file = client.files.create(file=("in.jsonl", lines([f"u/ok@{name}"])), purpose="batch")
    kept = client.files.create(
        file=("notes.txt", b"notes"),
        purpose="user_data",
        extra_headers={"x-sluicegate-provider": "u"},
    )
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    done = ended(client, batch.id)
    assert mate.batches.retrieve(batch.id).id == batch.id
    assert mate.files.content(kept.id).content == b"notes"
    attempts: list[Callable[[], Any]] = [
        lambda: other.files.retrieve(file.id),
        lambda: other.files.content(file.id),
        lambda: other.files.delete(file.id),
        lambda: other.files.content(kept.id),
        lambda: other.files.delete(kept.id),
        lambda: other.files.content(done.output_file_id),
        lambda: other.batches.retrieve(batch.id),
        lambda: other.batches.cancel(batch.id),
        lambda: other.files.list(after=file.id),
        lambda: other.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h"),
    ]
    for attempt in attempts:
        with pytest.raises(openai.NotFoundError):
            attempt()
    assert not other.files.list().data
    assert not other.batches.list().data
    assert file.id in {each.id for each in client.files.list().data}


def test_lists_come_in_pages_newest_first(house: Gateway) -> None:
    client = sdk(house, NARROW)
    made = [client.files.create(file=(f"{n}.jsonl", b"{}"), purpose="batch").id for n in range(5)]
    pages = client.files.list(limit=2, purpose="batch")
    assert [each.id for each in pages] == made[::-1]
    assert [each.id for each in client.files.list(order="asc")] == made
    assert not client.files.list(purpose="user_data").data
    for name in made:
        assert client.files.delete(name).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made[0])


def test_what_was_put_comes_back_as_it_was(house: Gateway, upstream: ScriptedUpstream) -> None:
    client = sdk(house)
    content = lines(["u/ok"]) * 20_000  # some pieces of the store
    file = client.files.create(file=("big.jsonl", content), purpose="batch")
    assert (file.bytes, file.filename, file.object) == (len(content), "big.jsonl", "file")
    assert client.files.content(file.id).content == content
    client.files.delete(file.id)
    kept = client.files.create(
        file=("a.bin", bytes(range(256))),
        purpose="user_data",
        extra_headers={"x-sluicegate-provider": "u"},
    )
    assert upstream.depot.files[kept.id].content == bytes(range(256))
    assert client.files.content(kept.id).content == bytes(range(256))
    assert client.files.delete(kept.id).deleted
    assert kept.id not in upstream.depot.files


BAD_LINES = {
    "no JSON": (b'{"custom_id": ', "line 1"),
    "no model": (lines(["u/ok"]).replace(b'"model": "u/ok", ', b""), "line 1"),
    "another method": (lines(["u/ok"]).replace(b"POST", b"GET"), "line 1"),
    "another url": (lines(["u/ok"]).replace(CHAT.encode(), b"/v1/embeddings"), "line 1"),
    "twice the same id": (lines(["u/ok"]) * 2, "line 2"),
    "a stream": (lines(["u/ok"], stream=True), "line 1"),
    "an unknown model": (lines(["u/ok", "nobody/ok"]), "line 2"),
    "two providers": (lines(["u/ok", "a/ok"]), "line 2"),
    "a provider without batches": (lines(["b/ok"]), "line 1"),
    "a field that the provider lacks": (lines(["a/ok"], logprobs=True), "line 1"),
    "nothing": (b"\n\n", "no requests"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_refused_by_its_number(
    house: Gateway, upstream: ScriptedUpstream, case: str
) -> None:
    content, told = BAD_LINES[case]
    before = len(upstream.depot.jobs)
    with pytest.raises(openai.APIStatusError) as refused:
        begin(sdk(house), content)
    assert refused.value.status_code in {400, 404}
    assert told in str(refused.value)
    assert len(upstream.depot.jobs) == before


def test_a_line_asks_for_what_its_key_may_use(own_gateway: Start) -> None:
    name = ref("batch")
    models = {"smart": {"targets": [f"u/ok-4@{name}"]}, "other": {"targets": ["u/ok"]}}
    gateway = own_gateway(keys=KEYS, models=models)
    client = sdk(gateway, NARROW)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        begin(client, lines(["smart", "other"]))
    assert "line 2" in str(refused.value)
    done = ended(client, begin(client, lines(["smart"])).id)
    line = output(client, done.output_file_id)["c-0"]
    assert line["response"]["body"]["usage"]["completion_tokens"] == 4
    [row] = [row for row in gateway.ledger() if row["operation"] == "chat"]
    assert (row["requested_model"], row["routed_model"]) == ("smart", f"ok-4@{name}")


@pytest.mark.parametrize("provider", FORMS)
def test_a_cancelled_batch_costs_what_was_done(
    house: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    name = ref("batch")
    upstream.depot.held.add(name)
    client = sdk(house)
    batch = begin(client, lines([f"{provider}/ok-6@{name}"] * 4))
    assert client.batches.cancel(batch.id).status in {"cancelling", "cancelled"}
    done = ended(client, batch.id)
    assert done.status == "cancelled"
    assert done.request_counts.completed == 2
    answered = [row for row in rows_of(house, name) if row["operation"] == "chat"]
    assert [row["output_tokens"] for row in answered] == [6, 6]
    assert not [row for row in rows_of(house, name) if row["basis"] == "estimated"]
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)


def test_an_expired_batch_costs_what_was_done(house: Gateway, upstream: ScriptedUpstream) -> None:
    name = ref("batch")
    upstream.depot.expiring.add(name)
    client = sdk(house)
    done = ended(client, begin(client, lines([f"u/ok-6@{name}"] * 4)).id)
    assert done.status == "expired"
    assert len(output(client, done.output_file_id)) == 2
    assert len(output(client, done.error_file_id)) == 2
    answered = [row for row in rows_of(house, name) if row["operation"] == "chat"]
    assert [row["output_tokens"] for row in answered] == [6, 6]


def test_a_batch_that_its_provider_refuses_holds_nothing(house: Gateway) -> None:
    name = ref("batch")
    client = sdk(house)
    before = {each.id for each in client.batches.list().data}
    with pytest.raises(openai.BadRequestError) as refused:
        begin(client, lines([f"u/refused@{name}"]))
    assert refused.value.code == "unsupported_model"
    assert {each.id for each in client.batches.list().data} == before
    assert eventually(lambda: len(rows_of(house, name)) == 1, 5)
    [row] = rows_of(house, name)
    assert (row["operation"], row["status"], row["basis"]) == ("batch", 400, "none")


def test_while_a_provider_cannot_be_asked_a_batch_stays_as_it_was(
    house: Gateway, upstream: ScriptedUpstream
) -> None:
    name = ref("batch")
    upstream.depot.silent.add(name)
    client = sdk(house)
    batch = begin(client, lines([f"u/ok-2@{name}"]))
    assert client.batches.retrieve(batch.id).status == "validating"
    upstream.depot.silent.discard(name)
    assert ended(client, batch.id).status == "completed"


def test_responses_and_rates_of_tokens(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    """A rate is for what is answered now: a batch neither waits for it nor uses it up."""
    name = ref("batch")
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "tpm": 100}])
    client = sdk(gateway)
    asked = {
        "custom_id": "r",
        "method": "POST",
        "url": "/v1/responses",
        "body": {"model": f"u/ok-5@{name}", "input": "x " * 500},
    }
    file = client.files.create(file=("r.jsonl", json.dumps(asked).encode()), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/responses", completion_window="24h"
    )
    done = ended(client, batch.id)
    body = output(client, done.output_file_id)["r"]["response"]["body"]
    assert body["object"] == "response"
    got = client.chat.completions.create(
        model="u/ok-2", messages=[{"role": "user", "content": "x"}], max_tokens=5
    )
    assert got.choices[0].message.content == upstream.text("ok-2")


def test_a_file_beside_batches_names_its_provider(house: Gateway) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk(house).files.create(file=("a.txt", b"a"), purpose="user_data")
    assert "x-sluicegate-provider" in str(refused.value)


@pytest.mark.parametrize("provider", FORMS)
def test_a_batch_goes_under_one_key_from_its_beginning_to_its_end(
    own_gateway: Start, upstream: ScriptedUpstream, provider: str
) -> None:
    """Nobody asks for it: the gateway settles it by itself, under the same key."""
    keys = [f"sk-one-of-several-{number}-0123456789" for number in range(3)]
    gateway = own_gateway(keys=KEYS, providers={provider: {"api_key": None, "api_keys": keys}})
    names = [ref("batch") for _ in range(4)]
    for name in names:
        begin(sdk(gateway), lines([f"{provider}/ok-3@{name}"]))

    def settled() -> list[Json]:
        rows = gateway.ledger()
        return [row for row in rows if row["operation"] == "chat" and row["output_tokens"] == 3]

    until(settled, lambda rows: len(rows) == 4, 25)
    used = {job.key for name in names for job in upstream.depot.jobs_of(name)}
    assert used <= {*keys, *(f"Bearer {key}" for key in keys)}


def test_a_tenants_own_credential_pays_for_its_batches(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    own = "sk-the-tenants-own-0123456789"
    gateway = own_gateway(
        keys=KEYS,
        provider_keys=[{"provider": "u", "key": "two", "api_key": own}],
    )
    name = ref("batch")
    begin(sdk(gateway, OTHER_KEY), lines([f"u/ok-3@{name}"]))
    rows = until(
        lambda: [row for row in rows_of(gateway, name) if row["operation"] == "chat"],
        lambda found: len(found) == 1,
        20,
    )
    assert rows[0]["key_name"] == "two"
    [job] = upstream.depot.jobs_of(name)
    assert job.key == f"Bearer {own}"
