"""What all tests share: where the corpora are, and folders that go when they have served."""

import os
import socket
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from .folders import NOT_PASSED, kept_on_failure, thin
from .postgres import Server

#: What clients of the tests trust, which ask over loopback in clear: reading the 150 authorities of
#: this system costs each new client 24 ms of CPU.
_NOBODY = Path(__file__).parent / "fixtures" / "nobody.pem"
#: Tests that install from a registry, and have to trust who it is.
_INSTALLING = {"SLUICEGATE_WHEELS", "SLUICEGATE_CLIENTS"}


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Two waits that no test is about."""
    if not _INSTALLING & os.environ.keys():
        os.environ.setdefault("SSL_CERT_FILE", str(_NOBODY))
    # pytest-rerunfailures tells the other process of each test, in two small writes: the second
    # would wait 40 ms for the first one's acknowledgement.
    told = getattr(getattr(config, "failures_db", None), "sock", None)
    if told is not None:
        told.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Counts what did not pass, for `kept_on_failure`."""
    report = yield
    if not report.passed:
        item.session.stash[NOT_PASSED] = item.session.stash.get(NOT_PASSED, 0) + 1
    return report


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """pytest's own, which it removes if the test passed; what stays is made thin."""
    before = request.session.stash.get(NOT_PASSED, 0)
    yield tmp_path
    if request.session.stash.get(NOT_PASSED, 0) > before:
        thin(tmp_path)


@pytest.fixture(scope="module")
def module_path(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Like `tmp_path`, for all tests of a module."""
    with kept_on_failure(request.session, tmp_path_factory.mktemp("module")) as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL for all tests that leave it as it is; who stops or freezes one has its own."""
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def corpora() -> Path | None:
    """The folder of recorded traffic and test data, if this machine has it."""
    here = Path(__file__).resolve().parent.parent
    named = os.environ.get("SLUICEGATE_CORPORA")
    folder = Path(named) if named else here.parent / "shared" / "corpora"
    return folder if folder.is_dir() else None
