"""Processes and signals: the real command, with a real port."""

import ctypes
import errno
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from sluicegate.listener import Listener, ListenError, max_connections

from ..gateway import KEY, Gateway, command, free_port
from .processes import is_alive

ASK = {"model": "u/x", "messages": [{"role": "user", "content": "hello"}]}


class SilentUpstream:
    """Takes requests and never answers."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.asked = threading.Semaphore(0)
        """One for each request that is here."""
        self.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):  # closed, at the end
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._read, args=[connection], daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(1 << 16):
                self.asked.release()


@pytest.fixture
def silent_upstream() -> Iterator[SilentUpstream]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield SilentUpstream(server)
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def gateway(silent_upstream: SilentUpstream, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose requests hang, with two workers and two seconds to drain."""
    waits = {"connect_s": 2, "first_byte_s": 60, "idle_s": 60, "total_s": 60}
    gateway = Gateway(
        silent_upstream.url, tmp_path, server={"workers": 2, "drain_s": 2}, timeouts=waits
    )
    gateway.start()
    yield gateway
    gateway.kill()


def ask_in_background(
    gateway: Gateway, upstream: SilentUpstream, count: int = 2
) -> tuple[list[threading.Thread], list[int]]:
    """Requests that hang, all of them sent on; the statuses that they end with."""
    statuses: list[int] = []

    def ask() -> None:
        headers = {"authorization": f"Bearer {KEY}"}
        url = f"{gateway.url}/v1/chat/completions"
        with suppress(httpx.TransportError):  # its worker was killed
            statuses.append(httpx.post(url, json=ASK, headers=headers, timeout=30).status_code)

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert upstream.asked.acquire(timeout=10)
    return threads, statuses


@pytest.mark.parametrize("whole_group", [False, True], ids=["the parent", "the whole group"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_up_to_the_deadline(
    gateway: Gateway, silent_upstream: SilentUpstream, number: int, whole_group: bool
) -> None:
    threads, statuses = ask_in_background(gateway, silent_upstream)
    assert gateway.process is not None
    began = time.monotonic()
    if whole_group:  # as terminals and service managers do
        os.killpg(gateway.process.pid, number)
    else:
        gateway.signal(number)
    assert gateway.process.wait(10) == 0
    took_s = time.monotonic() - began
    for thread in threads:
        thread.join()
    assert statuses == [503, 503]
    assert 1.9 < took_s < 3
    rows = gateway.ledger()
    assert [row["attempt"] for row in rows] == [1, 1]
    assert {row["outcome"] for row in rows} != {"unknown"}


def test_a_second_signal_ends_the_drain(gateway: Gateway, silent_upstream: SilentUpstream) -> None:
    threads, statuses = ask_in_background(gateway, silent_upstream)
    assert gateway.process is not None
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    time.sleep(0.8)
    assert gateway.process.poll() is None
    gateway.signal(signal.SIGTERM)
    assert gateway.process.wait(10) == 0
    for thread in threads:
        thread.join()
    assert statuses == [503, 503]
    assert time.monotonic() - began < 1.9


def test_a_gateway_with_nothing_to_do_stops_at_once(gateway: Gateway) -> None:
    began = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - began < 1.9, "it drained"


def test_a_worker_that_died_is_not_waited_for(
    gateway: Gateway, silent_upstream: SilentUpstream
) -> None:
    gateway.write_config(server={"drain_s": 20})
    gateway.signal(signal.SIGHUP)
    time.sleep(0.5)
    threads, _ = ask_in_background(gateway, silent_upstream, 1)
    _, *workers = gateway.processes()
    gateway.signal(signal.SIGTERM)
    time.sleep(0.3)
    began = time.monotonic()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    assert gateway.process is not None
    gateway.process.wait(10)
    assert time.monotonic() - began < 2
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.1, 0.2])
def test_a_signal_while_workers_start_stops_them(
    silent_upstream: SilentUpstream, tmp_path: Path, after_s: float
) -> None:
    gateway = Gateway(silent_upstream.url, tmp_path, server={"workers": 2})
    gateway.write_config()
    with subprocess.Popen([*command(), "serve", "--config", str(gateway.config_path)]) as process:
        end = time.monotonic() + 10
        while not Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text():
            assert time.monotonic() < end
            time.sleep(0.005)
        time.sleep(after_s)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 8, "it drained"


