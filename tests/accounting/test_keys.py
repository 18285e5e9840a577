"""Keys: random, told from slips, kept as keyed digests."""

import hashlib
import hmac
import stat
import string
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.accounting.keys import (
    KEY_CHARACTERS,
    PREFIX,
    MasterKeyError,
    digest,
    fingerprint,
    form_of,
    hint_of,
    mint,
    read_master_key,
)
from sluicegate.config.resolve import is_good_key

LETTERS = string.digits + string.ascii_letters


def test_keys_are_random_and_of_one_form() -> None:
    keys = {mint() for _ in range(2000)}
    assert len(keys) == 2000
    for key in keys:
        assert key.startswith(PREFIX)
        assert len(key) == KEY_CHARACTERS
        assert set(key.removeprefix(PREFIX)) <= set(LETTERS)
        assert form_of(key) == "minted"
        assert is_good_key(key)


def test_every_character_of_the_random_part_is_drawn() -> None:
    seen = {character for _ in range(300) for character in mint()[len(PREFIX) + 1 : -6]}
    assert seen == set(LETTERS)


@given(st.integers(len(PREFIX), KEY_CHARACTERS - 1), st.sampled_from(LETTERS))
def test_one_wrong_character_is_a_slip(place: int, letter: str) -> None:
    key = mint()
    wrong = key[:place] + letter + key[place + 1 :]
    assert form_of(wrong) == ("minted" if wrong == key else "mistyped")


@given(st.integers(len(PREFIX), KEY_CHARACTERS - 2))
def test_two_letters_that_changed_places_are_a_slip(place: int) -> None:
    key = mint()
    wrong = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert form_of(wrong) == ("minted" if wrong == key else "mistyped")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", "foreign"),
        ("sk-proj-123", "foreign"),
        (PREFIX, "mistyped"),
        (PREFIX + "ä" * 49, "mistyped"),
        (" " + PREFIX, "foreign"),
    ],
)
def test_other_texts(text: str, form: str) -> None:
    assert form_of(text) == form


def test_half_a_key_is_a_slip() -> None:
    key = mint()
    assert {form_of(key[:end]) for end in range(len(PREFIX), KEY_CHARACTERS)} == {"mistyped"}
    assert form_of(key + "0") == "mistyped"


def test_a_digest_is_keyed() -> None:
    assert digest(b"m", "c") == hmac.new(b"m", b"c", hashlib.sha256).hexdigest()
    assert digest(b"m", "c") != digest(b"n", "c")
    assert fingerprint(b"m") != fingerprint(b"n")
    assert fingerprint(b"m") not in digest(b"m", "c")


def test_a_hint_gives_nothing_of_the_random_part() -> None:
    key = mint()
    assert hint_of(key) == f"sk-sg-...{key[-4:]}"


# the master key


def test_one_is_made_for_the_owner_alone_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = read_master_key(folder, None)
    assert len(key) == 64
    assert stat.S_IMODE((folder / "master.key").stat().st_mode) == 0o600
    assert read_master_key(folder, None) == key
    assert [each.name for each in folder.iterdir()] == ["master.key"]


def test_of_many_that_start_together_one_makes_it(tmp_path: Path) -> None:
    gate, found = threading.Barrier(8), []

    def begin() -> None:
        gate.wait()
        found.append(read_master_key(tmp_path / "data", None))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_configured_one_makes_no_file(tmp_path: Path) -> None:
    assert read_master_key(tmp_path, "m" * 32) == b"m" * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_one_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    key = read_master_key(tmp_path, None)
    (tmp_path / "master.key").chmod(mode)
    with pytest.raises(MasterKeyError, match="chmod 600") as caught:
        read_master_key(tmp_path, None)
    assert key.decode() not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 10])
def test_a_file_that_holds_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MasterKeyError, match="holds no master key"):
        read_master_key(tmp_path, None)
