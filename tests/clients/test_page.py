"""The page about clients: what a run saw is what it says, and it is of this very list."""

import json
import re
from typing import Any

import pytest

from .expected import problem
from .page import PAGE, page
from .table import HERE, SCRIPTS, UPSTREAMS, Script

_CLIENTS = [client for script in SCRIPTS for client in script.clients]


def _good(script: Script) -> dict[str, Any]:
    """A run in which everything went as it must."""
    cases = {
        client: {upstream: dict.fromkeys(wanted) for upstream in UPSTREAMS}
        for client, wanted in script.clients.items()
    }
    versions = dict.fromkeys(script.packages, "1.2.3")
    return {"versions": versions, "problems": cases, "not_installed": None}


def _rows(text: str) -> dict[str, list[str]]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in cells}


def test_what_went_as_it_must_is_counted() -> None:
    rows = _rows(page({script.name: _good(script) for script in SCRIPTS}))
    for script in SCRIPTS:
        for client, wanted in script.clients.items():
            assert rows[client][2:] == [f"{len(wanted)} of {len(wanted)}"] * len(UPSTREAMS)


def test_what_failed_or_was_not_told_is_named() -> None:
    runs = {script.name: _good(script) for script in SCRIPTS}
    cases = runs["openai_node"]["problems"]["openai-node Responses"]
    cases["gemini"]["image"] = "another picture"
    del cases["bedrock"]["stream"]
    text = page(runs)
    assert "openai-node Responses, to gemini: image\n" in text
    assert "openai-node Responses, to bedrock: stream\n" in text
    assert _rows(text)["openai-node Responses"][2:] == ["6 of 6"] * 3 + ["5 of 6"] * 2


def test_what_would_not_install_is_named_with_the_command() -> None:
    runs = {script.name: _good(script) for script in SCRIPTS}
    runs["codex"] |= {"versions": {}, "problems": {}, "not_installed": "npm install"}
    text = page(runs)
    assert _rows(text)["Codex CLI"][0] == "did not install"
    assert "- `npm install`" in text


@pytest.mark.parametrize("client", _CLIENTS)
def test_the_page_has_the_client(client: str) -> None:
    assert client in _rows(PAGE.read_text("utf-8"))


def _pinned(script: Script) -> dict[str, str]:
    if script.place is None:
        return {}
    place = HERE / script.place
    if script.is_node:
        pins: dict[str, str] = json.loads((place / "package.json").read_text())["dependencies"]
        return pins
    return dict(re.findall(r"(?m)^([\w-]+)(?:\[.*\])?==(.+)$", place.read_text()))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_page_is_of_the_versions_that_are_installed(script: Script) -> None:
    pins = _pinned(script)
    row = _rows(PAGE.read_text("utf-8"))[next(iter(script.clients))]
    if row[0] == "did not install":
        return
    for package in pins.keys() & set(script.packages):
        assert f"{package} {pins[package]}" in row[0]


#: what a client could tell that is wrong, by case
WRONG: dict[str, dict[str, Any]] = {
    "text": {"text": "You said"},
    "stream": {"text": 'This is a simulated answer. You said: "How are you today?".', "pieces": 1},
    "tools": {"calls": [], "text": "The tool said: rain for 2 days in Rome"},
    "image": {"text": "I was shown 1 image(s): image/png, 3 bytes, crc32 0."},
    "structured": {"value": {"city": "Bern"}},
    "models": {"models": [], "model": "on-gemini"},
    "count": {"input_tokens": 0},
    "shell": {"outputs": ["42 is seen"], "text": "The tool said: the note says 9K4"},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_is_a_problem(case: str) -> None:
    assert problem(case, {"saw": WRONG[case]})
    assert problem(f"{case}, streamed", {"failed": "Traceback"}) == "Traceback"
