"""The examples of README and docs are what the product takes: configurations pass the check, command
lines parse, requests are answered, JSON is JSON, links lead somewhere.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import click
import openai
import pytest
from click.testing import CliRunner
from google import genai

from sluicegate.cli import main

from .gateway import ADMIN_KEY, KEY, Gateway
from .upstream import ScriptedUpstream

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


class Block(NamedTuple):
    """A fenced block, and where it begins."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.page}:{self.line}"


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page.name, line, found[1], found[2])


BLOCKS = [block for page in PAGES for block in _blocks(page)]


def _of(*languages: str) -> list[Any]:
    return [pytest.param(b, id=b.place) for b in BLOCKS if b.language in languages]


# configurations

#: What fragments refer to and do not show.
AROUND = {
    "providers": "providers: {openai: {api_key: some-key-0123456789}}\n",
    "models": "models: {smart: {targets: [openai/a]}, cheap: {targets: [openai/b]}}\n",
    "keys": "keys: [{name: ci, key: some-key-of-ours-0123456789}]\n",
}
#: Other programs' files, and what needs a package that `tests/plugins` installs.
ELSEWHERE = ("# prometheus.yml", "parrot_cloud:", "acme-guard")


@pytest.mark.parametrize("block", _of("yaml"))
def test_a_configuration_passes_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: Block
) -> None:
    if any(word in block.text for word in ELSEWHERE):
        pytest.skip("no configuration that stands by itself")
    for number, name in enumerate(re.findall(r"\$\{(\w+)\}", block.text)):
        monkeypatch.setenv(name, f"a-secret-of-the-environment-{number:04}-and-longer")
    given = set(re.findall(r"^(\w+):", block.text, re.MULTILINE))
    if "providers" in given:
        given.add("models")  # theirs are of the other provider
    around = [text for name, text in AROUND.items() if name not in given]
    path = tmp_path / "sluicegate.yaml"
    path.write_text("".join([block.text, *around]))
    path.chmod(0o600)
    done = CliRunner().invoke(main, ["check", str(path)])
    assert done.exit_code == 0, done.stderr


def test_the_mistakes_of_the_page_are_told_as_it_says(tmp_path: Path) -> None:
    [block] = [b for b in BLOCKS if b.page == "configuration.md" and b.language == "console"]
    wanted = block.text.splitlines()[1:]
    path = tmp_path / "sluicegate.yaml"
    path.write_text(
        "providers:\n"
        "  openai: {api_key: some-key-0123456789}\n"
        "keys: [{name: ci, key: some-key-of-ours-0123456789}]\n"
        "models:\n"
        "  smart:\n"
        "    strategy: fallback\n"
        "    targets:\n"
        "      - openai/a\n"
        "      - opnai/b\n"
        "timeouts:\n"
        "  connect_s: 5\n"
        "  first_bite_s: 60\n"
    )
    done = CliRunner().invoke(main, ["check", str(path)])
    assert done.stderr.replace(f"{path}", "sluicegate.yaml").splitlines() == wanted


# command lines


def _commands() -> Iterator[Any]:
    """Every line that a reader would type, and every `sluicegate ...` between backticks."""
    for block in BLOCKS:
        if block.language in {"sh", "console"}:
            for line in block.text.replace("\\\n", " ").splitlines():
                typed = line.removeprefix("$ ")
                if typed.startswith("sluicegate ") and (block.language == "sh" or line != typed):
                    yield pytest.param(typed, id=f"{block.page}: {typed[:60]}")
    for page in PAGES:
        for typed in re.findall(r"`(sluicegate [a-z][^`|]*)`", page.read_text()):
            yield pytest.param(typed, id=f"{page.name}: {typed[:60]}")


