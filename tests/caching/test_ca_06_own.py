"""CA-06: a follower's answer is its own: its ids, its cost, its errors; nothing in it is another's."""

from __future__ import annotations

import json
import re
import threading
from decimal import Decimal
from typing import Any

import pytest

from ..client import Ask, Got
from ..faults.checks import ALL_PAIRS, all_pairs, asks, assert_error_shape, eventually, ref
from ..faults.conftest import Start
from ..gateway import Gateway, merge
from ..upstream import ScriptedUpstream, text
from .checks import ON, TENANTS, calls, is_kept, key_of, named, told

#: Two keys of one team, who share what is kept; one of them has limits that its answers tell of.
SHARING = merge(
    merge(ON, TENANTS),
    {
        "limits": [
            {"name": "rate-of-a", "scope": {"key": "core-1"}, "requests": 9973311, "per": "minute"},
        ]
    },
)
#: What the leader says of itself.
SAYS = {
    "x-sluicegate-user": "user-of-a",
    "x-sluicegate-run": "run-of-a",
    "x-sluicegate-tag": "tag-of-a",
    "x-sluicegate-metadata": '{"note": "note-of-a"}',
}
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def with_usage(dialect: str) -> dict[str, Any]:
    """What a client says that wants to see what its stream cost."""
    return {"stream_options": {"include_usage": True}} if dialect == "openai" else {}


def led(gateway: Gateway, upstream: ScriptedUpstream, leader: Ask, *following: Ask) -> list[Got]:
    """The answers of one who leads, and of those who ask once it does."""
    got: list[Got] = []
    leading = threading.Thread(target=lambda: got.extend(asks(gateway, [leader])))
    leading.start()
    assert eventually(lambda: upstream.of(leader.model.partition("/")[2]))
    followed = asks(gateway, list(following), concurrency=len(following))
    leading.join()
    return got + followed


def told_of_itself(got: Got) -> bytes:
    """All that a client has: headers and bytes."""
    return b"\n".join(name + b": " + value for name, value in got.headers.raw) + b"\n" + got.raw


def cost_in(got: Got) -> list[str]:
    """Each cost that a stream tells."""
    return re.findall(r'"cost_usd":\s*"?([0-9.]+)', got.raw.decode())


@pytest.mark.parametrize(("dialect", "provider"), ALL_PAIRS, ids=[f"{d}-{p}" for d, p in ALL_PAIRS])
def test_ca_06_nothing_of_the_leader_is_in_a_followers_answer(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str
) -> None:
    gateway = gateways(**SHARING)
    model = named("ca06", "ok-6+itl-30+ttft-400", provider)
    fields = with_usage(dialect)
    name = ref("leader")
    leading = Ask(
        model,
        dialect=dialect,
        stream=True,
        key=key_of("core-1"),
        headers=SAYS,
        ref=name,
        fields=fields,
    )
    others = [
        Ask(model, dialect=dialect, stream=True, key=key_of("core-2"), fields=fields)
        for _ in range(2)
    ]
    leader, *followers = led(gateway, upstream, leading, *others)
    assert calls(upstream, model) == 1
    own = {each.headers["x-sluicegate-request-id"] for each in (leader, *followers)}
    assert len(own) == 3
    for each in followers:
        assert told(each) == "hit"
        assert each.text == leader.text == text(6)
        assert each.terminators == 1
        shown = told_of_itself(each)
        for word in (*SAYS.values(), name, "core-1", "rate-of-a", "9973311"):
            assert word.encode() not in shown, word
        found = {match.decode() for match in UUID.findall(shown)}
        assert found <= {each.headers["x-sluicegate-request-id"]}
        assert all(Decimal(cost) == 0 for cost in cost_in(each)), cost_in(each)
    assert bool(cost_in(leader)) == bool(cost_in(followers[0]))
    assert all(Decimal(cost) > 0 for cost in cost_in(leader))


#: How an upstream fails behind the fifth token, and what its clients are told.
BREAKS = {
    "fault-midstream-reset-after-5": "upstream_truncated",
    "fault-midstream-clean-end-after-5": "upstream_truncated",
    "fault-idle-stall-after-5": "upstream_idle_timeout",
    "fault-malformed-event": "upstream_malformed_event",
    "fault-error-event-after-5": "",
}


@pytest.mark.parametrize("fault", BREAKS)
@all_pairs
def test_ca_06_each_follower_is_told_of_a_broken_stream_in_its_own_name(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str, fault: str
) -> None:
    """One error each, in the dialect, and no answer is kept."""
    gateway = gateways(**merge(ON, {"timeouts": {"idle_s": 1}}))
    if fault == "fault-malformed-event" and provider not in "uagr":
        pytest.skip("broken as OpenAI's events are")
    model = named("ca06", f"{fault}+itl-20+ttft-300", provider)
    what = [Ask(model, dialect=dialect, stream=True) for _ in range(6)]
    got = led(gateway, upstream, *what)
    for each in got:
        assert each.status == 200, each.raw
        assert each.terminators == 0
        assert_error_shape(each)
        errors = [one for one in each.payloads if isinstance(one, dict) and one.get("error")]
        assert len(errors) == 1, each.raw
        if BREAKS[fault]:
            assert each.code == BREAKS[fault]
            assert each.headers["x-sluicegate-request-id"] in json.dumps(errors)
    assert len({each.text for each in got}) == 1
    assert calls(upstream, model) == 1
    for rows in gateway.rows_of(each.ref for each in got).values():
        [row] = rows
        assert row["outcome"] == "error"
        assert row["error_code"] == (BREAKS[fault] or "upstream_error")
    assert sum(row["attempt"] for each in got for row in gateway.rows(each.ref)) == 1
    assert not is_kept(gateway, model, dialect=dialect, stream=True)
