"""Administration by the command line, on the store itself: no gateway runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from sluicegate.accounting.keys import form_of, mint
from sluicegate.cli import main
from sluicegate.config import load
from sluicegate.store import Store, open_store
from sluicegate.store.judged import Count, Pair

from ..config.cases import U
from ..postgres import Server
from ..store.rows import row


@pytest.fixture(scope="session")
def server(postgres: Server) -> Server:
    """One PostgreSQL for all tests."""
    return postgres


class Shell:
    """Runs commands on one configuration."""

    def __init__(self, folder: Path, store: str = "sqlite") -> None:
        self.config = folder / "c.yaml"
        self.config.write_text(f"{U}data_dir: data\nstore: {store}\n")
        self.config.chmod(0o600)
        self._store: Store | None = None

    def run(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        environment = {"SLUICEGATE_CONFIG": str(self.config)}
        done = CliRunner().invoke(main, list(arguments), input=stdin, env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    def good(self, *arguments: str, stdin: str = "") -> str:
        """Standard output of a command that must succeed."""
        code, out, err = self.run(*arguments, stdin=stdin)
        assert code == 0, err
        return out

    def json(self, *arguments: str, stdin: str = "") -> Any:
        """The same as JSON."""
        return json.loads(self.good(*arguments, "--json", stdin=stdin))

    def store(self) -> Store:
        """The store that the commands work on."""
        self._store = self._store or open_store(load(self.config))
        return self._store

    def close(self) -> None:
        """Ends its connections."""
        if self._store is not None:
            self._store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    """On each store."""
    is_file = request.param == "sqlite"
    one = Shell(tmp_path, "sqlite" if is_file else request.getfixturevalue("server").database())
    yield one
    one.close()


def test_keys(shell: Shell) -> None:
    code, secret, err = shell.run(
        *("keys", "create", "ci", "--team", "core", "--model", "smart", "--metadata", "a=b=c"),
        *("--budget-usd", "5.5", "--budget-period", "day", "--rpm", "60"),
    )
    assert code == 0
    assert form_of(secret.strip()) == "minted"  # standard output is the secret alone
    assert "shown once" in err
    shown = shell.json("keys", "show", "ci")
    assert (shown["models"], shown["metadata"]) == (["smart"], {"a": "b=c"})
    assert {limit["name"] for limit in shown["limits"]} == {"key:ci:budget", "key:ci:rpm"}
    shell.good("keys", "update", "ci", "--tpm", "5", "--without", "rpm", "--without", "models")
    shown = shell.json("keys", "show", shown["id"])
    assert shown["models"] is None
    assert {limit["name"] for limit in shown["limits"]} == {"key:ci:budget", "key:ci:tpm"}
    rotated = shell.json("keys", "rotate", "ci", "--overlap-s", "0")
    assert rotated["key"] != secret.strip()
    assert len(rotated["record"]["credentials"]) == 1
    assert "revoked" in shell.good("keys", "revoke", "ci")
    assert "ci" in shell.good("keys", "list")
    assert "redacted-key_" in shell.good("keys", "delete", "ci")
    assert shell.json("keys", "list")["data"] == []
    assert secret.strip() not in shell.config.parent.joinpath("data").as_posix()


def test_a_keys_cache(shell: Shell) -> None:
    shell.good("keys", "create", "ci", "--cache", "on", "--cache-ttl-s", "30")
    assert shell.json("keys", "show", "ci")["cache"] == {"enabled": True, "ttl_s": 30.0}
    shell.good("keys", "update", "ci", "--cache-namespace", "tests")
    assert shell.json("keys", "show", "ci")["cache"] == {"namespace": "tests"}
    shell.good("keys", "update", "ci", "--without", "cache")
    assert shell.json("keys", "show", "ci")["cache"] is None


def test_a_key_is_bound_to_routes(shell: Shell) -> None:
    shell.good("keys", "create", "ci", "--route", "/v1/embeddings", "--provider", "u")
    shown = shell.json("keys", "show", "ci")
    assert (shown["routes"], shown["providers"]) == (["/v1/embeddings"], ["u"])
    shell.good("keys", "update", "ci", "--route", "/v1/messages", "--route", "/v1/embeddings")
    assert shell.json("keys", "show", "ci")["routes"] == ["/v1/messages", "/v1/embeddings"]
    [key] = shell.store().load_keys(0)
    assert key.routes == ["/v1/messages", "/v1/embeddings"]
    shell.good("keys", "update", "ci", "--without", "routes")
    assert shell.json("keys", "show", "ci")["routes"] is None


def test_cache(shell: Shell) -> None:
    assert shell.json("cache", "stats")["store"] == {"entries": 0, "bytes": 0, "vectors": 0}
    made = [
        shell.json("cache", "purge", *words)
        for words in (["--tag", "t"], ["--tenant", "team core"], ["--namespace", ""], ["--all"])
    ]
    named = [(each["kind"], each["value"]) for each in made]
    assert named == [("tag", "t"), ("tenant", "team /core"), ("namespace", ""), ("all", "")]
    assert shell.json("cache", "stats")["purges"] == made[-1:]
    assert "all" in shell.good("cache", "purge", "--all")
    assert "entries=0" in shell.good("cache", "stats")
    code, _, err = shell.run("cache", "purge", "--all", "--tag", "t")
    assert (code, err.strip()) == (
        1,
        ": name exactly one of key, tag, model, tenant, namespace, all",
    )


def test_a_report_of_the_cache_has_the_shadow_modes_hits_below(shell: Shell) -> None:
    assert "false_hit_rate" not in shell.good("cache", "report")
    shell.store().judged.add({Pair("smart", "key ci", "ngram", 99): Count(4, 1)})
    shown = shell.good("cache", "report")
    assert "false_hit_rate" in shown
    assert "0.25" in shown
    [row] = shell.json("cache", "report")["shadow"]
    assert (row["judged"], row["disagreements"]) == (4, 1)


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


@pytest.mark.parametrize("path", list(_commands(main)), ids=" ".join)
def test_every_command_explains_itself(tmp_path: Path, path: tuple[str, ...]) -> None:
    """Without a configuration; a slip in an option is told with exit code 2, and nothing more."""
    for word in ("--help", "-h"):
        done = CliRunner().invoke(main, [*path, word], env={})
        assert done.exit_code == 0
        assert done.stdout.startswith("Usage: ")
        assert len(done.stdout.split("\n\n")[1].strip()) > 5, "no word of what it does"
    slip = CliRunner().invoke(main, [*path, "--no-such-option"], env={})
    assert (slip.exit_code, slip.stdout) == (2, "")
    assert "No such option" in slip.stderr


def test_a_secret_is_on_standard_output_once_and_nowhere_else(shell: Shell) -> None:
    code, out, err = shell.run("keys", "create", "ci", "--user", "ann")
    secret = out.strip()
    assert (code, out) == (0, f"{secret}\n")
    said = [err]
    for arguments in (
        ["keys", "show", "ci"],
        ["keys", "show", "ci", "--json"],
        ["keys", "list"],
        ["keys", "list", "--json"],
        ["keys", "update", "ci", "--rpm", "1"],
        ["keys", "revoke", "ci", "--json"],
        ["users", "list", "--json"],
    ):
        code, out, err = shell.run(*arguments)
        assert code == 0
        said += [out, err]
    assert secret not in "".join(said)
    assert secret.removeprefix("sk-sg-")[:8] not in "".join(said)


OWN = "sk-own-of-core-0123456789-last"


def test_provider_keys(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shell.json("provider-keys", "create", "u", "--team", "core", stdin=f"{OWN}\n")
    assert (made["provider"], made["team"], made["hint"]) == ("u", "core", "...last")
    shell.good("keys", "create", "ci", "--team", "core")
    of_key = shell.json("provider-keys", "create", "u", "--key", "ci", stdin="sk-own-of-ci-012345")
    assert [each["id"] for each in shell.json("provider-keys", "list")["data"]] == [
        made["id"],
        of_key["id"],
    ]
    assert shell.json("provider-keys", "list", "--provider", "other")["data"] == []
    monkeypatch.setenv("NEXT_KEY", "sk-own-of-core-0123456789-next")
    shell.good("provider-keys", "rotate", "u", "--team", "core", "--from-env", "NEXT_KEY")
    assert "...next" in shell.good("provider-keys", "list")
    shell.good("provider-keys", "rotate", made["id"], stdin=OWN)
    assert "...last" in shell.good("provider-keys", "list")
    shell.good("provider-keys", "delete", "u", "--team", "core")
    shell.good("provider-keys", "delete", of_key["id"])
    assert shell.json("provider-keys", "list")["data"] == []


def test_a_credential_is_shown_by_no_command(shell: Shell) -> None:
    create = ("provider-keys", "create", "u", "--team", "core")
    said = [*shell.run(*create, stdin=OWN), *shell.run(*create, "--json", stdin=OWN)]
    said += shell.run("provider-keys", "rotate", "u", "--team", "core", stdin=f"{OWN} \n")
    said += shell.run("provider-keys", "list", "--json")
    assert OWN[:-4] not in "".join(map(str, said))
    kept = b"".join(path.read_bytes() for path in shell.config.parent.rglob("*.sqlite*"))
    assert OWN.encode() not in kept


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        ("create u", OWN, "team: say whose it is"),
        ("create v --team core", OWN, "provider: no provider 'v' is configured"),
        ("create u --team core", "", "no credential came on standard input"),
        ("create u --team core", "sk-a\nsk-b\n", "api_key: is not a key that a header can carry"),
        ("create u --team core", "none", "api_key: is not a key that a header can carry"),
        ("create u --team core", "x" * 9000, "api_key: must have at most 4096 characters"),
        ("create u --team core --from-env NO_SUCH", "", "variable NO_SUCH is not set or empty"),
        ("create u --key nobody", OWN, "there is no key 'nobody'"),
        ("create u --team core --key ci", OWN, "team: say whose it is"),
        ("rotate u", OWN, "'u' is no id: say whose"),
        ("rotate pkey_x", OWN, "'pkey_x' is no id"),
        ("rotate u --team core", OWN, "team 'core' has no credential of its own for 'u'"),
        ("delete u --organisation acme --team core", "", "organisation 'acme'"),
    ],
)
def test_what_is_wrong_with_a_credential_is_said(
    tmp_path: Path, arguments: str, stdin: str, says: str
) -> None:
    code, out, err = Shell(tmp_path).run("provider-keys", *arguments.split(), stdin=stdin)
    assert code in {1, 2}
    assert out == ""
    assert says in err
    assert "sk-" not in err


def test_an_owner_has_one_credential_for_a_provider(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    create = ("provider-keys", "create", "u", "--team", "core")
    shell.good(*create, stdin=OWN)
    code, _, err = shell.run(*create, stdin=OWN)
    assert (code, "this owner's credential for u" in err, "is there already" in err) == (
        1,
        True,
        True,
    )
    shell.close()


def test_what_the_commands_do_is_in_the_trail(shell: Shell) -> None:
    shell.good("keys", "create", "ci")
    with shell.store().reading() as transaction:
        [(actor, action)] = transaction.execute("SELECT actor, action FROM audit")
    assert actor.startswith("cli:")
    assert action == "create"


def test_identities(shell: Shell) -> None:
    shell.good("teams", "create", "core", "--organisation", "acme", "--metadata", "floor=3")
    shell.good("users", "create", "alice", "--organisation", "acme", "--team", "core")
    assert [each["name"] for each in shell.json("organisations", "list")["data"]] == ["acme"]
    assert shell.json("teams", "show", "core")["metadata"] == {"floor": "3"}
    assert "floor=4" in shell.good("teams", "update", "core", "--metadata", "floor=4")
    code, _, err = shell.run("teams", "delete", "core")
    assert (code, err) == (1, "Error: team 'core' is not empty\n")
    shell.good("users", "delete", "alice")
    shell.good("teams", "delete", "core")
    shell.good("projects", "list")
    shell.good("users", "redact", "somebody")


def test_limits_and_budgets(shell: Shell) -> None:
    shell.good(
        "budgets", "create", "core", "--usd", "200", "--per", "month", "--scope", "team=core"
    )
    shell.good(
        *("limits", "create", "each", "--requests", "20", "--per", "minute", "--burst", "5"),
        *("--scope", "team=core", "--scope", "end_user=*", "--notify", "90"),
    )
    assert [each["rule"]["name"] for each in shell.json("budgets", "list")["data"]] == ["core"]
    assert shell.json("limits", "show", "each")["rule"]["scope"] == {
        "team": "core",
        "end_user": "*",
    }
    shell.good("budgets", "update", "core", "--usd", "300")
    assert shell.json("budgets", "show", "core")["rule"]["cost_usd"] == "300"
    shell.good("limits", "update", "each", "--requests", "30")
    assert shell.json("budgets", "reset", "core")["reset_at"] is not None
    shell.good("limits", "delete", "each")
    assert [each["rule"]["name"] for each in shell.json("limits", "list")["data"]] == ["core"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["budgets", "show", "each"],
        ["budgets", "update", "each", "--per", "day"],
        ["budgets", "update", "each", "--usd", "5"],
        ["budgets", "reset", "each"],
        ["budgets", "delete", "each"],
    ],
    ids=" ".join,
)
def test_a_limit_on_something_else_is_no_budget(shell: Shell, arguments: list[str]) -> None:
    shell.good("limits", "create", "each", "--requests", "20", "--per", "minute")
    before = shell.json("limits", "show", "each")
    code, _, err = shell.run(*arguments)
    assert code == 1
    assert "'each' is a limit on requests, and no budget: a budget is a limit on cost" in err
    assert shell.json("limits", "show", "each") == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["limits", "create", "x", "--requests", "1"], "per: is missing"),
        (["limits", "create", "x", "--per", "day"], "must have exactly one of"),
        (
            ["limits", "create", "x", "--requests", "1", "--per", "day", "--scope", "a"],
            "NAME=VALUE",
        ),
        (
            ["limits", "create", "x", "--requests", "1", "--per", "day", "--scope", "teem=a"],
            'did you mean "team"?',
        ),
        (["keys", "create", "x", "--route", "/v1/embedings"], 'mean "/v1/embeddings"?'),
        (["keys", "update", "x"], "nothing to change"),
        (["limits", "update", "x"], "nothing to change"),
        (["budgets", "update", "x"], "nothing to change"),
        (["keys", "show", "nobody"], "there is no key 'nobody'"),
        (["keys", "create", ""], "name: must not be empty"),
        (["keys", "create", "x", "--expires-at", "soon"], "is no time"),
        (["spend", "--from", "yesterday"], "is no time"),
        (["budgets", "show", "x"], "there is no limit 'x'"),
        (["runs", "show", "never"], "there is no run 'never'"),
    ],
    ids=" ".join,
)
def test_mistakes_are_one_line_and_exit_code_1_or_2(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    code, out, err = Shell(tmp_path).run(*arguments)
    assert code in {1, 2}
    assert out == ""
    assert says in err
    assert "Traceback" not in err


def test_runs(shell: Shell) -> None:
    shell.store().write([row(1, run="r1", cost_usd="0.25", input_tokens=5, output_tokens=6)])
    assert "r1" in shell.good("runs", "list")
    killed = shell.json("runs", "kill", "r1", "--reason", "it loops")
    assert (killed["reason"], killed["sums"]["cost_usd"]) == ("it loops", "0.25")
    assert [run.run for run in shell.store().governance(0, 0).killed_runs] == ["r1"]
    assert shell.json("runs", "revive", "r1")["killed_at"] is None
    assert shell.json("runs", "show", "r1")["sums"]["total_tokens"] == 11


def test_spend(shell: Shell) -> None:
    shell.store().write([row(n, team=f"t{n % 2}", cost_usd="0.0000001") for n in range(10)])
    lines = [line.split() for line in shell.good("spend", "--by", "team").splitlines()]
    assert lines == [
        ["team", "requests", "input_tokens", "output_tokens", "cost_usd", "unpriced"],
        ["t0", "5", "0", "0", "0.0000005", "0"],
        ["t1", "5", "0", "0", "0.0000005", "0"],
        ["all", "10", "0", "0", "0.000001", "0"],
    ]
    one = shell.json("spend", "--where", "team=t1", "--from", "2026-11-23", "--to", "2026-11-24")
    assert one["total"]["requests"] == 5


def test_the_export_is_of_either_store(shell: Shell) -> None:
    shell.store().write([row(1, cost_usd="0.0000001", user="a")])
    out = shell.good("ledger", "export", "--config", str(shell.config), "--format", "jsonl")
    assert json.loads(out)["cost_usd"] == "0.0000001"


def test_a_store_that_is_away_is_one_line(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "postgresql://u:store-secret-1@127.0.0.1:9/d")
    for arguments in (["keys", "list"], ["ledger", "export", "--config", str(shell.config)]):
        code, _, err = shell.run(*arguments)
        assert code == 1
        assert "Error:" in err
        assert "store-secret-1" not in err


def test_a_master_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.good("keys", "list")
    (tmp_path / "data" / "master.key").chmod(0o644)
    code, _, err = shell.run("keys", "create", "a")
    assert code == 1
    assert "chmod 600" in err


def test_another_master_key_is_refused(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.good("keys", "create", "a")
    (tmp_path / "data" / "master.key").unlink()
    code, _, err = shell.run("keys", "create", "b")
    assert code == 1
    assert "another master key" in err


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (mint(), 0, "as this gateway makes them"),
        (mint()[:-1] + "_", 1, "has a slip in it"),
        ("sk-other", 1, "not a key that this gateway made"),
    ],
    ids=["right", "slip", "foreign"],
)
def test_a_slip_is_told_without_a_store(tmp_path: Path, text: str, code: int, says: str) -> None:
    got, out, _ = Shell(tmp_path).run("keys", "inspect", stdin=f"{text}\n")
    assert got == code
    assert says in out
    assert not (tmp_path / "data").exists()


def test_a_terminal_is_not_moved_by_a_name(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.store().write([row(1, run="r\x1b[2J")])
    assert "\x1b" not in shell.good("runs", "list")
    shell.close()


def test_what_the_cache_saved(shell: Shell) -> None:
    hit = {"attempt": 0, "outcome": "cached", "cache": "hit", "saved_usd": "0.5", "saved_ms": 250}
    shell.store().write([row(1, cache="miss", key_name="ci"), row(2, **hit, key_name="ci")])
    report = shell.json("cache", "report", "--by", "key", "--since", "2026-11-23")
    assert [(each["group"], each["sums"]["hits"]) for each in report["data"]] == [
        ({"key": "ci"}, 1)
    ]
    header, ci, total = shell.good("cache", "report", "--by", "key").splitlines()
    assert header.split()[:5] == ["key", "requests", "hits", "semantic_hits", "hit_rate"]
    assert ci.split() == ["ci", "2", "1", "0", "0.5", "0.5", "0.25", "0", "0"]
    assert total.split() == ["all", *ci.split()[1:]]
    assert len(shell.good("cache", "report").splitlines()) == 2
    assert shell.run("cache", "report", "--since", "soon")[0] == 1