@pytest.mark.parametrize("typed", list(_commands()))
def test_a_command_line_parses(typed: str) -> None:
    words = shlex.split(re.split(r" [<>&|] ?| &$", typed)[0], comments=True)[1:]
    command: click.Command = main
    context = click.Context(main, info_name="sluicegate")
    while isinstance(command, click.Group) and words:
        name, found, words = command.resolve_command(context, words)
        assert found is not None, typed
        command, context = found, click.Context(found, context, info_name=name)
    options = {name for parameter in command.params for name in parameter.opts}
    unknown = [word for word in words if word.startswith("--") and word not in options]
    assert not unknown, f"{context.command_path} has no {unknown}"
    is_whole = "`" not in typed and any(not word.startswith("--") for word in words)
    if is_whole and not isinstance(command, click.Group):
        resilient = os.environ.get("SLUICEGATE_CONFIG", "sluicegate.yaml")
        command.make_context(context.info_name, [*words, *_config(command, words, resilient)])


def _config(command: click.Command, words: list[str], path: str) -> list[str]:
    """`--config`, which may stand in the environment."""
    wants = any("--config" in parameter.opts for parameter in command.params)
    return ["--config", path] if wants and "--config" not in words else []


# requests


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One that has `smart` and `cheap`, as the pages say."""
    targets = {"targets": ["u/ok-3"]}
    models = {"smart": targets, "cheap": targets}
    folder = tmp_path_factory.mktemp("documented")
    with (
        ScriptedUpstream() as upstream,
        Gateway(upstream.url, folder, models=models) as running,
    ):
        yield running


def test_the_clients_of_the_first_screen_get_their_answers(gateway: Gateway) -> None:
    """As README writes them, but for host and key."""
    written = re.findall(r"`((?:OpenAI|Anthropic|genai\.Client)\([^`]+\))`", PAGES[0].read_text())
    assert len(written) == 3
    names = {"OpenAI": openai.OpenAI, "Anthropic": anthropic.Anthropic, "genai": genai}
    hello: Any = [{"role": "user", "content": "Hello"}]
    texts = []
    for code in written:
        code = code.replace("api_key=...", f"api_key={KEY!r}")
        client = eval(code.replace("http://127.0.0.1:4000", gateway.url), names)
        match client:
            case openai.OpenAI():
                made = client.chat.completions.create(model="smart", messages=hello)
                texts.append(made.choices[0].message.content)
            case anthropic.Anthropic():
                message = client.messages.create(model="smart", max_tokens=9, messages=hello)
                texts.append(message.content[0].text)
            case _:
                texts.append(client.models.generate_content(model="smart", contents="Hi").text)
    assert len(set(texts)) == 1


def test_a_run_is_named_and_killed_as_the_page_says(gateway: Gateway) -> None:
    """The Python of the page, then its curl."""
    [block] = [b for b in BLOCKS if b.page == "limits.md" and b.language == "python"]
    names: dict[str, Any] = {"OpenAI": openai.OpenAI, "KEY": KEY}
    exec(block.text.replace("http://127.0.0.1:4000", gateway.url), names)
    hello = [{"role": "user", "content": "Hello"}]
    assert names["client"].chat.completions.create(model="smart", messages=hello).choices
    [kill] = _curls("limits.md")
    assert json.loads(_run(kill, gateway))["reason"] == "spends too much"


def _curls(page: str) -> list[str]:
    text = "\n".join(b.text for b in BLOCKS if b.page == page and b.language in {"sh", "console"})
    lines = text.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith(("$ curl ", "curl "))]


def _run(line: str, gateway: Gateway) -> str:
    environment = {**os.environ, "SLUICEGATE_ADMIN_KEY": ADMIN_KEY, "SLUICEGATE_KEY": KEY}
    line = line.replace("http://127.0.0.1:4000", gateway.url).replace("curl ", "curl -fsS ", 1)
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


def test_every_curl_line_is_answered(gateway: Gateway) -> None:
    """Those of a run are in its own test."""
    lines = [line for page in PAGES if page.name != "limits.md" for line in _curls(page.name)]
    assert lines
    for line in lines:
        assert json.loads(_run(line, gateway))


# the rest


@pytest.mark.parametrize("block", _of("json"))
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", _of("python"))
def test_python_compiles(block: Block) -> None:
    """What it does is tried by the tests of plugins and of the gate, and above."""
    compile(block.text, block.place, "exec")


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        is_lost = not file.exists() or (anchor and anchor not in _anchors(file))
        lost += [target] if is_lost else []
    assert not lost
