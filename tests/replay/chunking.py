"""Ways to cut a recorded body, because nothing recorded where its packets ended."""

import random
from collections.abc import Callable, Iterator


def whole(body: bytes, _seed: str) -> Iterator[bytes]:
    """One piece."""
    yield body


def single_bytes(body: bytes, _seed: str) -> Iterator[bytes]:
    """One piece per byte."""
    return (body[index : index + 1] for index in range(len(body)))


def inside_characters(body: bytes, _seed: str) -> Iterator[bytes]:
    """A cut before every continuation byte of UTF-8."""
    return _at(body, (i for i in range(1, len(body)) if body[i] & 0xC0 == 0x80))


def inside_line_ends(body: bytes, _seed: str) -> Iterator[bytes]:
    """A cut after every CR and every LF, so also between CR and LF."""
    return _at(body, (i for i in range(1, len(body)) if body[i - 1] in b"\r\n"))


def seeded(body: bytes, seed: str) -> Iterator[bytes]:
    """Random cuts, the same ones for the same record; most pieces are small."""
    rng = random.Random(seed)
    cuts, at = [], 0
    while (at := at + rng.choice((1, 2, 3, 7, 20, 60, 300, 1460))) < len(body):
        cuts.append(at)
    return _at(body, iter(cuts))


def _at(body: bytes, cuts: Iterator[int]) -> Iterator[bytes]:
    start = 0
    for cut in cuts:
        yield body[start:cut]
        start = cut
    yield body[start:]


CHUNKINGS: dict[str, Callable[[bytes, str], Iterator[bytes]]] = {
    "whole": whole,
    "bytes": single_bytes,
    "utf8": inside_characters,
    "lines": inside_line_ends,
    "seeded": seeded,
}
