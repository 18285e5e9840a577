"""What both stores promise alike."""

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluicegate.accounting.keys import MasterKeyError
from sluicegate.accounting.ledger import COLUMNS
from sluicegate.accounting.limits import Limit, Scope
from sluicegate.store import ConflictError, Store
from sluicegate.store.ledger import Redaction, redact
from sluicegate.store.records import (
    CREDENTIALS,
    KEYS,
    KILLED_RUNS,
    LIMITS,
    Credential,
    Key,
    KilledRun,
    StoredLimit,
)

from .rows import row


def usd(pico: int) -> str:
    """Pico-dollars as the journal writes them."""
    return format(Decimal(pico).scaleb(-12), "f")


def key(name: str, **fields: Any) -> Key:
    """A key's record."""
    base: dict[str, Any] = {
        "id": f"key_{name}",
        "name": name,
        "organisation": "",
        "team": "",
        "project": "",
        "user": "",
        "role": "",
        "made_by": "root",
        "models": None,
        "providers": None,
        "routes": None,
        "metadata": {},
        "created_at_ms": 1,
        "updated_at_ms": 1,
        "expires_at_ms": None,
        "revoked_at_ms": None,
    }
    return Key(**{**base, **fields})


def credential(digest: str, key_id: str, expires_at_ms: int | None = None) -> Credential:
    return Credential(
        digest=digest, key_id=key_id, hint="", created_at_ms=1, expires_at_ms=expires_at_ms
    )


def test_rows_come_back_as_they_were(store: Store) -> None:
    whole = {column: "text" for column in COLUMNS if column not in ("request_id", "attempt")}
    numbers = {c: 2**63 - 1 for c in COLUMNS if c.endswith(("_tokens", "_ms", "status"))}
    whole |= numbers | {
        "cost_usd": "0.10",
        "saved_usd": "-0.000000000001",
        "prompt_cache_saved_usd": "-5",
        "stream": True,
        "is_byok": True,
    }  # type: ignore[dict-item]
    store.write([row(1, **whole)])
    [values] = store.rows()
    got = dict(zip(COLUMNS, values, strict=True))
    assert {k: v for k, v in got.items() if k in numbers} == numbers
    assert (got["cost_usd"], got["saved_usd"], got["stream"]) == ("0.10", "-0.000000000001", 1)
    assert got["user"] == "text"


def test_the_last_row_of_a_key_wins_within_a_batch_and_after(store: Store) -> None:
    store.write([row(1, outcome="unknown"), row(1, outcome="ok"), row(2, outcome="ok")])
    store.write([row(2, outcome="error")])
    assert [values[24] for values in store.rows()] == ["ok", "error"]


def test_db_06_writing_the_same_batch_again_changes_nothing(store: Store) -> None:
    batch = [row(number, cost_usd="0.1") for number in range(100)]
    store.write(batch)
    before = list(store.rows())
    store.write(batch)
    assert list(store.rows()) == before


def test_a_bad_row_is_set_aside_on_each(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    bad = ("f" * 32, 1, "settled", b"\xff\x00")
    store.write([row(1), bad, bad, row(2)])
    assert len(list(store.rows())) == 2
    assert "is set aside" in caplog.text


def test_an_export_is_one_moment(store: Store) -> None:
    store.write([row(number) for number in range(10)])
    rows = store.rows()
    next(rows)
    store.write([row(number) for number in range(10, 20)])
    assert len(list(rows)) == 9


# money


def test_ac_11_many_small_costs_add_up_to_the_last_unit(store: Store) -> None:
    for batch in range(5):
        many = range(batch * 2000, batch * 2000 + 2000)
        store.write([row(number % 3600, number, cost_usd="0.0000001") for number in many])
    assert store.ledger.spend()[()].cost_pico_usd == 10_000 * 10**5


def test_ac_11_sums_go_beyond_64_bits(store: Store) -> None:
    cost = "999999999999999.999999999999"
    most = 2**63 - 1
    store.write([row(n, cost_usd=cost, input_tokens=most, output_tokens=most) for n in range(40)])
    [sums] = store.ledger.spend().values()
    assert sums.cost_pico_usd == 40 * (10**27 - 1)
    assert sums.input_tokens == sums.output_tokens == 40 * most
    assert sums.total_tokens == 80 * most


_TEAMS = itertools.count()


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.integers(-(10**27) + 1, 10**27 - 1), min_size=1, max_size=30))
def test_ac_11_any_sums_are_exact(opener: Callable[[], Store], picos: list[int]) -> None:
    store = opener()
    team = f"t{next(_TEAMS)}"
    rows = [row(n, team=team, cost_usd=usd(p), saved_usd=usd(-p)) for n, p in enumerate(picos)]
    store.write(rows)
    sums = store.ledger.spend(where={"team": team})[()]
    assert (sums.cost_pico_usd, sums.saved_pico_usd) == (sum(picos), -sum(picos))
    store.close()


