"""AU-02, AU-10, AU-11: what is secret stays so, in stores, logs, errors and process lists; what is
text stays text.
"""

from __future__ import annotations

import ast
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg import sql

import sluicegate

from ..client import Ask, run_asks
from ..gateway import ADMIN_KEY, KEY, OTHER_KEY, UPSTREAM_KEYS, Gateway
from ..postgres import Server
from ..upstream import ScriptedUpstream
from ..upstream.connection import Connection
from ..upstream.exchange import Exchange
from ..upstream.framing import head
from ..upstream.loopback import LoopbackServer
from ..upstream.test_upstream import ENDING
from .checks import asks, eventually, ref
from .conftest import Start
from .test_au import TEXTS

MASTER = "master-key-of-the-test-0123456789abcdef"
SECRET_HEADER = "value-of-a-secret-header-0123456789"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with Server() as running:
        yield running


def with_secrets(**settings: Any) -> dict[str, Any]:
    """Settings with a secret in every place that takes one."""
    headers = {"headers": {"x-of-the-house": SECRET_HEADER}}
    return {"master_key": MASTER, "providers": {"u": headers, "a": headers}, **settings}


def minted(gateway: Gateway, name: str, **fields: Any) -> tuple[str, str]:
    """A key of the store and its id, in force."""
    answer = gateway.admin("POST", "/admin/v1/keys", {"name": name, **fields})
    assert answer.status_code == 201, answer.text
    key = answer.json()["key"]
    headers = {"authorization": f"Bearer {key}"}
    if not fields.get("role"):
        assert eventually(
            lambda: httpx.get(f"{gateway.url}/v1/models", headers=headers).status_code == 200
        )
    return key, answer.json()["record"]["id"]


def secrets_of(*keys: str) -> list[str]:
    """All that must stand nowhere; of minted keys their random part alone too."""
    fixed = [KEY, OTHER_KEY, ADMIN_KEY, MASTER, SECRET_HEADER, *UPSTREAM_KEYS.values()]
    return [*fixed, *keys, *(key.removeprefix("sk-sg-")[:16] for key in keys)]


def found_in(text: str, secrets: list[str]) -> list[str]:
    """Secrets in a text, also as JSON, URLs and logs would write them."""
    return [each for each in secrets if each in text or quote(each) in text]


# AU-02


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_au_02_nothing_that_is_kept_has_a_secret_in_it(
    own_gateway: Start, request: pytest.FixtureRequest, store: str
) -> None:
    url = "sqlite"
    if store == "postgres":
        url = request.getfixturevalue("postgres").database()
    gateway = own_gateway(**with_secrets(store=url))
    key, key_id = minted(gateway, "minted", team="t", metadata={"a": "b"})
    rotated = gateway.admin("POST", f"/admin/v1/keys/{key_id}/rotate", {}).json()["key"]
    admin, _ = minted(gateway, "admin", role="team_admin", team="t")
    for name in ("ok-2", "fault-500", "fault-auth-rejected", "fault-midstream-fin-after-2"):
        for each in (KEY, key):
            for stream in (False, True):
                asks(gateway, [Ask(f"u/{name}", stream=stream, key=each)])
    httpx.get(f"{gateway.url}/admin/v1/keys", headers={"x-api-key": admin})
    assert eventually(lambda: len(gateway.ledger()) >= 16, 5)
    secrets = secrets_of(key, rotated, admin)
    dumped = _postgres_dump(url) if store == "postgres" else _sqlite_dump(gateway)
    assert "minted" in dumped
    assert found_in(dumped, secrets) == []
    for path in (gateway.folder / "data").rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"
            assert found_in(path.read_bytes().decode("latin-1"), secrets) == [], path


def _sqlite_dump(gateway: Gateway) -> str:
    path = gateway.folder / "data" / "sluicegate.sqlite"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return "\n".join(database.iterdump())


def _postgres_dump(url: str) -> str:
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        rows = [
            connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall()
            for (name,) in tables
        ]
    return repr(rows)


