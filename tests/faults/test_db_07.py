"""DB-07: a full disk under the data directory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import ask, assert_error_shape, assert_good, eventually, ref
from .load import Load, assert_answers_are_exact, assert_every_start_has_its_row
from .test_db_06 import integrity


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"DB-07 IS NOT SHOWN HERE: no tmpfs can be mounted: {done.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all that is left."""
    filler = folder / "filler"
    block = b"\0" * 65536
    with filler.open("wb", buffering=0) as out:
        try:
            while out.write(block):
                pass
        except OSError:
            block = b"\0"
    return filler


@pytest.fixture
def on_small_disk(
    small_disk: Path, upstream: ScriptedUpstream, tmp_path: Path
) -> Iterator[Gateway]:
    """A gateway whose data is there."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    with Gateway(upstream.url, folder, data_dir=str(small_disk / "data")) as gateway:
        yield gateway
        gateway.kill()


def test_db_07_a_full_disk_refuses_before_any_unrecorded_call_and_recovers(
    on_small_disk: Gateway, small_disk: Path, upstream: ScriptedUpstream
) -> None:
    gateway = on_small_disk
    name = f"ok-3@{ref('db07')}"
    # Rows of some kilobytes: what the journal has room for is full soon.
    bulky = '{"m":"' + "x" * 1500 + '"}'
    with Load(gateway, f"u/{name}", clients=6, metadata=bulky) as load:
        assert eventually(lambda: load.statuses()[200] >= 20, 10)
        filler = fill(small_disk)
        assert eventually(lambda: load.statuses()[503] >= 50, 20), load.statuses()
        calls = len(upstream.of(name))
        refused = ask(gateway, f"u/{name}")
        assert refused.status == 503
        assert refused.error is not None
        assert refused.error["origin"] == "gateway"
        assert "retry-after" in refused.headers
        assert_error_shape(refused)
        assert httpx.get(f"{gateway.url}/health/live").status_code == 200
        assert set(load.statuses()) == {200, 503}
        filler.unlink()
        freed = time.monotonic()
        assert eventually(lambda: load.statuses(freed)[200] >= 50, 15), "it does not recover"
        assert calls >= 20
    assert_good(ask(gateway, f"u/{name}"), 3)
    assert eventually(lambda: '"ledger":"ok"' in gateway.health(), 15)
    gateway.stop()
    rows = gateway.exported()
    mine = [start for start in upstream.of(name) if start.json.get("user")]
    assert_every_start_has_its_row(mine, [r for r in rows if r["client_ref"].startswith("load-")])
    assert_answers_are_exact(load.answers, rows, 3)
    assert integrity(gateway) == "ok"
    assert KEY not in gateway.log()


def test_db_07_it_starts_on_a_full_disk_and_serves_when_there_is_room(
    on_small_disk: Gateway, small_disk: Path, upstream: ScriptedUpstream
) -> None:
    gateway = on_small_disk
    gateway.stop()
    filler = fill(small_disk)
    gateway.start()
    name = f"ok-3@{ref('db07')}"
    assert ask(gateway, f"u/{name}").status in {200, 503}
    filler.unlink()
    assert eventually(lambda: ask(gateway, f"u/{name}").status == 200, 5)
    rows = gateway.exported()
    of_it = [row for row in rows if row["routed_model"] == name and row["attempt"]]
    assert len(of_it) == len(upstream.of(name))
