"""Keys of the gateway: how they are made, told from others, and kept."""

import hashlib
import hmac
import os
import secrets
import stat
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

PREFIX: Final = "sk-sg-"
RANDOM_BITS: Final = 256
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS: Final = 43
"""62^43 is just above 2^256."""
_CHECK_CHARACTERS: Final = 6
"""62^6 is above 2^32."""
KEY_CHARACTERS: Final = len(PREFIX) + _RANDOM_CHARACTERS + _CHECK_CHARACTERS
MIN_MASTER_CHARACTERS: Final = 32
MASTER_FILE: Final = "master.key"

Form = Literal["minted", "mistyped", "foreign"]


class MasterKeyError(Exception):
    """A master key that must not be used; the text says why and what to do."""


def mint() -> str:
    """A new key: the prefix, 256 random bits, a checksum; all of it letters and digits."""
    body = _base62(secrets.randbits(RANDOM_BITS), _RANDOM_CHARACTERS)
    return f"{PREFIX}{body}{_checksum(body)}"


def form_of(text: str) -> Form:
    """Whether a text is a key as `mint` makes it, one with a slip in it, or something else. Needs
    no store: a slip is told without asking anybody.
    """
    if not text.startswith(PREFIX):
        return "foreign"
    body, check = text[len(PREFIX) : -_CHECK_CHARACTERS], text[-_CHECK_CHARACTERS:]
    right = len(text) == KEY_CHARACTERS and hmac.compare_digest(
        _checksum(body).encode(), check.encode()
    )
    return "minted" if right else "mistyped"


def hint_of(credential: str) -> str:
    """Enough of a key to tell it from others of its owner: four characters of its checksum, far too
    little to guess the random part by.
    """
    return f"{PREFIX}...{credential[-4:]}"


def digest(master: bytes, credential: str) -> str:
    """What is kept of a credential: HMAC-SHA256 in lower-case hex. Who reads the store learns no
    key, and cannot try one out either.
    """
    return hmac.new(master, credential.encode(), hashlib.sha256).hexdigest()


def fingerprint(master: bytes) -> str:
    """Tells one master key from another and nothing more."""
    return digest(master, "sluicegate master key fingerprint")[:32]


def read_master_key(data_dir: Path, configured: str | None) -> bytes:
    """The key of all digests: the configured one, else the one in the data directory, which is
    made there if it is not.

    Raises:
        MasterKeyError: others can read the file, or it holds no key.
        OSError: it can be neither read nor made.
    """
    if configured is not None:
        return configured.encode()
    path = data_dir / MASTER_FILE
    if not path.exists():
        _make(path)
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise MasterKeyError(
            f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}; "
            "if somebody may have read it, replace it and make all keys anew"
        )
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if len(text) < MIN_MASTER_CHARACTERS:
        raise MasterKeyError(f"{path} holds no master key: restore it, or set master_key")
    return text.encode()


def _make(path: Path) -> None:
    """Of several processes that start together one makes it; it is never there half."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(own, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            path.hardlink_to(own)
    finally:
        own.unlink()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32((PREFIX + body).encode()), _CHECK_CHARACTERS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
