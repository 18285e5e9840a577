"""The examples of `docs/limits.md` are configurations that are accepted, and its events are real."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sluicegate.accounting.alerts import tell
from sluicegate.config import load

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = (REPOSITORY / "docs" / "limits.md").read_text()
BASE = """
providers:
  openai: {api_key: sk-0123456789}
models:
  smart: {targets: [openai/gpt-5.5]}
  cheap: {targets: [openai/gpt-5-mini]}
"""


def examples(kind: str) -> list[str]:
    """The page's blocks of one language."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", examples("yaml"))
def test_an_example_is_accepted(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_KEY", "a-key-of-enough-characters")
    file = tmp_path / "sluicegate.yaml"
    file.write_text(BASE + example)
    file.chmod(0o600)
    settings = load(file)
    assert settings.limits


class Told:
    """A core in which one threshold was reached, and an endpoint."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def alerts(self) -> list[tuple[str, str, str, str, int]]:
        """None."""
        return []

    def crossings(self) -> list[tuple[str, str, int, str, str]]:
        """The page's."""
        return [("core-money", "", 80, "160.02", "200")]

    def send(self, event: Any) -> None:
        """Keeps it."""
        self.events.append(event)


def test_the_event_is_what_is_sent() -> None:
    [example] = examples("json")
    told = Told()
    tell(told, told)
    [event] = told.events
    shown = json.loads(example)
    assert event | {"time": shown["time"]} == shown
