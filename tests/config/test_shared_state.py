"""`shared_state`: what is taken, and the usual mistakes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sluicegate.cli import main
from sluicegate.config.shared_state import problem_of_url

SECRET = "pa55word-of-the-server"

GOOD = [
    "redis://127.0.0.1",
    "redis://127.0.0.1:6379/3",
    "redis://[::1]:6379/0",
    f"redis://:{SECRET}@cache.internal:6379",
    f"rediss://user:{SECRET}%2F%40@cache.internal/0",
    "unix:///run/redis/redis.sock",
]

#: what is written, and what the message must say
BAD = {
    "127.0.0.1:6379": "must be local or redis://",
    "redis:127.0.0.1": "must be local or redis://",
    "valkey://h": "must begin with redis://",
    "valkeys://h": "must begin with rediss://",
    "http://h:6379": "must begin with redis://",
    "memcached://h": "must be local or redis://",
    "redis://": "names no host",
    "redis://h:port": "%2F",
    f"redis://:{SECRET}/@h:6379": "%2F",
    f"redis://:{SECRET}#@h:6379": "%23",
    "redis://h:6379/cache": "number of a database",
    "redis://h:6379?db=1": "behind a ?",
    "unix://run/redis.sock": "unix:///path",
    "unix:///": "names no socket",
}


@pytest.mark.parametrize("url", GOOD)
def test_urls_that_are_taken(url: str) -> None:
    assert problem_of_url(url) is None


@pytest.mark.parametrize("url", BAD)
def test_mistakes_say_what_to_write(url: str) -> None:
    problem = problem_of_url(url)
    assert problem is not None
    assert BAD[url] in problem
    assert SECRET not in problem


def _check(folder: Path, url: str) -> tuple[int, str]:
    path = folder / "c.yaml"
    path.write_text(
        f"shared_state: '{url}'\n"
        "providers: {u: {dialect: openai, base_url: 'http://127.0.0.1:9/v1', api_key: none}}\n"
    )
    path.chmod(0o600)
    done = CliRunner().invoke(main, ["check", str(path)])
    return done.exit_code, done.output


def test_check_names_the_field_and_never_the_password(tmp_path: Path) -> None:
    code, said = _check(tmp_path, f"redis://:{SECRET}@h:x")
    assert code == 1
    assert "c.yaml:1: shared_state: has no port" in said
    assert SECRET not in said


def test_check_says_that_hosts_with_sqlite_know_only_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", SECRET)
    code, said = _check(tmp_path, "redis://:${REDIS_PASSWORD}@h:6379")
    assert code == 0
    assert "only its own ledger" in said
    assert SECRET not in said
