"""How bytes are laid on the wire: event styles, cuts of the body, HTTP body framings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .steps import Event


@dataclass(slots=True)
class Style:
    """How one event becomes lines."""

    eol: tuple[bytes, ...] = (b"\n",)
    space: bool = True
    bom: bool = False
    multiline: bool = False
    extra_lines: tuple[bytes, ...] = ()
    comment_between: bytes | None = None

    def encode(self, event: Event, number: int) -> bytes:
        """The bytes of one event; the BOM stands before the stream's first (`number` 0)."""
        data = event.data if isinstance(event.data, bytes) else event.data.encode()
        sep = b": " if self.space else b":"
        lines: list[bytes] = []
        if self.comment_between is not None:
            lines += [b":" + self.comment_between, b""]
        if event.name is not None:
            lines.append(b"event" + sep + event.name.encode())
        lines += self.extra_lines
        lines += [b"data" + sep + part for part in self._parts(data)]
        lines.append(b"")
        out = b"\xef\xbb\xbf" if self.bom and number == 0 else b""
        for index, line in enumerate(lines):
            out += line + self.eol[index % len(self.eol)]
        return out

    def _parts(self, data: bytes) -> list[bytes]:
        cut = data.find(b",")
        if not self.multiline or cut < 0:
            return [data]
        return [data[: cut + 1], data[cut + 1 :]]


Cutter = Callable[[bytes], Iterator[bytes]]


def whole(data: bytes) -> Iterator[bytes]:
    """One piece per event."""
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    """One piece per byte."""
    for index in range(len(data)):
        yield data[index : index + 1]


def inside_utf8(data: bytes) -> Iterator[bytes]:
    """A cut before every continuation byte, so that no multi-byte character arrives whole."""
    start = 0
    for index in range(1, len(data)):
        if data[index] & 0xC0 == 0x80:
            yield data[start:index]
            start = index
    yield data[start:]


def chunk(data: bytes) -> bytes:
    """`data` as one HTTP/1.1 chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def head(status: int, reason: str, headers: list[tuple[str, str]], version: str = "1.1") -> bytes:
    """A response head."""
    lines = [f"HTTP/{version} {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
