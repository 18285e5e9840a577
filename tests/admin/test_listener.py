"""Where the admin API listens, with the real command."""

import os
import re
import signal
import socket
import time
from pathlib import Path

import httpx
import psutil

from ..gateway import KEY, Gateway, free_port
from ..store.test_drainer import soon

ROOT = "root-key-of-the-test-0123456789"
NOWHERE = "http://127.0.0.1:9"
AUTH = {"authorization": f"Bearer {ROOT}"}


def own_address() -> str:
    """An address of this machine that is not loopback; loopback where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as look:
        try:
            look.connect(("192.0.2.1", 9))  # sends nothing
            return str(look.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def test_on_loopback_it_is_on_the_gateways_own_listener(tmp_path: Path) -> None:
    with Gateway(NOWHERE, tmp_path, admin_key=ROOT, server={"workers": 2}) as gateway:
        with httpx.Client(base_url=gateway.url, headers=AUTH) as client:
            for number in range(8):  # whichever worker answers
                made = client.post("/admin/v1/keys", json={"name": f"k{number}"})
                assert made.status_code == 201, made.text
            assert len(client.get("/admin/v1/keys").json()["data"]) == 8
            # a key to models opens nothing here, and the admin key opens no models
            model = httpx.get(
                f"{gateway.url}/admin/v1/keys", headers={"authorization": f"Bearer {KEY}"}
            )
            assert model.status_code == 401
            assert client.get("/v1/models").status_code == 401
        assert ROOT not in gateway.log()


def test_cf_01_cf_02_a_reload_by_the_api_reaches_every_worker(tmp_path: Path) -> None:
    with Gateway(NOWHERE, tmp_path, admin_key=ROOT, server={"workers": 2}) as gateway:
        models = {"a-new-name": {"targets": ["u/x"]}}
        gateway.write_config(models=models)
        answer = httpx.post(f"{gateway.url}/admin/v1/reload", headers=AUTH, json={})
        assert answer.status_code == 202, answer.text

        def all_know() -> bool:
            auth = {"authorization": f"Bearer {KEY}", "connection": "close"}
            answers = [httpx.get(f"{gateway.url}/v1/models", headers=auth) for _ in range(12)]
            return all("a-new-name" in each.text for each in answers)

        began = time.monotonic()
        assert soon(all_know)
        assert time.monotonic() - began < 10
        gateway.config_path.write_text("nonsense: 1")
        bad = httpx.post(f"{gateway.url}/admin/v1/reload", headers=AUTH, json={})
        assert bad.status_code == 422
        assert bad.json()["error"]["problems"][0]["field"] == "nonsense"
        assert all_know()
        assert reloads(f"{gateway.url}/metrics") == {"ok": 2, "failed": 1}


def reloads(url: str) -> dict[str, int]:
    """Readings of the configuration by their outcome."""
    found = re.findall(
        r'sluicegate_config_reloads_total\{outcome="(\w+)"\} (\d+)', httpx.get(url).text
    )
    return {outcome: int(times) for outcome, times in found}


def test_au_12_on_a_public_listener_it_is_not(tmp_path: Path) -> None:
    with Gateway(NOWHERE, tmp_path, admin_key=ROOT, server={"host": "0.0.0.0"}) as gateway:
        for host in ("127.0.0.1", own_address()):
            url = f"http://{host}:{gateway.port}/admin/v1/keys"
            answer = httpx.get(url, headers=AUTH)
            assert answer.status_code == 404
            assert "`admin: {host, port}`" in answer.json()["error"]["message"]
        assert soon(lambda: "the admin API is nowhere" in gateway.log())


def test_au_12_a_listener_of_its_own(tmp_path: Path) -> None:
    port = free_port()
    admin = {"host": "127.0.0.1", "port": port}
    url = f"http://127.0.0.1:{port}"
    with Gateway(
        NOWHERE, tmp_path, admin_key=ROOT, admin=admin, server={"host": "0.0.0.0"}
    ) as gateway:
        assert soon(lambda: _answers(url), 15), gateway.log()
        assert httpx.get(f"{gateway.url}/admin/v1/keys", headers=AUTH).status_code == 404
        made = httpx.post(f"{url}/admin/v1/keys", headers=AUTH, json={"name": "a"})
        assert made.status_code == 201, made.text
        assert httpx.get(f"{url}/v1/models", headers=AUTH).status_code == 404
        assert httpx.get(f"{url}/admin/v1/keys").status_code == 401
        assert httpx.post(f"{url}/admin/v1/reload", headers=AUTH, json={}).status_code == 202

        for process in _processes(port):  # it is started again
            process.kill()
        assert soon(lambda: _answers(url), 15)

        gateway.signal(signal.SIGTERM)
        assert gateway.process is not None
        assert gateway.process.wait(15) == 0
    assert soon(lambda: not _processes(port))


def test_it_ends_with_a_gateway_that_was_killed(tmp_path: Path) -> None:
    port = free_port()
    admin = {"host": "127.0.0.1", "port": port}
    with Gateway(NOWHERE, tmp_path, admin_key=ROOT, admin=admin) as gateway:
        assert soon(lambda: _answers(f"http://127.0.0.1:{port}"), 15)
        assert gateway.process is not None
        os.kill(gateway.process.pid, signal.SIGKILL)
        gateway.process.wait(5)
        assert soon(lambda: not _processes(port), 10)


def test_an_address_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        admin = {"host": "127.0.0.1", "port": taken.getsockname()[1]}
        gateway = Gateway(NOWHERE, tmp_path, admin_key=ROOT, admin=admin)
        try:
            gateway.start()
        except AssertionError as error:
            assert "cannot listen on 127.0.0.1" in str(error)
        else:
            gateway.kill()
            raise AssertionError("it started")


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/admin/v1/keys", headers=AUTH).status_code == 200
    except httpx.HTTPError:
        return False


def _processes(port: int) -> list[psutil.Process]:
    """The processes of the admin listener of a port."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "sluicegate.admin" in words and str(port) in words:
            found.append(process)
    return found