# AU-10


def test_au_10_templates_and_orders_are_kept_as_they_came(own_gateway: Start) -> None:
    """Every field of a request that is kept: the ledger has it letter by letter."""
    gateway = own_gateway()
    texts = [*TEXTS, "{{7*7}}", "${jndi:ldap://127.0.0.1:9/a}", "__import__('os').system('id')"]
    texts += ["{0.__class__}", "%(name)s %n", "!!python/object/apply:os.system [id]", "<%= 7*7 %>"]
    sent = {}
    for text in texts:
        plain = text.replace("\t", " ").encode("ascii", "replace").decode().strip()
        headers = {
            "x-sluicegate-user": plain,
            "x-sluicegate-run": plain,
            "x-sluicegate-team-tag": plain,
            "x-sluicegate-metadata": json.dumps({plain: plain}),
        }
        what = Ask("u/ok-1", headers=headers, ref=ref("au10"))
        sent[what.ref] = (plain, asks(gateway, [what])[0])
    rows = gateway.rows_of(sent)
    for row_ref, (plain, got) in sent.items():
        [row] = rows[row_ref]
        assert got.status == 200, got.raw
        assert (row["user"], row["run"], row["tags"]) == (plain, plain, plain)
        metadata = row["metadata"]
        metadata = json.loads(metadata) if isinstance(metadata, str) else metadata
        assert metadata == {plain: plain}
    assert "49" not in {row["user"] for each in rows.values() for row in each}


_FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "execfile", "breakpoint"}
_FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "jinja2", "mako", "code", "codeop"}
_SHELLS = {"system", "popen", "getoutput", "getstatusoutput"}


def test_au_10_nothing_in_the_tree_can_evaluate_what_it_reads() -> None:
    """No eval, no pickles, no loader that makes objects, no shell, no template out of a variable."""
    folder = Path(str(sluicegate.__file__)).parent
    files = list(folder.rglob("*.py"))
    assert len(files) > 100
    wrong = [
        f"{path.relative_to(folder)}:{line}: {what}"
        for path in files
        for line, what in _evaluations(ast.parse(path.read_text()))
    ]
    assert wrong == []


def _evaluations(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = {getattr(node, "module", None), *names} if node else set()
            for module in modules & _FORBIDDEN_MODULES:
                yield node.lineno, f"imports {module}"
        if isinstance(node, ast.Call):
            yield from _call(node)


def _call(node: ast.Call) -> Iterator[tuple[int, str]]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in _FORBIDDEN_CALLS:
        yield node.lineno, name
    if not isinstance(node.func, ast.Attribute):
        return
    called = ast.unparse(node.func)
    if called in {f"os.{each}" for each in _SHELLS} | {f"subprocess.{each}" for each in _SHELLS}:
        yield node.lineno, called
    if any(each.arg == "shell" for each in node.keywords):
        yield node.lineno, "shell="
    if called in {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"}:
        loader = [ast.unparse(each.value) for each in node.keywords if each.arg == "Loader"]
        if not loader or "Safe" not in loader[0]:
            yield node.lineno, called
    receiver = node.func.value
    is_constant = isinstance(receiver, ast.Constant) or (
        isinstance(receiver, ast.Name) and receiver.id.lstrip("_").isupper()
    )
    is_template = node.func.attr in {"format", "format_map"} and called != "msgspec.json.format"
    if is_template and not is_constant:
        yield node.lineno, f"a template out of {ast.unparse(receiver)}"


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [id]",
        "!!python/name:os.system",
        "!<tag:x> 1",
        "!!binary eA==",
    ],
)
def test_au_10_a_tag_in_the_configuration_makes_nothing(tmp_path: Path, text: str) -> None:
    gateway = Gateway("http://127.0.0.1:9", tmp_path)
    gateway.write_config()
    gateway.config_path.write_text(f"data_dir: {text}\n")
    gateway.write_config = lambda **_: None  # type: ignore[method-assign]  # the file stays
    with pytest.raises(AssertionError, match=r"sluicegate\.yaml:1"):
        gateway.start()