def test_spend_is_by_whatever_is_asked(store: Store) -> None:
    store.write(
        [
            row(1, team="a", key_name="k", cost_usd="1", input_tokens=3, output_tokens=4),
            row(2, team="a", key_name="l", cost_usd="2", basis="reported"),
            row(3, 1, team="b", key_name="k", cost_usd="4"),
            row(3, 2, team="b", key_name="k", basis="counted"),
            row(4, 0, key_name="k", basis="none", outcome="refused"),
        ]
    )
    ledger = store.ledger
    by_team = {
        group: sums.cost_pico_usd // 10**12 for group, sums in ledger.spend(["team"]).items()
    }
    assert by_team == {("a",): 3, ("b",): 4, (None,): 0}
    both = ledger.spend(["team", "key"], where={"key": "k"})
    assert {group: sums.cost_pico_usd // 10**12 for group, sums in both.items()} == {
        ("a", "k"): 1,
        ("b", "k"): 4,
        (None, "k"): 0,
    }
    whole = ledger.spend()[()]
    assert (whole.requests, whole.attempts, whole.unpriced) == (4, 4, 1)
    assert (whole.input_tokens, whole.output_tokens) == (3, 4)
    assert list(ledger.spend(["day"])) == [("2026-11-23",)]


def test_spend_is_of_a_stretch_of_time(store: Store) -> None:
    store.write([row(number, cost_usd="1") for number in range(10)])
    since, until = "2026-11-23T00:00:02.000000Z", "2026-11-23T00:00:05.000000Z"
    assert store.ledger.spend(since=since, until=until)[()].requests == 3
    assert store.ledger.spend(since="2027-01-01T00:00:00.000000Z") == {}


