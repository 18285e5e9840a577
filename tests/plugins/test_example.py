"""The example of `docs/plugins.md`, built and installed by pip, beside a gateway that serves."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..client import Ask, Got, run_asks
from ..faults.checks import ask, assert_refused, eventually, forms, ref
from ..gateway import KEY, Gateway, command
from ..upstream import ScriptedUpstream, text, token
from .packages import example_files, install_example
from .parrot import KEY as PARROT_KEY
from .parrot import ParrotHost

CLIENTS = ["openai", "anthropic", "gemini", "openai_responses"]
clients = pytest.mark.parametrize("dialect", CLIENTS)


@pytest.fixture(scope="module")
def parrot() -> Iterator[ParrotHost]:
    with ParrotHost() as host:
        yield host


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = install_example(tmp_path_factory.mktemp("example"))
    # The ledger is read in this process, and with the same configuration.
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def gateway(
    upstream: ScriptedUpstream,
    parrot: ParrotHost,
    site: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    here = Gateway(
        upstream.url,
        folder,
        providers={"parrot_cloud": {"base_url": parrot.url, "api_key": PARROT_KEY}},
        prices={"parrot_cloud/*": {"input": 1.0, "output": 2.0}},
        models={
            "either": {"targets": ["parrot_cloud/fault-500", "u/ok-5@either"]},
            "squawker": {"targets": ["parrot_cloud/fault-squawk", "u/ok-5@squawker"]},
        },
        plugins={
            "timeout_s": 5,
            "settings": {
                "acme-guard": {"forbidden": "hyena"},
                "acme-watch": {"file": str(folder / "acme.log"), "ends_at": token(12).strip()},
            },
        },
    )
    here.environment["PYTHONPATH"] = str(site)
    with here:
        yield here


def test_the_pages_files_are_a_package() -> None:
    files = example_files()
    assert len(files) == 5
    for name, content in files.items():
        if name.endswith(".py"):
            ast.parse(content)


def test_the_example_is_typed_as_the_protocol_is(site: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "acme_sluicegate"],
        cwd=site,
        capture_output=True,
        check=False,
        env={**os.environ, "MYPYPATH": ""},
    )
    assert done.returncode == 0, done.stdout.decode()


def test_check_lists_what_is_installed(gateway: Gateway, site: Path) -> None:
    done = subprocess.run(
        [*command(), "check", str(gateway.config_path)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
    )
    said = done.stdout.decode()
    for line in (
        "plugin acme-cap of acme-sluicegate 1.0: before_request",
        "plugin acme-guard of acme-sluicegate 1.0: before_request",
        "plugin acme-watch of acme-sluicegate 1.0: on_event, after_response",
        "plugin parrot of acme-sluicegate 1.0: a dialect",
        "plugin acme-hosts of acme-sluicegate 1.0: parrot_cloud",
    ):
        assert line in said.splitlines()


@clients
@forms
def test_a_hook_refuses_a_request(
    gateway: Gateway, upstream: ScriptedUpstream, dialect: str, stream: bool
) -> None:
    name = f"ok-5@{ref('refused')}"
    got = ask(gateway, f"u/{name}", dialect=dialect, stream=stream, text="of a hyena")
    assert_refused(got, 422, origin="gateway")
    assert got.code == "refused_by_plugin"
    assert got.error is not None
    assert got.error["message"] == "nobody talks about hyenas here"
    assert not [each for each in upstream.log.requests if each.model == name], "it was sent"
    [row] = gateway.rows(got.ref)
    assert (row["outcome"], row["error_code"]) == ("refused", "refused_by_plugin")
    assert (row["client_status"], row["attempt"], row["basis"]) == (422, 0, "none")
    assert row["key_name"] == "one"


def test_a_hook_refuses_what_passes_as_it_is_and_embeddings(gateway: Gateway) -> None:
    import httpx

    headers = {"authorization": f"Bearer {KEY}"}
    body = {"model": "u/ok", "input": "hyena"}
    for path in ("/v1/embeddings", "/passthrough/u/v1/embeddings"):
        got = httpx.post(gateway.url + path, json=body, headers=headers, timeout=10)
        assert (got.status_code, got.json()["error"]["code"]) == (422, "refused_by_plugin"), path


@pytest.mark.parametrize("provider", ["u", "a"])
@forms
def test_a_hook_changes_a_request(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str, stream: bool
) -> None:
    for asked, sent in ((2.0, 1), (0.5, 0.5)):
        name = f"ok-5@{ref('changed')}"
        got = ask(gateway, f"{provider}/{name}", stream=stream, fields={"temperature": asked})
        assert (got.status, got.text) == (200, text(5))
        [exchange] = [each for each in upstream.log.requests if each.model == name]
        assert exchange.json["temperature"] == sent


@pytest.mark.parametrize("provider", ["u", "a"])
def test_a_hook_sees_events_and_ends(gateway: Gateway, provider: str) -> None:
    log = gateway.folder / "acme.log"
    before = log.read_text().count("\n") if log.exists() else 0
    stream = ask(gateway, f"{provider}/ok-5@{ref('seen')}", stream=True)
    whole = ask(gateway, f"{provider}/ok-5@{ref('seen')}")
    assert (stream.text, whole.text) == (text(5), text(5))
    assert eventually(lambda: log.exists() and log.read_text().count("\n") >= before + 2, 5)
    lines = log.read_text().splitlines()[before:]
    [row] = gateway.rows(stream.ref)
    events = len(stream.events)
    assert sorted(lines) == sorted(
        [f"one ok {row['cost_usd']} {events}", f"one ok {row['cost_usd']} 1"]
    )


def test_a_hook_that_watches_ends_an_answer(gateway: Gateway) -> None:
    got = ask(gateway, f"u/ok-200+itl-20@{ref('ended')}", stream=True)
    assert got.error is not None
    assert got.code == "ended_by_plugin"
    assert got.terminators == 0
    assert len(got.text) < len(text(200))
    [row] = gateway.rows(got.ref)
    assert (row["outcome"], row["error_code"]) == ("error", "ended_by_plugin")
    assert 0 < row["output_tokens"] < 200


# the dialect


@clients
@forms
def test_a_plugins_dialect_answers_clients_of_any(
    gateway: Gateway, parrot: ParrotHost, dialect: str, stream: bool
) -> None:
    name = f"polly@{ref('parrot')}"
    got = ask(gateway, f"parrot_cloud/{name}", dialect=dialect, stream=stream, text="one two")
    assert got.status == 200, got.raw
    assert got.text == "one two "
    [asked] = [each for each in parrot.asked if each["parrot"] == name]
    assert (asked["path"], asked["authorization"]) == ("/v1/say", f"Bearer {PARROT_KEY}")
    assert asked["slowly"] is stream
    [row] = gateway.rows(got.ref)
    assert (row["provider"], row["routed_model"]) == ("parrot_cloud", name)
    assert (row["basis"], row["input_tokens"], row["output_tokens"]) == ("reported", 2, 2)
    assert row["cost_usd"] == "0.000006"


def test_what_the_dialect_cannot_express_is_named(gateway: Gateway) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    got = ask(gateway, f"parrot_cloud/polly@{ref('tool')}", fields={"tools": [tool]})
    assert got.status == 400
    assert got.code == "unsupported_field"


def test_a_bound_reaches_the_host(gateway: Gateway, parrot: ParrotHost) -> None:
    name = f"polly@{ref('bound')}"
    ask(gateway, f"parrot_cloud/{name}", fields={"max_tokens": 7})
    [asked] = [each for each in parrot.asked if each["parrot"] == name]
    assert asked["most"] == 7


@forms
def test_another_target_is_tried_where_the_host_fails(gateway: Gateway, stream: bool) -> None:
    for model in ("either", "squawker"):
        got = ask(gateway, model, stream=stream)
        if model == "either" or not stream:
            assert (got.status, got.text) == (200, text(5)), model


def test_an_answer_that_was_cut_off_is_an_error(gateway: Gateway) -> None:
    got = ask(gateway, f"parrot_cloud/cut@{ref('cut')}", stream=True)
    assert (got.error is not None, got.terminators) == (True, 0)
    whole = ask(gateway, f"parrot_cloud/cut@{ref('cut')}")
    assert_refused(whole, 502)


def test_au_what_the_host_quotes_of_its_key_is_told_to_nobody(gateway: Gateway) -> None:
    got = ask(gateway, f"parrot_cloud/quote@{ref('quote')}")
    assert got.status == 400
    assert PARROT_KEY not in got.raw.decode()
    assert "***" in got.raw.decode()
    assert PARROT_KEY not in gateway.log()


def test_a_host_that_hangs_is_a_timeout(gateway: Gateway) -> None:
    for stream in (False, True):
        got = ask(gateway, f"parrot_cloud/hang@{ref('hang')}", stream=stream)
        assert_refused(got, 504)


def test_a_client_that_leaves_closes_the_hosts_connection(
    gateway: Gateway, parrot: ParrotHost
) -> None:
    import httpx

    before = parrot.left
    name = f"parrot_cloud/slow@{ref('leaves')}"
    asked = Ask(name, stream=True, text="a b c d e f g h i j k l m n o p q r s t u v w x y z")
    with httpx.stream(
        "POST", gateway.url + asked.path(), content=asked.content(), headers=asked.head(KEY)
    ) as answer:
        for _ in answer.iter_lines():
            break
    assert eventually(lambda: parrot.left > before, 5)


def test_many_at_once_are_told_apart(gateway: Gateway) -> None:
    what = [
        Ask(f"parrot_cloud/polly@{ref('many')}", stream=bool(i % 2), text=f"word{i} end")
        for i in range(24)
    ]
    got: list[Got] = run_asks(gateway.url, KEY, what, concurrency=12)
    assert [each.text for each in got] == [f"word{i} end " for i in range(24)]


def test_nobody_else_can_use_the_adapter(gateway: Gateway) -> None:
    import httpx
    import psutil

    ports = {
        each.laddr.port
        for pid in gateway.processes()
        for each in psutil.Process(pid).net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    } - {gateway.port}
    body = {"model": "polly", "messages": [{"role": "user", "content": "hi"}]}
    tried = 0
    for port in ports:
        for key in (KEY, "x.0", ".0", ""):
            url = f"http://127.0.0.1:{port}/parrot_cloud/v1/chat/completions"
            headers = {"authorization": f"Bearer {key}"}
            try:
                got = httpx.post(url, json=body, headers=headers, timeout=5)
            except httpx.HTTPError:
                continue
            tried += 1
            assert got.status_code == 404
    assert tried >= 3, "the adapter's port was not found"