# AU-11


class Quoting(LoopbackServer):
    """An upstream that says what it was given: `quote-STATUS` in the body of its errors."""

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """Quotes every header."""
        status = int(exchange.json["model"].removeprefix("quote-"))
        said = ", ".join(value for _, value in exchange.headers)
        error = {"message": f"no: {said}", "type": said, "code": said, "param": said}
        body = json.dumps({"type": "error", "error": error}).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Debug", said),
            ("Location", f"http://127.0.0.1:9/?{said}"),
        ]
        await connection.send(head(status, "Quoting", headers) + body)


@pytest.fixture
def debugging(
    own_gateway: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Gateway, Quoting]]:
    """The real command with every logger at debug level, in front of both upstreams."""
    hook = "import logging\nlogging.basicConfig(level=1, format='%(name)s %(message)s')\n"
    (tmp_path / "sitecustomize.py").write_text(hook)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(Gateway, "is_executed", True)
    monkeypatch.setenv("RUST_LOG", "trace")
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    monkeypatch.setenv("SLUICEGATE_TEST_PANICS", "admit=u/panic,attempt=u/ok-1@panic")
    with Quoting() as quoting:
        settings = with_secrets()
        for name, dialect in (("q", "openai"), ("b", "anthropic")):
            settings["providers"][name] = {
                "dialect": dialect,
                "base_url": f"{quoting.url}/v1",
                "api_key": f"sk-quoted-{name}-0123456789",
                "headers": {"x-of-the-house": SECRET_HEADER},
            }
        yield own_gateway(**settings), quoting


#: a line that is not told at the level of a gateway in use
TOLD_AT_INFO = "the store's keys and limits are known"
QUOTED = ["sk-quoted-q-0123456789", "sk-quoted-b-0123456789"]
STATUSES = [302, 400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503, 529]


def test_au_11_no_secret_leaves_whatever_happens(
    debugging: tuple[Gateway, Quoting], upstream: ScriptedUpstream
) -> None:
    """Every fault that comes to an end and an upstream that quotes its request, in both dialects,
    with every kind of key, at debug level: nothing in answers, logs, ledger, trail, process lists.
    """
    gateway, _ = debugging
    key, _ = minted(gateway, "minted")
    upstream.log.canaries.update({key, ADMIN_KEY, MASTER})
    secrets = [*secrets_of(key), *QUOTED]
    names = [f"{p}/{name}" for name in ENDING if "giant" not in name for p in ("u", "a")]
    names += [f"{p}/quote-{status}" for status in STATUSES for p in ("q", "b")]
    names += ["u/panic", "u/ok-1@panic", "dead/x", "nobody/x", f"u/{'x' * 300}"]
    what = [
        Ask(name, dialect=dialect, stream=stream, key=each)
        for name in names
        for number, (dialect, stream) in enumerate(_FORMS)
        for each in ([KEY, key][number % 2],)
    ]
    got = run_asks(gateway.url, KEY, what, concurrency=32)
    for one in got:
        said = one.raw.decode("latin-1") + repr(one.headers)
        assert found_in(said, secrets) == [], one.ask.model
    for path in ("/admin/v1/config", "/admin/v1/keys", "/admin/v1/audit", "/admin/v1/spend?by=key"):
        assert found_in(gateway.admin("GET", path).text, [*secrets_of(key), *QUOTED]) == [], path
    assert TOLD_AT_INFO in gateway.log(), "the level was not debug"
    assert found_in(gateway.log(), secrets) == []
    assert found_in(json.dumps(gateway.ledger()), secrets) == []
    for pid in gateway.processes():
        cmdline = Path(f"/proc/{pid}/cmdline").read_text()
        assert "sluicegate" in cmdline
        assert found_in(cmdline, secrets) == []
    assert len(got) > 800
    assert upstream.log.canary_hits == []


_FORMS = [(dialect, stream) for dialect in ("openai", "anthropic") for stream in (False, True)]


