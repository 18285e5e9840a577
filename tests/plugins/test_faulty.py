"""Plugins that do wrong: told at the start, or answered as the configuration says."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..faults.checks import ask, assert_good, assert_refused, eventually, forms, ref
from ..gateway import KEY, Gateway
from ..nursery import run
from ..upstream import ScriptedUpstream
from .conftest import With
from .packages import write_package

SECRET = "sk-in-the-plugins-words-0123456789"

#: by what is wrong: code, entry points, what `check` says of it
AT_START: dict[str, tuple[str, dict[str, dict[str, str]], str]] = {
    "it raises when it is imported": (
        f"raise RuntimeError('{SECRET}')",
        {"hooks": {"p": "P"}},
        'plugins: "p" of bad 1.0: cannot be imported: RuntimeError at bad.py:1',
    ),
    "it ends the process when it is imported": (
        "import sys; sys.exit(3)",
        {"hooks": {"p": "P"}},
        'plugins: "p" of bad 1.0: cannot be imported: SystemExit at bad.py:1',
    ),
    "it wants a module that is not there": (
        "import nothing_such",
        {"hooks": {"p": "P"}},
        "plugins: \"p\" of bad 1.0: cannot be imported: there is no module 'nothing_such'",
    ),
    "it lacks what the entry point names": (
        "",
        {"hooks": {"p": "P"}},
        'plugins: "p" of bad 1.0: cannot be imported: AttributeError',
    ),
    "it cannot be made": (
        f"def p(settings): raise KeyError('{SECRET}')",
        {"hooks": {"p": "p"}},
        'plugins: "p" of bad 1.0: cannot be made: KeyError at bad.py:1',
    ),
    "it takes no settings": (
        "class P:\n    def before_request(self, request): ...",
        {"hooks": {"p": "P"}},
        'plugins: "p" of bad 1.0: cannot be made: TypeError',
    ),
    "it is no hook": (
        "class P:\n    def __init__(self, settings): ...",
        {"hooks": {"p": "P"}},
        'plugins: "p" of bad 1.0: has none of before_request, on_event, after_response',
    ),
    "it is no class": (
        "P = 7",
        {"hooks": {"p": "P"}},
        'plugins: "p" of bad 1.0: is neither a class nor a function',
    ),
    "it is no dialect": (
        "class P:\n    def stream_decoder(self): ...",
        {"dialects": {"p": "P"}},
        'plugins: "p" of bad 1.0: lacks encode_request, decode_response, decode_error',
    ),
    "its rows are none": (
        "ROWS = {'h': {'dialect': 'openai', 'base_url': 'http://h'}}",
        {"providers": {"p": "ROWS"}},
        'plugins: "p" of bad 1.0: its rows are wrong: ',
    ),
    "its rows speak what nobody does": (
        "ROWS = {'h': {'dialect': 'klingon', 'base_url': 'http://h', 'docs': 'http://h'}}",
        {"providers": {"p": "ROWS"}},
        'plugins: provider "h" of a plugin: there is no dialect "klingon"',
    ),
    "its rows take a name of the catalogue": (
        "ROWS = {'groq': {'dialect': 'openai', 'base_url': 'http://h', 'docs': 'http://h'}}",
        {"providers": {"p": "ROWS"}},
        'plugins: provider "groq" of a plugin: the catalogue has one of that name',
    ),
    "its dialect takes a name of the gateway's": (
        "class P:\n    encode_request = stream_decoder = decode_response = decode_error = print",
        {"dialects": {"anthropic": "P"}},
        'plugins: dialect "anthropic" of a plugin: the gateway has one of that name',
    ),
}


def _check(gateway: Gateway, site: Path) -> tuple[int, str]:
    gateway.write_config()
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return run(["check", str(gateway.config_path)], gateway.folder, environment)


@pytest.mark.parametrize("wrong", AT_START)
def test_a_plugin_that_cannot_be_used_is_told_at_the_start(
    gateway_with: With, tmp_path: Path, wrong: str
) -> None:
    code, entries, told = AT_START[wrong]
    site = write_package(tmp_path / "site", "bad", code, **entries)
    gateway = gateway_with(site, ready=False)
    status, said = _check(gateway, site)
    assert status == 1
    assert told in said
    assert SECRET not in said
    assert "Traceback" not in said
    name = next(iter(next(iter(entries.values()))))
    gateway.config["plugins"] = {"disabled": [name]}
    assert _check(gateway, site)[0] == 0, "one that is disabled is not imported"


def test_a_gateway_does_not_start_with_a_plugin_that_cannot_be_used(
    gateway_with: With, tmp_path: Path
) -> None:
    site = write_package(tmp_path / "site", "bad", "import no_such", hooks={"p": "P"})
    gateway = gateway_with(site, ready=False)
    with pytest.raises(AssertionError, match="there is no module 'no_such'"):
        gateway.start()


def test_a_plugin_that_is_registered_twice_is_told(gateway_with: With, tmp_path: Path) -> None:
    site = tmp_path / "site"
    code = "class P:\n    def __init__(self, s): ...\n    def before_request(self, r): ..."
    write_package(site, "one", code, hooks={"p": "P"})
    write_package(site, "two", code, hooks={"p": "P"})
    gateway = gateway_with(site, ready=False)
    status, said = _check(gateway, site)
    assert status == 1
    assert "has one of that name too; remove one" in said


def test_a_name_that_no_plugin_has_is_told(gateway_with: With, tmp_path: Path) -> None:
    for plugins in ({"disabled": ["ghost"]}, {"settings": {"ghost": {"a": "b"}}}):
        gateway = gateway_with(tmp_path, ready=False, plugins=plugins)
        status, said = _check(gateway, tmp_path)
        assert status == 1
        assert 'no plugin "ghost" is installed' in said


HOOK = """
import time
from sluicegate.plugins import Change, Refuse

