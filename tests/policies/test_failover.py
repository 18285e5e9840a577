"""The failure table, and what a request with several targets does with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.policies.failover import (
    OUTCOMES,
    FailureClass,
    GiveUp,
    Plan,
    Try,
    cool_down_s,
)


def plan(targets: int = 2, **over: object) -> Plan:
    settings: dict[str, object] = {"weights": [1] * targets, "weighted": False, "first": 0}
    return Plan(**(settings | over))  # type: ignore[arg-type]


def after(p: Plan, kind: FailureClass, target: int = 0, **over: object) -> Try | GiveUp:
    facts: dict[str, object] = {"retry_after_s": None, "remaining_s": 60.0, "draw": lambda: 0.5}
    return p.after(kind, target, **(facts | over))  # type: ignore[arg-type]


F = FailureClass


@pytest.mark.parametrize(
    ("kind", "retries", "moves_on", "status"),
    [
        (F.UNREACHABLE, True, True, 502),
        (F.SERVER_ERROR, True, True, 502),
        (F.TIMEOUT, False, True, 504),
        (F.RATE_LIMIT, False, True, 429),
        (F.QUOTA, False, True, 429),
        (F.CREDENTIAL, False, True, 502),
        (F.BAD_REQUEST, False, False, None),
        (F.NOT_FOUND, False, True, None),
        (F.CONTEXT_LENGTH, False, False, None),
        (F.CONTENT_POLICY, False, False, None),
        (F.BROKEN, False, True, 502),
        (F.DEADLINE, False, False, 504),
        (F.GATEWAY, False, False, 503),
    ],
)
def test_each_failure_leads_to_its_row(
    kind: FailureClass, retries: bool, moves_on: bool, status: int | None
) -> None:
    p = plan()
    first = after(p, kind)
    if retries:
        assert isinstance(first, Try)
        assert first.target == 0
        assert 0.05 <= first.delay_s <= 0.15
        first = after(p, kind)
    assert first == (Try(1) if moves_on else GiveUp(status))
    if moves_on:
        last = after(p, kind, 1)
        if retries:
            assert isinstance(last, Try)
            last = after(p, kind, 1)
        assert last == GiveUp(status)


def test_every_class_has_a_row() -> None:
    assert set(OUTCOMES) == set(FailureClass)


@pytest.mark.parametrize(
    ("targets", "wait_s", "expected"),
    [
        (1, 0.8, Try(0, 0.8)),
        (1, 3.0, GiveUp(429)),
        (1, None, GiveUp(429)),
        (2, 0.8, Try(1)),
    ],
)
def test_a_rate_limit_is_waited_out_only_where_nobody_else_can_answer(
    targets: int, wait_s: float | None, expected: Try | GiveUp
) -> None:
    assert after(plan(targets), F.RATE_LIMIT, retry_after_s=wait_s) == expected


def test_a_refusal_moves_on_where_configured() -> None:
    p = plan(failover_on=frozenset({F.CONTEXT_LENGTH}))
    assert after(p, F.CONTEXT_LENGTH) == Try(1)
    assert after(plan(), F.CONTENT_POLICY) == GiveUp(None)


def test_nothing_begins_behind_the_deadline() -> None:
    assert after(plan(), F.SERVER_ERROR, remaining_s=0.01) == GiveUp(502)
    assert after(plan(), F.TIMEOUT, remaining_s=0.0) == GiveUp(504)


@given(
    weights=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=12, max_size=12),
    weighted=st.booleans(),
)
def test_every_target_is_tried_at_most_once_and_attempts_end(
    weights: list[int], draws: list[float], weighted: bool
) -> None:
    p = plan(weights=weights, weighted=weighted)
    numbers = iter(draws)
    tried = [0]
    while isinstance(decision := after(p, F.TIMEOUT, tried[-1], draw=lambda: next(numbers)), Try):
        tried.append(decision.target)
    assert sorted(tried) == list(range(len(weights)))


def test_a_weighted_failure_redraws_by_weight() -> None:
    counts = {1: 0, 2: 0}
    for step in range(100):
        p = plan(weights=[5, 3, 1], weighted=True)
        decision = after(p, F.TIMEOUT, draw=lambda step=step: step / 100)
        assert isinstance(decision, Try)
        counts[decision.target] += 1
    assert counts == {1: 75, 2: 25}


def test_a_keys_own_failure_leads_to_the_next_key_and_others_past_them() -> None:
    for kind, following in [
        (F.CREDENTIAL, 1),
        (F.QUOTA, 1),
        (F.RATE_LIMIT, 1),
        (F.NOT_FOUND, 1),
        (F.TIMEOUT, 2),
        (F.BROKEN, 2),
        (F.LIMITED, 2),
    ]:
        assert after(plan(3, groups=[0, 0, 1]), kind) == Try(following), kind


def test_a_key_that_is_not_free_is_tried_last() -> None:
    p = plan(3, groups=[0, 0, 0])
    assert after(p, F.QUOTA, free=[False, False, True]) == Try(2)
    assert after(p, F.QUOTA, 2, free=[False, False, False]) == Try(1)
    assert after(p, F.QUOTA, 1, free=[False, False, False]) == GiveUp(429)


@pytest.mark.parametrize(
    ("kind", "retry_after_s", "cooling_s"),
    [
        (F.CREDENTIAL, None, 30.0),
        (F.QUOTA, None, 30.0),
        (F.RATE_LIMIT, None, 0.0),
        (F.RATE_LIMIT, 5.0, 5.0),
        (F.RATE_LIMIT, 3600.0, 30.0),
        (F.SERVER_ERROR, 5.0, 0.0),
    ],
)
def test_a_key_cools_down_for_what_is_its_own(
    kind: FailureClass, retry_after_s: float | None, cooling_s: float
) -> None:
    assert cool_down_s(kind, retry_after_s) == cooling_s
