"""Responses that are asked for by id and gone on from, with OpenAI's own SDK: kept by a provider
that has the Responses API, and by the gateway for those that have not; on both databases.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import Response

from ..client import Got
from ..gateway import KEY, OTHER_KEY, UPSTREAM_KEYS, Gateway, free_port
from ..upstream import ScriptedUpstream, text
from .checks import ask, eventually, ref
from .conftest import Start

KEPT_BY_THE_PROVIDER = ["u", "r"]
KEPT_BY_THE_GATEWAY = ["a", "g"]
MATE = "sluicegate-test-key-of-a-team-mate"
KEYS = [
    {"name": "one", "key": KEY, "team": "core"},
    {"name": "two", "key": OTHER_KEY},
    {"name": "mate", "key": MATE, "team": "core"},
]

providers = pytest.mark.parametrize("provider", [*KEPT_BY_THE_PROVIDER, *KEPT_BY_THE_GATEWAY])


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, gateways: Start) -> Gateway:
    """One gateway for each database."""
    if request.param == "sqlite":
        return gateways(keys=KEYS)
    return gateways(keys=KEYS, store=request.getfixturevalue("postgres").database())


def _sdk(gateway: Gateway, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def _made(gateway: Gateway, model: str, *, stream: bool = False, **asked: Any) -> Response:
    responses = _sdk(gateway).responses
    asked.setdefault("input", "one two three")
    if not stream:
        return responses.create(model=model, **asked)
    with responses.stream(model=model, **asked) as events:
        return events.get_final_response()


@providers
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_official_client_asks_for_a_response_again(
    house: Gateway, provider: str, stream: bool
) -> None:
    made = _made(house, f"{provider}/ok-5@{ref('again')}", stream=stream)
    client = _sdk(house)
    again = client.responses.retrieve(made.id)
    assert (again.id, again.output_text, again.status) == (made.id, text(5), "completed")
    assert [item.id for item in again.output] == [item.id for item in made.output]
    assert again.usage is not None
    assert again.usage.output_tokens == 5
    [item] = client.responses.input_items.list(made.id, limit=5, order="asc").data
    assert "one two three" in item.model_dump_json()
    client.responses.delete(made.id)

    def is_gone_for(errand: Callable[[str], object]) -> None:
        with pytest.raises(openai.NotFoundError):
            errand(made.id)

    with ThreadPoolExecutor(2) as together:
        list(together.map(is_gone_for, (client.responses.retrieve, client.responses.delete)))


@providers
def test_a_response_that_is_no_job_cannot_be_cancelled(house: Gateway, provider: str) -> None:
    made = _made(house, f"{provider}/ok-5@{ref('cancel')}")
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        _sdk(house).responses.cancel(made.id)


ERRANDS: list[tuple[str, str]] = [
    ("GET", ""),
    ("GET", "?stream=true"),
    ("DELETE", ""),
    ("POST", "/cancel"),
    ("GET", "/input_items"),
]


@providers
def test_au_05_a_response_of_anothers_is_as_if_it_were_not_there(
    house: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    made = _made(house, f"{provider}/ok-5@{ref('au05')}")
    before = len(upstream.shelf.asked)
    names = (made.id, "resp_never_was")
    asked = [(*errand, name) for errand in ERRANDS for name in names]
    # What is not there is looked for during a second, in case it comes.
    with ThreadPoolExecutor(len(asked)) as together:
        answers = list(together.map(lambda each: _told_to_another(house, *each), asked))
    pairs = zip(answers[::2], answers[1::2], strict=True)
    for errand, (anothers, nobodys) in zip(ERRANDS, pairs, strict=True):
        assert anothers == nobodys, errand
        assert anothers[0] == 404
    assert len(upstream.shelf.asked) == before, "a provider was asked"
    assert _sdk(house, MATE).responses.retrieve(made.id).id == made.id, "the same team's"


def _told_to_another(house: Gateway, method: str, tail: str, name: str) -> tuple[int, str]:
    """The status and the error, without what is of the one request."""
    headers = {"authorization": f"Bearer {OTHER_KEY}"}
    url = f"{house.url}/v1/responses/{name}{tail}"
    got = httpx.request(method, url, headers=headers, timeout=10)
    told = {**got.json()["error"], "request_id": ""}
    return got.status_code, str(told).replace(name, "ID")


def test_every_errand_is_decided_on_and_has_a_row(house: Gateway) -> None:
    for provider in ("r", "a", "missing"):
        made = _made(house, f"{provider}/ok-5") if provider != "missing" else None
        name = "resp_never_was" if made is None else made.id
        for method, tail in [*ERRANDS[:1], *ERRANDS[3:], ERRANDS[2]]:
            mark = ref("row")
            url = f"{house.url}/v1/responses/{name}{tail}"
            assert httpx.request(method, url, timeout=10).status_code == 401
            headers = {"authorization": f"Bearer {KEY}", "x-request-id": mark}
            got = httpx.request(method, url, headers=headers, timeout=10)
            [row] = house.rows(mark)
            assert row["operation"] == "stored_response"
            assert (row["client_status"], row["basis"]) == (got.status_code, "none")
            assert (row["output_tokens"], Decimal(row["cost_usd"])) == (0, 0)
            wanted = "refused" if made is None or got.is_error else "ok"
            assert row["outcome"] == ("error" if (provider, tail) == ("r", "/cancel") else wanted)
            assert row["attempt"] == (1 if provider == "r" else 0)


@providers
def test_a_conversation_goes_on_from_its_last_response(
    house: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    name = f"ok-5@{ref('chain')}"
    last = _made(house, f"{provider}/{name}", instructions="be brief", input="first")
    for turn, stream in (("second", False), ("third", True)):
        before, last = (
            last,
            _made(
                house,
                f"{provider}/{name}",
                stream=stream,
                input=turn,
                previous_response_id=last.id,
            ),
        )
        assert last.previous_response_id in {before.id, None}
        assert last.id != before.id
    asked = upstream.of(name)[-1]
    if provider in KEPT_BY_THE_PROVIDER:
        assert (asked.json["input"], asked.json["previous_response_id"]) == ("third", before.id)
        return
    said = asked.body.decode()
    places = [said.index(word) for word in ("first", "second", "third")]
    assert places == sorted(places)
    assert said.count(text(5)) == 2, "both answers"
    assert "be brief" not in said, "instructions are of one request"
    assert asked.input_tokens >= 13
    assert last.previous_response_id == before.id


@pytest.mark.parametrize("provider", KEPT_BY_THE_GATEWAY)
def test_nobody_goes_on_from_what_is_not_kept(house: Gateway, provider: str) -> None:
    """Not stored, deleted, another tenant's, never there: the vendor's own error."""
    model = f"{provider}/ok-5@{ref('not kept')}"
    unstored = _made(house, model, store=False)
    assert unstored.model_dump()["store"] is False
    deleted = _made(house, model)
    assert deleted.model_dump()["store"] is True
    _sdk(house).responses.delete(deleted.id)
    anothers = _sdk(house, OTHER_KEY).responses.create(model=model, input="hi")

    def go_on_from(name: str) -> None:
        with pytest.raises(openai.BadRequestError) as refused:
            _made(house, model, previous_response_id=name)
        assert refused.value.code == "previous_response_not_found"
        assert refused.value.param == "previous_response_id"
        assert name in str(refused.value)

    names = (unstored.id, deleted.id, anothers.id, "resp_never_was")
    # Each is looked for during a second, in case it comes.
    with ThreadPoolExecutor(len(names)) as together:
        list(together.map(go_on_from, names))


def test_what_one_vendor_sealed_does_not_go_to_another(
    house: Gateway, upstream: ScriptedUpstream
) -> None:
    """The chain that the gateway keeps goes on at whichever provider the client asks for."""
    first = _made(house, f"a/fault-reasoning+ok-5@{ref('sealed')}")
    assert [item.type for item in first.output] == ["reasoning", "message"]
    name = f"ok-5@{ref('sealed')}"
    second = _made(house, f"r/{name}", previous_response_id=first.id, input="and then?")
    [seen] = upstream.of(name)
    assert "signature:" not in seen.body.decode()
    assert [item["role"] for item in seen.json["input"]] == ["user", "assistant", "user"]
    third = _made(house, f"r/{name}", previous_response_id=second.id)
    assert upstream.of(name)[-1].json["previous_response_id"] == second.id
    assert third.status == "completed"


def test_a_chain_stays_with_the_provider_that_made_it(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    name = f"ok-5@{ref('pinned')}"
    targets = [{"model": f"{provider}/{name}", "weight": 1} for provider in ("u", "r", "a")]
    gateway = own_gateway(models={"mixed": {"strategy": "weighted", "targets": targets}})
    for _ in range(6):
        first = _made(gateway, "mixed")
        key = upstream.of(name)[-1].header("authorization")
        if key is None:
            continue  # Anthropic's: the gateway keeps it
        for _ in range(4):
            _made(gateway, "mixed", previous_response_id=first.id)
            assert upstream.of(name)[-1].header("authorization") == key
        _sdk(gateway).responses.retrieve(first.id)
        assert upstream.shelf.asked[-1].header("authorization") == key


def test_another_model_of_that_provider_goes_on_and_other_providers_do_not(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    first_name, other_name = (f"ok-5@{ref('made')}", f"ok-7@{ref('goes-on')}")
    gateway = own_gateway()
    first = _made(gateway, f"r/{first_name}")
    _made(gateway, f"r/{other_name}", previous_response_id=first.id)
    assert upstream.of(other_name)[-1].json["previous_response_id"] == first.id
    for elsewhere in ("u", "a"):
        with pytest.raises(openai.BadRequestError) as refused:
            _made(gateway, f"{elsewhere}/{other_name}", previous_response_id=first.id)
        assert refused.value.param == "previous_response_id"
    assert len(upstream.of(other_name)) == 1


def test_where_the_provider_that_made_it_is_away_nobody_else_is_asked(own_gateway: Start) -> None:
    name = f"ok-5@{ref('away')}"
    plan = {"targets": [f"r/{name}", f"u/{name}"]}
    gateway = own_gateway(models={"plan": plan})
    first = _made(gateway, "plan")
    gateway.write_config(providers={"r": {"base_url": f"http://127.0.0.1:{free_port()}/v1"}})
    gateway.signal(signal.SIGHUP)
    got: list[Got] = []

    def is_away() -> bool:
        on = {"previous_response_id": first.id}
        got.append(ask(gateway, "plan", dialect="openai_responses", fields=on))
        return got[-1].status != 200

    assert eventually(is_away)
    assert (got[-1].status, got[-1].code) == (502, "upstream_connect_error")
    assert {row["provider"] for row in gateway.rows(got[-1].ref)} == {"r"}
    with pytest.raises(openai.InternalServerError):
        _sdk(gateway).responses.retrieve(first.id)


@pytest.mark.parametrize("provider", ["r", "a"])
def test_responses_are_found_by_all_workers_and_after_a_restart(
    own_gateway: Start, provider: str
) -> None:
    """At once by any worker; behind a kill where a provider keeps it, since the journal knows."""
    gateway = own_gateway(server={"workers": 2})
    model = f"{provider}/ok-5@{ref('restart')}"
    for _ in range(10):
        made = _made(gateway, model)
        for _ in range(3):  # each from a connection of its own
            assert _sdk(gateway).responses.retrieve(made.id).id == made.id
            last = _made(gateway, model, previous_response_id=made.id)
    if provider == "r":
        gateway.kill()
    else:
        assert gateway.stop() == 0
    gateway.start()
    for response in (made, last):
        assert _sdk(gateway).responses.retrieve(response.id).output_text == text(5)
        assert _made(gateway, model, previous_response_id=response.id).status == "completed"


def test_what_is_kept_is_bounded(own_gateway: Start) -> None:
    """The oldest make room; with no days nothing is kept, and the answer says so."""
    gateway = own_gateway(responses={"max_bytes": 20_000})
    model = f"a/ok-5@{ref('bounded')}"
    made = [_made(gateway, model, input="x" * 3000) for _ in range(10)]
    assert eventually(lambda: _is_gone(gateway, made[0].id), 25)
    assert _sdk(gateway).responses.retrieve(made[-1].id).id == made[-1].id
    gateway = own_gateway(responses={"keep_days": 0})
    made = [_made(gateway, model)]
    assert made[0].model_dump()["store"] is False
    assert _is_gone(gateway, made[0].id)


def _is_gone(gateway: Gateway, response_id: str) -> bool:
    try:
        _sdk(gateway).responses.retrieve(response_id)
    except openai.NotFoundError:
        return True
    return False


@pytest.mark.parametrize("provider", KEPT_BY_THE_GATEWAY)
def test_a_job_in_the_background_is_refused_where_there_are_none(
    house: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    name = f"ok-5@{ref('no jobs')}"
    with pytest.raises(openai.BadRequestError) as refused:
        _made(house, f"{provider}/{name}", background=True)
    assert (refused.value.code, refused.value.param) == ("unsupported_field", "background")
    assert upstream.of(name) == []


@pytest.mark.parametrize("provider", KEPT_BY_THE_PROVIDER)
def test_a_job_in_the_background_is_paid_once(house: Gateway, provider: str) -> None:
    """By its own row, when somebody sees it done, however often that is."""
    mark = ref("job")
    headers = {"x-request-id": mark}
    model = f"{provider}/ok-7@{ref('job')}"
    client = _sdk(house)
    job = client.responses.create(
        model=model, input="one two", background=True, extra_headers=headers
    )
    assert job.status == "queued"
    [row] = house.rows(mark)
    assert (row["outcome"], row["basis"], row["output_tokens"]) == ("ok", "none", 0)
    seen = [client.responses.retrieve(job.id) for _ in range(5)]
    assert [each.status for each in seen][:2] == ["in_progress", "completed"]
    assert seen[-1].output_text == text(7)
    assert eventually(lambda: house.rows(mark)[0]["basis"] == "reported", 5)
    [row] = house.rows(mark)
    assert (row["input_tokens"], row["output_tokens"]) == (2, 7)
    assert Decimal(row["cost_usd"]) == Decimal("0.000016")
    rows = [each for each in house.ledger() if each["requested_model"] == model]
    assert sum(each["output_tokens"] for each in rows) == 7
    assert len(rows) == 6


def test_a_job_counts_against_its_budget_once(own_gateway: Start) -> None:
    limit = {"name": "money", "scope": {"key": "one"}, "cost_usd": "1", "per": "day"}
    gateway = own_gateway(limits=[limit])

    def spent() -> Decimal:
        return Decimal(gateway.admin("GET", "/admin/v1/limits/money/standing").json()["spent"])

    client = _sdk(gateway)
    model = f"r/ok-7@{ref('budget')}"
    job = client.responses.create(model=model, input="one two", background=True)
    assert spent() == 0
    for _ in range(4):
        client.responses.retrieve(job.id)
    assert eventually(lambda: spent() == Decimal("0.000016"), 5), spent()


def test_a_job_is_cancelled_and_its_stream_is_taken_up_again(
    house: Gateway, upstream: ScriptedUpstream
) -> None:
    client = _sdk(house)
    job = client.responses.create(model=f"r/ok-7@{ref('c')}", input="hi", background=True)
    assert client.responses.cancel(job.id).status == "cancelled"
    mark = ref("left")
    name = f"ok-30+itl-20@{mark}"
    stream = client.responses.create(
        model=f"r/{name}",
        input="one two",
        background=True,
        stream=True,
        extra_headers={"x-request-id": mark},
    )
    events = [event for event, _ in zip(stream, range(8), strict=False)]
    stream.close()
    job_id = next(event.response.id for event in events if event.type == "response.created")
    assert eventually(lambda: house.rows(mark)[0]["outcome"] == "cancelled", 5)
    again = list(client.responses.retrieve(job_id, stream=True, starting_after=7))
    assert [event.sequence_number for event in again] == list(range(8, 8 + len(again)))
    assert again[-1].type == "response.completed"
    query = upstream.shelf.asked[-1].path.partition("?")[2]
    assert sorted(query.split("&")) == ["starting_after=7", "stream=true"]
    assert eventually(lambda: house.rows(mark)[0]["basis"] == "reported", 5)
    [row] = house.rows(mark)
    assert (row["input_tokens"], row["output_tokens"]) == (2, 30)


def test_an_errand_passes_what_the_provider_knows_and_no_more(
    house: Gateway, upstream: ScriptedUpstream
) -> None:
    made = _made(house, f"r/ok-5@{ref('query')}")
    url = f"{house.url}/v1/responses/{made.id}?include[]=x&key=secret&api_base=http://evil&limit=2"
    got = httpx.get(url, headers={"authorization": f"Bearer {KEY}", "cookie": "a=b"}, timeout=10)
    assert got.status_code == 200
    seen = upstream.shelf.asked[-1]
    assert seen.path == f"/v1/responses/{made.id}?include%5B%5D=x&limit=2"
    assert (seen.method, seen.body) == ("GET", b"")
    assert seen.header("authorization") == f"Bearer {UPSTREAM_KEYS['r']}"
    assert seen.header("cookie") is None


def test_a_provider_with_several_keys_is_asked_with_each_that_might_have_made_it(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    keys = [{"name": name, "key": f"sk-several-{name}-0123456789"} for name in "xyz"]
    several = {
        "dialect": "openai_responses",
        "base_url": f"{upstream.url}/v1",
        "api_keys": keys,
    }
    house = gateways(
        keys=KEYS,
        providers={"k": several},
        prices={"k/*": {"input": 1.0, "output": 2.0}},
        models={"drawn": {"targets": ["u/ok-5", "k/ok-5"], "strategy": "weighted"}},
    )
    client = _sdk(house)
    for model in ["k/ok-5", "drawn"] * 6:
        made = _made(house, model)
        assert client.responses.retrieve(made.id).id == made.id
        assert client.responses.input_items.list(made.id).data
        client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)
