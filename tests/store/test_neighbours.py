"""The nearest questions, as PostgreSQL with pgvector finds them."""

import random
import threading
from collections.abc import Callable, Iterator
from math import sqrt
from struct import pack

import psycopg
import pytest

from sluicegate.store import Store, postgres_store
from sluicegate.store.neighbours import ROWS_AT_ONCE, Neighbours, NoVectorsError
from sluicegate.store.vectors import NewVector

from ..caching.entries import entry
from ..postgres import Server

NOW_MS = 1_795_000_000_000
SCOPE, OTHER_SCOPE = b"s" * 32, b"o" * 32
Open = Callable[[], Store]


@pytest.fixture
def url(postgres: Server) -> str:
    """A database of its own."""
    return postgres.database()


@pytest.fixture
def opened(url: str) -> Iterator[Open]:
    """Opens one and the same store, ready to be searched."""
    stores: list[Store] = []

    def open_one() -> Store:
        stores.append(postgres_store(url))
        stores[-1].vectors.since(0, NOW_MS)  # brings the schema to the present
        stores[-1].neighbours.prepare()
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def floats(*numbers: float) -> bytes:
    return pack(f"<{len(numbers)}f", *numbers)


def question(
    name: str,
    vector: bytes,
    *,
    scope: bytes = SCOPE,
    model_id: str = "m/1",
    expires_ms: int = NOW_MS + 1000,
) -> NewVector:
    return NewVector(
        model_id=model_id,
        scope=scope,
        label=entry(name.encode()).label,
        expires_ms=expires_ms,
        text=name,
        vector=vector,
    )


def filled(neighbours: Neighbours) -> int:
    """Fills all there is."""
    count = 0
    while some := neighbours.fill():
        count += some
    return count


def test_the_nearest_of_the_scope_and_model_that_are_not_over_are_found(opened: Open) -> None:
    store = opened()
    store.vectors.put(
        [
            question("east", floats(1, 0, 0)),
            question("north-east", floats(1, 1, 0)),
            question("west", floats(-2, 0, 0)),
            question("another's", floats(1, 0, 0), scope=OTHER_SCOPE),
            question("of another model", floats(1, 0, 0), model_id="m/2"),
            question("of another size", floats(1, 0), model_id="m/3"),
            question("over", floats(1, 0, 0), expires_ms=NOW_MS),
        ]
    )
    assert store.neighbours.nearest("m/1", SCOPE, floats(1, 0, 0), 4, NOW_MS) == []
    assert filled(store.neighbours) == 7
    found = store.neighbours.nearest("m/1", SCOPE, floats(3, 0, 0), 4, NOW_MS)
    assert [(it.key, it.text) for it in found] == [
        (b"east", "east"),
        (b"north-east", "north-east"),
        (b"west", "west"),
    ]
    assert [it.similarity for it in found] == pytest.approx([1, 1 / sqrt(2), -1])
    assert len(store.neighbours.nearest("m/1", SCOPE, floats(3, 0, 0), 2, NOW_MS)) == 2


def test_a_vector_that_is_put_anew_is_found_where_it_is_now(opened: Open) -> None:
    store = opened()
    store.vectors.put([question("it", floats(1, 0))])
    filled(store.neighbours)
    store.vectors.put([question("it", floats(0, 1))])
    assert store.neighbours.nearest("m/1", SCOPE, floats(1, 0), 4, NOW_MS) == []
    assert filled(store.neighbours) == 1
    [found] = store.neighbours.nearest("m/1", SCOPE, floats(0, 2), 4, NOW_MS)
    assert found.similarity == pytest.approx(1)
    store.vectors.delete([b"it"])
    assert store.neighbours.nearest("m/1", SCOPE, floats(0, 2), 4, NOW_MS) == []