#: how an upstream writes what it quotes
QUOTES = {
    "plain": json.dumps,
    "in part": lambda secret: json.dumps(f"{secret[:14]}... is wrong"),
    "escaped": lambda secret: '"' + "".join(f"\\u{ord(each):04x}" for each in secret) + '"',
}


class QuotingInside(LoopbackServer):
    """An upstream whose streams break after a word with an event that quotes a header."""

    def __init__(self, quote: Callable[[str], str]) -> None:
        super().__init__()
        self._quote = quote

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """A role, a word, the error."""
        key = exchange.header("authorization") or exchange.header("x-api-key") or ""
        said = self._quote(key.removeprefix("Bearer "))
        error = f'{{"message":{said},"type":{said},"code":{said},"param":{said}}}'
        if exchange.path.endswith("/messages"):
            block = '{"type":"text","text":"word"}'
            events = [
                '{"type":"message_start","message":{"id":"x","content":[],"usage":{}}}',
                f'{{"type":"content_block_start","index":0,"content_block":{block}}}',
                f'{{"type":"error","error":{error}}}',
            ]
        else:
            delta = '{"role":"assistant","content":"word"}'
            events = [
                f'{{"id":"x","choices":[{{"index":0,"delta":{delta}}}]}}',
                f'{{"error":{error}}}',
            ]
        body = "".join(f"data: {event}\n\n" for event in events).encode()
        headers = [("Content-Type", "text/event-stream"), ("Content-Length", str(len(body)))]
        await connection.send(head(200, "OK", headers) + body)


@pytest.mark.parametrize("quote", QUOTES)
@pytest.mark.parametrize("provider", ["q", "b"])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_au_11_an_error_inside_a_stream_quotes_no_credential(
    own_gateway: Start, dialect: str, provider: str, quote: str
) -> None:
    with QuotingInside(QUOTES[quote]) as quoting:
        providers = {
            name: {"dialect": spoken, "base_url": f"{quoting.url}/v1", "api_key": secret}
            for (name, spoken), secret in zip(
                [("q", "openai"), ("b", "anthropic")], QUOTED, strict=True
            )
        }
        gateway = own_gateway(providers=providers)
        [got] = asks(gateway, [Ask(f"{provider}/m", dialect=dialect, stream=True)])
    assert got.text == "word"
    assert got.error is not None, got.raw
    assert got.terminators == 0
    assert "***" in got.error["message"]
    secret = QUOTED[provider == "b"]
    for place in (json.dumps(got.payloads), got.raw.decode(), gateway.log()):
        assert secret[:12] not in place
    assert "\\u00" not in got.raw.decode()


def test_au_11_a_prompt_is_in_no_log(debugging: tuple[Gateway, Quoting]) -> None:
    """Not even where it has the gateway fail."""
    gateway, _ = debugging
    prompt = "PROMPT-CANARY-0123456789"
    names = [name for name in ENDING if "giant" not in name]
    what = [Ask(f"u/{name}", text=prompt, stream=stream) for name in names for stream in (0, 1)]
    what += [
        Ask("u/panic", text=prompt),
        Ask("u/ok-1@panic", text=prompt),
        Ask("dead/x", text=prompt),
    ]
    what += [Ask("a/ok-1", text=prompt, fields={"tools": [{"type": prompt}]})]
    asks(gateway, what, concurrency=32)
    assert TOLD_AT_INFO in gateway.log()
    assert prompt not in gateway.log()
    assert prompt not in json.dumps(gateway.ledger())


def test_au_11_secrets_print_as_stars(tmp_path: Path) -> None:
    """Whoever prints what the configuration became."""
    from sluicegate.config import load

    gateway = Gateway("http://127.0.0.1:9", tmp_path, **with_secrets())
    gateway.write_config()
    settings = load(gateway.config_path)
    for shown in (repr(settings), str(settings), repr(settings.keys), f"{settings.upstreams}"):
        assert found_in(shown, secrets_of()) == []
