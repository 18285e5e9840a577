"""When workers that died are replaced."""

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.policies.respawn import LONGEST_PAUSE_S, OLD_S, Respawn


def test_the_first_death_costs_no_pause_and_each_further_young_one_more() -> None:
    respawn, now_s, pauses = Respawn(), 0.0, []
    respawn.spawned(0, now_s)
    for _ in range(9):
        now_s += 0.5
        pauses.append(respawn.pause_s(0, now_s))
        now_s += pauses[-1]
        respawn.spawned(0, now_s)
    assert pauses == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]


def test_a_long_life_is_a_new_beginning_and_workers_are_apart() -> None:
    respawn = Respawn()
    for worker in (0, 1):
        respawn.spawned(worker, 0)
    assert [respawn.pause_s(0, 1), respawn.pause_s(0, 1)] == [0, 0.1]
    assert respawn.pause_s(1, 1) == 0
    respawn.spawned(0, 2)
    assert respawn.pause_s(0, 2 + OLD_S) == 0


@given(st.lists(st.floats(0, 1e6)))
def test_no_pause_is_longer_than_the_longest(lives_s: list[float]) -> None:
    respawn, now_s = Respawn(), 0.0
    for life_s in lives_s:
        respawn.spawned(0, now_s)
        now_s += life_s
        assert 0 <= respawn.pause_s(0, now_s) <= LONGEST_PAUSE_S


def test_only_the_second_death_in_a_row_is_hopeless() -> None:
    respawn = Respawn()
    respawn.spawned(0, 0)
    respawn.pause_s(0, 1)
    assert not respawn.is_hopeless(0)
    respawn.pause_s(0, 2)
    assert respawn.is_hopeless(0)
    assert not respawn.is_hopeless(1)