def test_workers_end_with_their_parent_and_the_next_gateway_has_the_port(gateway: Gateway) -> None:
    main, *workers = gateway.processes()
    os.kill(main, signal.SIGKILL)
    assert gateway.process is not None
    gateway.process.wait(5)
    gateway.start()
    assert not any(is_alive(pid) for pid in workers)


def test_a_port_that_is_taken_is_refused(gateway: Gateway) -> None:
    done = subprocess.run(
        [*command(), "serve", "--config", str(gateway.config_path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    said = f"cannot listen on 127.0.0.1 port {gateway.port}: Address already in use"
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert gateway.ready()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_port_0_is_one_port_for_all_workers(
    silent_upstream: SilentUpstream, tmp_path: Path, host: str
) -> None:
    gateway = Gateway(silent_upstream.url, tmp_path)
    gateway.write_config()
    ask = ["--host", host, "--port", "0", "--workers", "2"]
    with subprocess.Popen(
        [*command(), "serve", "--config", str(gateway.config_path), *ask],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        found = re.fullmatch(r"sluicegate serves on (http://\S+)\n", process.stderr.readline())
        assert found
        for _ in range(20):
            assert httpx.get(f"{found.group(1)}/health/live").status_code == 200
        process.terminate()
        assert process.wait(10) == 0


def test_nagles_algorithm_is_off_for_clients(gateway: Gateway) -> None:
    """A stream's small events would wait for acknowledgements otherwise."""
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n")
        assert client.recv(1000)
        ends = (("127.0.0.1", gateway.port), client.getsockname())
        seen = [
            theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for pid in gateway.processes()[1:]
            for theirs in sockets_of(pid)
            if ends_of(theirs) == ends
        ]
    assert seen == [1]


def sockets_of(pid: int) -> Iterator[socket.socket]:
    """Another process's sockets, each as long as it is looked at; what it closes meanwhile is
    left out.
    """
    pidfd_getfd = 438
    system = ctypes.CDLL(None, use_errno=True)
    try:
        pidfd = os.pidfd_open(pid)
        numbers = [int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except (ProcessLookupError, FileNotFoundError):
        return
    for number in numbers:
        fd = system.syscall(pidfd_getfd, pidfd, number, 0)
        if fd < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
            pytest.skip("this kernel or user may not look into other processes")
        if fd < 0 or not stat.S_ISSOCK(os.fstat(fd).st_mode):
            if fd >= 0:
                os.close(fd)
            continue
        with socket.socket(fileno=fd) as theirs:
            yield theirs
    os.close(pidfd)


def ends_of(theirs: socket.socket) -> tuple[object, object] | None:
    """Where a connection begins and ends; None of a socket without a connection."""
    try:
        return theirs.getsockname(), theirs.getpeername()
    except OSError:
        return None


def test_a_listener_tells_where_it_is_reached() -> None:
    for host, url in [
        ("127.0.0.1", r"http://127\.0\.0\.1:\d+"),
        ("localhost", r"http://127\.0\.0\.1:\d+"),
        ("0.0.0.0", r"http://127\.0\.0\.1:\d+"),
    ]:
        listener = Listener(host, 0)
        assert re.fullmatch(url, listener.url)
        listener.close()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_of_nobody_is_refused(host: str) -> None:
    with pytest.raises(ListenError, match=f"cannot listen on {host}"):
        Listener(host, free_port())


def test_connections_are_bounded_by_the_files_that_may_be_open() -> None:
    script = "from sluicegate.listener import max_connections; print(max_connections())"
    for files, most in [(256, 96), (1024, 480), (100_000, 16_384)]:
        limit = f"ulimit -n {files} && exec {command()[0]} -c '{script}'"
        done = subprocess.run(["sh", "-c", limit], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no {files} files here")
        assert int(done.stdout) == most
    assert max_connections() > 0
