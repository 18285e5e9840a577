"""An entry as bytes that say what they are. They are signed with a key that comes from the master
key, so that whoever can write to the place where they lie cannot put words into a model's mouth.
"""

import hashlib
import hmac
from typing import Final

import msgspec

from sluicegate.store.cache import Entry, Label

MAGIC: Final = b"SGC1"
"""The last character is the version: of another nothing is read."""
SIGNATURE_BYTES: Final = 16
_LENGTH_BYTES: Final = 4
HEAD_AT: Final = len(MAGIC) + SIGNATURE_BYTES + _LENGTH_BYTES
_PURPOSE: Final = b"sluicegate/cache"


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """What stands before the body."""

    label: Label
    made_ms: int
    expires_ms: int


class Frames:
    """Makes and reads them, at about a gigabyte a second."""

    def __init__(self, master: bytes) -> None:
        """Args: master: the master key."""
        self._key = hmac.digest(master, _PURPOSE, "sha256")

    def encode(self, entry: Entry) -> bytes:
        """An entry as bytes."""
        head = msgspec.msgpack.encode(_Head(entry.label, entry.made_ms, entry.expires_ms))
        rest = len(head).to_bytes(_LENGTH_BYTES, "big") + head + entry.body
        return MAGIC + self._signature(rest) + rest

    def decode(self, key: bytes, frame: bytes) -> Entry | None:
        """The entry of a key; None where these are not its bytes, or not as they were written."""
        rest = frame[len(MAGIC) + SIGNATURE_BYTES :]
        signature = frame[len(MAGIC) : len(MAGIC) + SIGNATURE_BYTES]
        if not frame.startswith(MAGIC) or not hmac.compare_digest(signature, self._signature(rest)):
            return None
        head, end = _head(frame)
        if head is None or head.label.key != key:
            return None
        return Entry(head.label, head.made_ms, head.expires_ms, frame[end:])

    def _signature(self, rest: bytes) -> bytes:
        return hashlib.blake2b(rest, key=self._key, digest_size=SIGNATURE_BYTES).digest()


def label_in(beginning: bytes) -> Label | None:
    """What a frame says of itself, by its first bytes alone, which nobody vouches for; None where
    these are no frame's, or too few.
    """
    head, _ = _head(beginning)
    return None if head is None else head.label


def _head(frame: bytes) -> tuple[_Head | None, int]:
    """What stands before the body, and where that begins."""
    end = HEAD_AT + int.from_bytes(frame[HEAD_AT - _LENGTH_BYTES : HEAD_AT], "big")
    if not frame.startswith(MAGIC) or len(frame) < end:
        return None, 0
    try:
        return msgspec.msgpack.decode(frame[HEAD_AT:end], type=_Head), end
    except msgspec.MsgspecError:
        return None, 0