@pytest.mark.parametrize("dimensions", [1, 384, 2001, 3072, 4001])
def test_vectors_of_every_length_are_found(opened: Open, dimensions: int) -> None:
    store, chance = opened(), random.Random(dimensions)
    vectors = [floats(*(chance.choice((-1, 1)) for _ in range(dimensions))) for _ in range(3)]
    store.vectors.put([question(f"q{at}", vector) for at, vector in enumerate(vectors)])
    filled(store.neighbours)
    [found, *_] = store.neighbours.nearest("m/1", SCOPE, vectors[0], 4, NOW_MS)
    assert found.similarity == pytest.approx(1)


def test_many_of_a_scope_are_searched_by_the_index_and_as_good_as_one_by_one(
    opened: Open, url: str
) -> None:
    store, chance = opened(), random.Random(7)
    vectors = [[chance.gauss(0, 1) for _ in range(8)] for _ in range(1500)]
    for begin in range(0, len(vectors), 500):
        some = list(enumerate(vectors))[begin : begin + 500]
        scopes = (SCOPE if at % 5 else OTHER_SCOPE for at, _ in some)
        store.vectors.put(
            [
                question(f"q{at}", floats(*it), scope=scope)
                for (at, it), scope in zip(some, scopes, strict=True)
            ]
        )
    assert filled(store.neighbours) == 1500
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE cache_vectors")
    hits = 0
    for asked in vectors[:50]:
        of_scope = [(at, it) for at, it in enumerate(vectors) if at % 5]
        best = max(of_scope, key=lambda each: cosine(asked, each[1]))[0]
        [first, *_] = store.neighbours.nearest("m/1", SCOPE, floats(*asked), 4, NOW_MS)
        hits += first.key == f"q{best}".encode()
    assert hits >= 49


def cosine(one: list[float], other: list[float]) -> float:
    length = sqrt(sum(it * it for it in one) * sum(it * it for it in other))
    return sum(a * b for a, b in zip(one, other, strict=True)) / length


def test_workers_that_fill_and_put_together_leave_nothing_out(opened: Open) -> None:
    stores = [opened() for _ in range(4)]
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for count in range(10):
                some = [question(f"{number}/{count}/{at}", floats(number, 1)) for at in range(20)]
                stores[number].vectors.put(some)
                stores[number].neighbours.fill()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    filled(stores[0].neighbours)
    found = stores[1].neighbours.nearest("m/1", SCOPE, floats(1, 1), 1000, NOW_MS)
    assert len(found) == 800 > ROWS_AT_ONCE


def test_an_extension_that_was_taken_away_is_missed_and_taken_up_again(
    opened: Open, url: str
) -> None:
    one, other = opened(), opened()
    one.vectors.put([question("it", floats(1, 0))])
    assert filled(one.neighbours) == 1
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP EXTENSION vector CASCADE")
        for store in (one, other):
            with pytest.raises(NoVectorsError, match="CREATE EXTENSION"):
                store.neighbours.prepare(may_create=False)
        connection.execute("CREATE EXTENSION vector")
        for store in (one, other):
            store.neighbours.prepare(may_create=False)
        assert other.neighbours.nearest("m/1", SCOPE, floats(1, 0), 4, NOW_MS) == []
        assert filled(one.neighbours) == 1
        [found] = other.neighbours.nearest("m/1", SCOPE, floats(1, 0), 4, NOW_MS)
        assert found.key == b"it"
        sql = "SELECT indexname FROM pg_indexes WHERE tablename = 'cache_vectors'"
        indexes = {name for (name,) in connection.execute(sql)}
    assert {"cache_vectors_near_2", "cache_vectors_unfilled"} <= indexes


def test_a_database_that_may_not_have_it_says_what_to_do(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("GRANT CREATE, USAGE ON SCHEMA public TO plain")
    try:
        store = postgres_store(url.replace("//postgres", "//plain"))
        store.vectors.since(0, NOW_MS)
        with pytest.raises(NoVectorsError, match="CREATE EXTENSION vector"):
            store.neighbours.prepare()
        store.close()
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY plain; DROP ROLE plain")