EVERYTHING = "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("scope", "spent"),
    [
        ({}, {(): 15}),
        ({"team": "a"}, {(): 3}),
        ({"team": "*"}, {("a",): 3, ("b",): 12}),
        ({"team": "*", "key": "k"}, {("a",): 1, ("b",): 12}),
        ({"team": "*", "model": "*"}, {("a", "m"): 3, ("b", "m"): 4, ("b", "n"): 8}),
        ({"model": "m"}, {(): 7}),
        ({"model": "p/upstream"}, {(): 8}),
        ({"end_user": "*"}, {("u",): 8}),
        ({"team": "none"}, {}),
    ],
    ids=str,
)
def test_what_a_limit_has_spent(store: Store, scope: dict[str, str], spent: dict[Any, int]) -> None:
    base = {"requested_model": "m"}
    other = {"requested_model": "n", "provider": "p", "routed_model": "upstream", "user": "u"}
    store.write(
        [
            row(1, team="a", key_name="k", cost_usd="1", **base),
            row(2, team="a", key_name="l", cost_usd="2", **base),
            row(3, team="b", key_name="k", cost_usd="4", **base),
            row(4, team="b", key_name="k", cost_usd="8", **other),
        ]
    )
    limit = Limit(name="l", scope=Scope(**scope), cost_usd=Decimal(1), per="day")
    found = store.spent(limit, EVERYTHING)
    assert {instance: sums.cost_pico_usd // 10**12 for instance, sums in found.items()} == spent


@pytest.mark.parametrize(
    ("scope", "spent"),
    [
        (
            {"key": "*", "run": "*"},
            {
                ("k", "a"): 15,
                ("k", "b"): 14,
                ("k", "c"): 8,
                ("l", "c"): 16,
                ("k", "x"): 32,
                ("k", "y"): 32,
            },
        ),
        ({"run": "*"}, {("a",): 15, ("b",): 14, ("c",): 24, ("x",): 32, ("y",): 32}),
        ({"run": "b"}, {(): 14}),
        ({"run": "c", "team": "t"}, {(): 8}),
        ({"run": "nobody's"}, {}),
    ],
    ids=str,
)
def test_what_runs_below_a_run_have_spent_is_its_own(
    store: Store, scope: dict[str, str], spent: dict[Any, int]
) -> None:
    store.write(
        [
            row(1, key_name="k", run="a", cost_usd="1"),
            row(2, key_name="k", run="b", parent_run="a", cost_usd="2"),
            row(3, key_name="k", run="b", cost_usd="4"),
            row(4, key_name="k", run="c", parent_run="b", team="t", cost_usd="8"),
            row(5, key_name="l", run="c", cost_usd="16"),
            row(6, key_name="k", run="x", parent_run="y", cost_usd="32"),
            row(7, key_name="k", run="y", parent_run="x", cost_usd="0"),
            row(8, key_name="k", cost_usd="64"),
        ]
    )
    limit = Limit(name="l", scope=Scope(**scope), cost_usd=Decimal(1), per="day")
    found = store.spent(limit, EVERYTHING)
    assert {instance: sums.cost_pico_usd // 10**12 for instance, sums in found.items()} == spent


# keys, limits, runs


def test_every_change_is_seen_by_others(opener: Callable[[], Store]) -> None:
    one, other = opener(), opener()
    before = other.changes()
    with one.changing() as transaction:
        KEYS.add(transaction, key("k"))
    assert other.changes() > before
    before = other.changes()
    one.write([row(1)])
    assert other.changes() == before


def test_a_change_that_fails_is_none(opener: Callable[[], Store]) -> None:
    one, other = opener(), opener()
    before = other.changes()

    def fail() -> None:
        with one.changing() as transaction:
            KEYS.add(transaction, key("k"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert other.changes() == before
    assert other.load_keys(0) == []


def test_a_name_twice_is_a_conflict(store: Store) -> None:
    with store.changing() as transaction:
        KEYS.add(transaction, key("k"))
    with pytest.raises(ConflictError), store.changing() as transaction:
        KEYS.add(transaction, key("k", id="another"))
    assert store.changes()


def test_a_key_while_it_is_rotated_has_two_credentials(store: Store) -> None:
    with store.changing() as transaction:
        KEYS.add(transaction, key("k", models=["a"], metadata={"x": [1, None]}, expires_at_ms=90))
        CREDENTIALS.add(transaction, credential("d1", "key_k", expires_at_ms=50))
        CREDENTIALS.add(transaction, credential("d2", "key_k"))
        KEYS.add(transaction, key("admin", role="team"))
        CREDENTIALS.add(transaction, credential("d3", "key_admin"))
    ends = {found.digest: found.expires_at_ms for found in store.load_keys(10)}
    assert ends == {"d1": 50, "d2": 90}
    assert [found.digest for found in store.load_keys(50)] == ["d2"]
    assert store.load_keys(90) == []
    [found] = store.load_keys(60)
    assert (found.models, found.metadata, found.providers) == (["a"], {"x": [1, None]}, None)


def test_limits_and_killed_runs_come_back(store: Store) -> None:
    limit = Limit(name="l", scope=Scope(team="*"), cost_usd=Decimal("0.000000001"), per="day")
    stored = StoredLimit(
        name="l",
        rule=limit,
        organisation="",
        team="",
        made_by="root",
        created_at_ms=1,
        updated_at_ms=1,
        reset_at_ms=0,
    )
    killed = KilledRun(run="r", organisation="o", team="", killed_at_ms=100, reason="loop")
    with store.changing() as transaction:
        LIMITS.add(transaction, stored)
        KILLED_RUNS.add(transaction, killed)
    assert store.load_limits() == [stored]
    assert store.governance(200, 100).killed_runs == (killed,)
    assert store.governance(201, 100).killed_runs == ()
    with store.changing() as transaction:
        LIMITS.replace(transaction, stored)
        LIMITS.delete(transaction, {"name": "l"})
    assert store.load_limits() == []


def test_pages_follow_each_other(store: Store) -> None:
    with store.changing() as transaction:
        for number in range(25):
            KEYS.add(transaction, key(f"{number:02}", team="a" if number % 2 else "b"))
    seen: list[str] = []
    with store.reading() as transaction:
        while page := KEYS.find(
            transaction, {"team": "a"}, after=f"key_{seen[-1]}" if seen else None, limit=5
        ):
            seen += [each.name for each in page]
        assert seen == [f"{number:02}" for number in range(1, 25, 2)]
        newest = KEYS.find(transaction, newest_first=True, limit=1)
    assert [each.name for each in newest] == ["24"]


def test_another_master_key_is_refused(opener: Callable[[], Store]) -> None:
    opener().confirm_master_key(b"one" * 16)
    opener().confirm_master_key(b"one" * 16)
    with pytest.raises(MasterKeyError, match="another master key"):
        opener().confirm_master_key(b"two" * 16)


# deletion


def test_ac_13_what_is_deleted_leaves_its_lines_and_no_name(store: Store) -> None:
    mine = {"organisation": "o", "user": "alice", "client_ref": "c", "metadata": {"m": "alice"}}
    rows = [
        row(1, key_name="k", cost_usd="1", **mine),
        row(2, key_name="l", cost_usd="2", **mine),
        row(3, key_name="l", cost_usd="4", **{**mine, "organisation": "other"}),
        row(4, key_name="k", cost_usd="8", user="bob"),
    ]
    store.write(rows)
    until = "2026-11-23T00:00:30.000000Z"
    with store.changing() as transaction:
        redact(transaction, Redaction(id="redacted-1", user="alice", organisation="o", until=until))
        redact(transaction, Redaction(id="redacted-2", key_name="k", until=until))
    assert store.ledger.spend()[()].cost_pico_usd == 15 * 10**12
    at = COLUMNS.index
    expected = [
        ("redacted-2", None, None, None),
        ("l", "redacted-1", None, None),
        ("l", "alice", "c", '{"m":"alice"}'),
        ("redacted-2", None, None, None),
    ]

    def names() -> list[Any]:
        columns = [at("key_name"), at("user"), at("client_ref"), at("metadata")]
        return [tuple(values[c] for c in columns) for values in store.rows()]

    assert names() == expected
    # settlements that were on their way, and one of a later key of that name
    store.write([*rows, row(40, key_name="k", user="carol", cost_usd="16")])
    assert names() == [*expected, ("k", "carol", None, None)]
    assert store.ledger.spend()[()].cost_pico_usd == 31 * 10**12


@pytest.mark.parametrize(
    "text",
    ["' OR pg_sleep(10)--", "'; DROP TABLE keys;--", 'a"b', "%", "_", "\\", "?", "%s", "a\nb", "ä"],
)
def test_au_03_values_are_only_ever_values(store: Store, text: str) -> None:
    with store.changing() as transaction:
        KEYS.add(transaction, key("k", team=text, metadata={text: text}))
    store.write([row(1, team=text, user=text, requested_model=text, cost_usd="1")])
    with store.reading() as transaction:
        [found] = KEYS.find(transaction, {"team": text})
    assert found.metadata == {text: text}
    assert list(store.ledger.spend(["team"], where={"user": text})) == [(text,)]
    limit = Limit(name="l", scope=Scope(team=text, model=text), requests=1, per="day")
    assert store.spent(limit, EVERYTHING)[()].requests == 1
    assert store.ledger.of_request(text) == []
