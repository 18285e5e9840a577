"""The commands that end by themselves."""

import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from sluicegate.accounting.keys import mint
from sluicegate.cli import main
from sluicegate.config.resolve import is_good_key

from ..config.cases import KEY, U
from ..demo import demo
from ..gateway import command
from .processes import is_alive


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["serve"], ["check"], ["demo"], ["keys"], ["keys", "generate"], ["ledger", "export"]],
    ids=" ".join,
)
def test_every_command_helps(arguments: list[str]) -> None:
    code, out, _ = run(*arguments, "--help")
    assert code == 0
    assert len(out.splitlines()) > 4


def test_check_sums_up_what_is_right(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(U + f"models: {{m: {{targets: [u/x]}}}}\nkeys: [{{name: a, key: {KEY}}}]")
    path.chmod(0o600)
    assert run("check", str(path)) == (0, f"{path}: ok (1 provider, 1 model, 1 key)\n", "")


def test_check_warns_of_what_is_odd(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("{}")
    code, out, err = run("check", str(path))
    assert code == 0
    assert "ok" in out
    assert err.count("warning") == 2


def test_check_prints_every_mistake_and_fails(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(U + "timeouts: {idle_s: -1}\nserver: {prt: 1}\n")
    code, out, err = run("check", str(path))
    assert code == 1
    assert out == ""
    assert err.splitlines() == [
        f"{path}:2: timeouts.idle_s: must be more than 0, not -1",
        f'{path}:3: server.prt: is not a known field (did you mean "port"?)',
        f"2 mistakes in {path}",
    ]


def test_no_auth_cannot_be_taken_off_loopback_by_an_option(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(U + "auth: none")
    code, _, err = run("serve", "--config", str(path), "--host", "0.0.0.0")
    assert code != 0
    assert "loopback only" in err


def test_a_data_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    (tmp_path / "file").touch()
    path.write_text(U + "data_dir: file/data")
    code, _, err = run("serve", "--config", str(path))
    assert code == 1
    assert f"Error: data_dir {tmp_path}/file/data: Not a directory" in err


def test_the_data_directory_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(U + "data_dir: a/b")
    with subprocess.Popen(
        [*command(), "serve", "--config", str(path), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while "serves on" not in process.stderr.readline():
            assert process.poll() is None
        data = tmp_path / "a" / "b"
        assert [stat.S_IMODE(p.stat().st_mode) for p in (data, data / "journal")] == [0o700] * 2
        process.terminate()
        assert process.wait(10) == 0


def test_a_generated_key_is_random_and_fits_the_configuration() -> None:
    keys = {mint() for _ in range(100)}
    assert len(keys) == 100
    assert all(is_good_key(key) and key.startswith("sk-sg-") for key in keys)
    code, out, err = run("keys", "generate", "ci")
    assert code == 0
    assert is_good_key(out.strip())  # standard output is the key alone: it can be piped
    assert "name: ci" in err


def test_the_demos_lines_work_and_nothing_stays_behind() -> None:
    with demo() as (process, said):
        [curl] = [line for line in said.splitlines() if line.startswith("curl ")]
        done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=False)
        assert "data: [DONE]" in done.stdout, (curl, done)
        [export] = [line for line in said.splitlines() if "ledger export" in line]
        config = export.split()[-1]
        time.sleep(1)
        rows = subprocess.run(["sh", "-c", export], capture_output=True, text=True, check=True)
        assert len(rows.stdout.splitlines()) == 2
        found = re.search(r"base_url: (http://\S+)/v1", Path(config).read_text())
        assert found
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert not Path(config).parent.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(found.group(1))


def test_the_simulator_ends_with_a_demo_that_was_killed() -> None:
    with demo() as (process, _):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 2  # the simulator, a worker
        process.kill()
    end = time.monotonic() + 5
    while any(is_alive(int(pid)) for pid in children) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(is_alive(int(pid)) for pid in children)


def test_a_gateway_that_could_not_start_leaves_its_process_as_it_was(tmp_path: Path) -> None:
    """Else whoever asks for a reload in this process later would signal the process itself."""
    path = tmp_path / "sluicegate.yaml"
    path.write_text("data_dir: /proc/nowhere\n")
    path.chmod(0o600)
    before = dict(os.environ)
    code, _, _ = run("serve", "--config", str(path), "--port", "0")
    assert code == 1
    assert dict(os.environ) == before


def test_the_configuration_may_stand_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"{U}data_dir: data")
    path.chmod(0o600)
    monkeypatch.setenv("SLUICEGATE_CONFIG", str(path))
    assert run("check")[:2] == (0, f"{path}: ok (1 provider, 0 models, 0 keys)\n")
    assert run("keys", "list")[0] == 0
    assert run("ledger", "export")[0] == 0
    assert run("providers", "test", "nobody")[2].startswith('Error: no provider "nobody"')