class P:
    def __init__(self, settings):
        pass

    def before_request(self, request):
        if b"ok-please" in request.body:
            return None
        {does}
"""
#: by what it does to a request
PER_REQUEST = {
    "raises": f"raise RuntimeError('{SECRET}')",
    "ends the process": "raise SystemExit(3)",
    "hangs": "time.sleep(60)",
    "returns nonsense": "return 7",
    "returns true": "return True",
    "changes to what is no JSON": "return Change(object())",
    "refuses with a status that is none": "return Refuse('no', status=200)",
    "refuses with the gateway's own status": "return Refuse('no', status=401)",
}


@pytest.mark.parametrize("does", PER_REQUEST)
def test_a_hook_that_fails_refuses_the_request(
    gateway_with: With, upstream: ScriptedUpstream, tmp_path: Path, does: str
) -> None:
    code = HOOK.format(does=PER_REQUEST[does])
    site = write_package(tmp_path / "site", "bad", code, hooks={"p": "P"})
    gateway = gateway_with(site, plugins={"timeout_s": 0.5})
    name = f"ok-5@{ref('fails')}"
    for dialect, stream in (("openai", False), ("anthropic", True)):
        begun = time.monotonic()
        got = ask(gateway, f"u/{name}", dialect=dialect, stream=stream)
        assert_refused(got, 500, origin="gateway")
        assert got.code == "plugin_failed"
        assert time.monotonic() - begun < 5
        assert got.error is not None
        assert "the plugin p " in got.error["message"]
        [row] = gateway.rows(got.ref)
        assert (row["outcome"], row["error_code"]) == ("refused", "plugin_failed")
    assert not [each for each in upstream.log.requests if each.model == name]
    assert_good(ask(gateway, f"u/ok-5@{ref('fails')}", text="ok-please"), 5)
    assert "plugin p" in gateway.log()
    assert SECRET not in gateway.log()


@pytest.mark.parametrize("does", ["raises", "hangs", "returns nonsense"])
def test_a_hook_that_fails_passes_where_that_is_wanted(
    gateway_with: With, tmp_path: Path, does: str
) -> None:
    code = HOOK.format(does=PER_REQUEST[does])
    site = write_package(tmp_path / "site", "bad", code, hooks={"p": "P"})
    gateway = gateway_with(site, plugins={"timeout_s": 0.3, "on_failure": "pass"})
    for stream in (False, True):
        assert_good(ask(gateway, f"u/ok-5@{ref('passes')}", stream=stream), 5)


def test_hooks_that_hang_keep_no_worker_from_serving_others_or_ending(
    gateway_with: With, tmp_path: Path
) -> None:
    code = HOOK.format(does=PER_REQUEST["hangs"])
    site = write_package(tmp_path / "site", "bad", code, hooks={"p": "P"})
    gateway = gateway_with(site, plugins={"timeout_s": 0.2})
    for _ in range(10):
        assert ask(gateway, f"u/ok-5@{ref('hang')}").status == 500
    # Every thread hangs now: the answer is still one, and bounded.
    begun = time.monotonic()
    assert ask(gateway, f"u/ok-5@{ref('hang')}", text="ok-please").status == 500
    assert time.monotonic() - begun < 3
    assert gateway.ready()
    assert gateway.stop() == 0


WATCH = """
import time

class P:
    def __init__(self, settings):
        pass

    def on_event(self, event):
        {does}

    def after_response(self, answer):
        {does}
