"""When credentials are fetched, what is sent meanwhile, and what configurations they are of."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from sluicegate.config import Settings, load
from sluicegate.config.settings import Upstream
from sluicegate.config.sources import Source
from sluicegate.credentials import CredentialError, Lease, Renewal
from sluicegate.credentials.renewal import EARLY_S, LEAST_S, wait_s

from ..faults.checks import eventually


def settings(folder: Path, *names: str) -> Settings:
    path = folder / "c.yaml"
    fields = 'dialect: gemini, base_url: "http://h/v1", google_credentials: {}'
    providers = [f"{name}: {{{fields.format(name)}}}" for name in names]
    providers.append('w: {dialect: openai, base_url: "http://h", api_key: none}')
    path.write_text(f"auth: none\nproviders: {{{', '.join(providers)}}}")
    path.chmod(0o600)
    return load(path)


class Bank:
    """Gives `NAME-1`, `NAME-2` ... for as long as it is told to; waits for what is closed."""

    def __init__(self, lives_s: float = 3600.0) -> None:
        self.lives_s = lives_s
        self.given: dict[str, int] = {}
        self.closed: set[str] = set()
        self.silent: dict[str, threading.Event] = {}

    def fetch(self, source: Source) -> Lease:
        name = getattr(source, "file")  # noqa: B009  # of the one kind that is used here
        if name in self.silent:
            self.silent[name].wait(20)
        if name in self.closed:
            raise CredentialError(f"{name} is closed")
        self.given[name] = self.given.get(name, 0) + 1
        header = ("authorization", f"Bearer {name}-{self.given[name]}")
        return Lease((header,), lives_s=self.lives_s)


def sent(renewal: Renewal, loaded: Settings, name: str = "a") -> Upstream:
    return renewal.applied(loaded).upstreams[name]


@pytest.mark.parametrize(
    ("lives_s", "wanted_s"),
    [(3600, 3600 - EARLY_S), (400, 200), (100, 50), (0.5, LEAST_S), (-5, LEAST_S)],
)
def test_a_short_life_is_renewed_at_its_half(lives_s: float, wanted_s: float) -> None:
    assert wait_s(lives_s) == wanted_s


def test_what_is_sent_is_the_newest_and_says_when_it_ends(tmp_path: Path) -> None:
    loaded, bank = settings(tmp_path, "a", "b"), Bank()
    told = threading.Event()
    renewal = Renewal(loaded, on_change=told.set, fetch=bank.fetch)
    before = sent(renewal, loaded)
    assert (before.headers, before.holds_until_s) == ((), 0.0)
    renewal.start()
    assert told.is_set()
    now = sent(renewal, loaded)
    assert now.headers == (("authorization", "Bearer a-1"),)
    assert now.holds_until_s is not None
    assert 3590 < now.holds_until_s - time.time() <= 3600
    assert renewal.applied(loaded).upstreams["w"] == loaded.upstreams["w"]
    renewal.stop()


def test_one_is_renewed_before_its_end_and_kept_while_that_fails(tmp_path: Path) -> None:
    loaded, bank = settings(tmp_path, "a"), Bank(lives_s=2.0)
    renewal = Renewal(loaded, fetch=bank.fetch)
    renewal.start()
    assert eventually(lambda: bank.given["a"] >= 2, 5)
    bank.closed.add("a")
    assert eventually(lambda: "a" in bank.closed, 1)
    held = sent(renewal, loaded).headers
    time.sleep(1.5)  # the next renewal fails meanwhile
    assert sent(renewal, loaded).headers == held
    renewal.stop()


def test_one_who_does_not_answer_holds_up_no_other(tmp_path: Path) -> None:
    loaded, bank = settings(tmp_path, "a", "b"), Bank(lives_s=2.0)
    renewal = Renewal(loaded, fetch=bank.fetch)
    renewal.start()
    bank.silent["a"] = threading.Event()
    assert eventually(lambda: bank.given["b"] >= 3, 8)
    assert bank.given["a"] <= 2
    bank.silent.pop("a").set()
    renewal.stop()


def test_a_failure_names_the_providers_and_what_was_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded, bank = settings(tmp_path, "a"), Bank()
    bank.closed.add("a")
    renewal = Renewal(loaded, fetch=bank.fetch)
    renewal.start()
    assert sent(renewal, loaded).holds_until_s == 0.0
    assert "provider a: no new credential (it has none): a is closed" in caplog.text
    renewal.stop()


def test_a_configuration_that_is_read_again_keeps_what_is_good(tmp_path: Path) -> None:
    bank = Bank()
    loaded = settings(tmp_path, "a")
    before = Renewal(loaded, fetch=bank.fetch)
    before.start()
    bank.closed.add("a")  # who gave it is away meanwhile
    loaded = settings(tmp_path, "a", "b")
    renewal = Renewal(loaded, before=before, fetch=bank.fetch)
    renewal.start()
    assert sent(renewal, loaded, "a").headers == (("authorization", "Bearer a-1"),)
    assert sent(renewal, loaded, "b").headers == (("authorization", "Bearer b-1"),)
    for each in (before, renewal):
        each.stop()
