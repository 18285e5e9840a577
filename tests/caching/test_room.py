"""What can be done without leaves the disk to what cannot."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sluicegate.caching.frame import Frames
from sluicegate.caching.room import Room
from sluicegate.caching.store_tier import StoreTier
from sluicegate.store import Store

from .entries import MASTER, entry

MiB, GiB = 2**20, 2**30


@pytest.mark.parametrize(
    ("total", "free", "is_there"),
    [
        (16 * MiB, 16 * MiB, False),
        (GiB, 63 * MiB, False),
        (GiB, 64 * MiB, True),
        (100 * GiB, 4 * GiB, False),
        (100 * GiB, 5 * GiB, True),
    ],
)
def test_the_last_of_a_disk_is_not_the_caches(total: int, free: int, is_there: bool) -> None:
    assert Room(Path(), lambda _: (total, total - free, free)).is_there() is is_there


def test_the_disk_of_a_folder_is_looked_at(tmp_path: Path) -> None:
    Room(tmp_path).is_there()
    with pytest.raises(FileNotFoundError):
        Room(tmp_path / "none").is_there()


def test_on_a_full_disk_nothing_is_put_until_there_is_room(
    open_sqlite: Callable[[], Store],
) -> None:
    free = [0]
    room = Room(Path(), lambda _: (GiB, GiB - free[0], free[0]), look_every_s=0.0)
    with closing(StoreTier(open_sqlite(), Frames(MASTER), GiB, room)) as tier:
        tier.put([entry(b"a")])
        assert tier.get([b"a"]) == {}
        free[0] = GiB
        tier.put([entry(b"a")])
        assert set(tier.get([b"a"])) == {b"a"}