"""


@pytest.mark.parametrize("does", ["raises", "ends the process", "hangs", "returns nonsense"])
def test_a_hook_that_watches_wrongly_changes_no_answer(
    gateway_with: With, tmp_path: Path, does: str
) -> None:
    code = WATCH.format(does=PER_REQUEST[does])
    site = write_package(tmp_path / "site", "bad", code, hooks={"p": "P"})
    gateway = gateway_with(site)
    for stream in (False, True, True):
        assert_good(ask(gateway, f"u/ok-50@{ref('watch')}", stream=stream), 50)
    if does != "hangs":
        assert eventually(lambda: "plugin p" in gateway.log(), 5)
    assert SECRET not in gateway.log()
    assert gateway.stop() == 0


DIALECT = """
import time
from sluicegate.plugins import Finished, Outgoing, TextDelta

class P:
    def encode_request(self, conversation, *, model, stream, max_output_tokens):
        if model.startswith("encode"):
            {does}
        return Outgoing(path="/chat/completions", body=b'{{"model": "ok-5", "messages": []}}')

    def stream_decoder(self):
        return self

    def feed(self, data):
        if hasattr(self, "never"):
            yield
        {does}
        return []

    def finish(self):
        return []

    def decode_response(self, body):
        {does}
        return []

    def decode_error(self, status, body):
        {does}
"""


@pytest.mark.parametrize("does", ["raises", "hangs", "returns nonsense"])
@pytest.mark.parametrize("where", ["encode", "decode", "error"])
@forms
def test_a_dialect_that_fails_is_its_providers_failure(
    gateway_with: With,
    upstream: ScriptedUpstream,
    tmp_path: Path,
    does: str,
    where: str,
    stream: bool,
) -> None:
    code = DIALECT.format(does=PER_REQUEST[does])
    site = write_package(tmp_path / "site", "bad", code, dialects={"klingon": "P"})
    base_url = f"{upstream.url}/v1" if where != "error" else f"{upstream.url}/nowhere"
    host = {"dialect": "klingon", "base_url": base_url, "api_key": "none"}
    timeouts = {"first_byte_s": 1, "idle_s": 1}
    gateway = gateway_with(
        site,
        providers={"k": {**host, "timeouts": timeouts}},
        models={"both": {"targets": [f"k/{where}@x", "u/ok-5@both"]}},
    )
    alone = ask(gateway, f"k/{where}@{ref('dialect')}", stream=stream)
    statuses = {500, 502, 504} if where != "error" else {404, 502, 504}
    assert alone.status in statuses, alone.raw
    assert SECRET not in alone.raw.decode() + gateway.log()
    got = ask(gateway, "both", stream=stream)
    assert_good(got, 5)


def test_a_reload_puts_other_plugins_in_force(gateway_with: With, tmp_path: Path) -> None:
    import signal

    code = HOOK.format(does="return Refuse('never')")
    site = write_package(tmp_path / "site", "bad", code, hooks={"p": "P"})
    gateway = gateway_with(site)
    assert ask(gateway, f"u/ok-5@{ref('reload')}").status == 403
    gateway.write_config(plugins={"disabled": ["p"]})
    gateway.signal(signal.SIGHUP)
    assert eventually(lambda: ask(gateway, f"u/ok-5@{ref('reload')}").status == 200, 5)
    gateway.write_config(plugins={"disabled": []})
    gateway.signal(signal.SIGHUP)
    assert eventually(lambda: ask(gateway, f"u/ok-5@{ref('reload')}").status == 403, 5)
    (site / "bad.py").write_text("broken(")
    gateway.signal(signal.SIGHUP)
    time.sleep(0.5)
    assert ask(gateway, f"u/ok-5@{ref('reload')}").status == 403, "what is in force stays"


def test_no_hook_sees_a_credential(gateway_with: With, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    code = (
        "class P:\n"
        "    def __init__(self, settings): ...\n"
        "    def before_request(self, request):\n"
        f"        open({str(seen)!r}, 'a').write(repr(request) + '\\n')\n"
        "    def after_response(self, answer):\n"
        f"        open({str(seen)!r}, 'a').write(repr(answer) + '\\n')\n"
    )
    site = write_package(tmp_path / "site", "good", code, hooks={"p": "P"})
    gateway = gateway_with(site, keys=[{"name": "one", "key": KEY, "team": "core"}])
    headers = {"x-sluicegate-user": "ann", "x-sluicegate-metadata": '{"a": 1}'}
    # Slow enough that somebody looks whether its client is still there.
    got = ask(gateway, f"u/ok-5+itl-60@{ref('facts')}", headers=headers)
    assert_good(got, 5)
    url = f"{gateway.url}/v1beta/models/u%2Fok-5:generateContent?key={KEY}"
    body: dict[str, Any] = {"contents": [{"parts": [{"text": "hi"}]}]}
    assert httpx.post(url, json=body, timeout=10).status_code == 200
    assert eventually(lambda: seen.read_text().count("\n") == 4, 15)
    text = seen.read_text()
    assert KEY not in text
    for fact in ("key_name='one'", "team='core'", "user='ann'", "metadata={'a': 1}"):
        assert fact in text
    assert "model='u/ok-5'" in text
