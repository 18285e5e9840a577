"""What a run leaves on the disk: a gateway's folder takes 50 MB, and a whole run starts some 500.

A folder is gone as soon as its tests have passed.  That of a test which failed stays, less the
blocks that were taken beforehand and never written.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

#: How many tests of this session have not passed, first tries and expected failures included.
NOT_PASSED = pytest.StashKey[int]()
_LARGE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 16


@contextlib.contextmanager
def kept_on_failure(session: pytest.Session, folder: Path) -> Iterator[Path]:
    """`folder`, for fixtures that many tests share: removed at the end if all of them passed."""
    before = session.stash.get(NOT_PASSED, 0)
    yield folder
    if session.stash.get(NOT_PASSED, 0) == before:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        thin(folder)


def thin(folder: Path) -> None:
    """Gives back what large files under `folder` hold of zeros; they read as before."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # sockets, and what somebody else may not read
            if path.is_file() and path.stat().st_blocks * 512 > _LARGE_BYTES:
                _thin_file(path)


def _thin_file(path: Path) -> None:
    sparse = path.with_name(f"{path.name}.thin")
    with path.open("rb") as old, sparse.open("wb") as new:
        while block := old.read(_BLOCK_BYTES):
            if block.strip(b"\0"):
                new.write(block)
            else:
                new.seek(len(block), os.SEEK_CUR)
        new.truncate(old.tell())
    sparse.replace(path)


def server_folder(kind: str) -> Path:
    """A new folder for a server of the tests, after those of runs that were killed are gone."""
    sweep(Path(tempfile.gettempdir()), kind)
    return Path(tempfile.mkdtemp(prefix=f"sluicegate-{kind}-{os.getpid()}-"))


def sweep(parent: Path, kind: str) -> None:
    """Removes the folders of `kind` whose run is dead, and ends the servers that it left."""
    for folder in parent.glob(f"sluicegate-{kind}-*"):
        owner = re.fullmatch(rf"sluicegate-{kind}-(\d+)-\w+", folder.name)
        if owner and not psutil.pid_exists(int(owner[1])):
            for process in _serving(folder):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            shutil.rmtree(folder, ignore_errors=True)


def _serving(folder: Path) -> list[psutil.Process]:
    """The processes that were started on `folder`: their arguments name it."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or [])
    ]
