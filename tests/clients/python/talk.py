"""What every Python client is asked, and how it tells what it saw: a line of JSON for each case.

Runs in the client's own environment, so it needs nothing but Python.  A client is a table of cases;
a case takes an `At` and gives what the client made of the answer.
"""

import asyncio
import inspect
import json
import os
import sys
import traceback
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_SAID = json.loads((Path(__file__).parent.parent / "conversation.json").read_text("utf-8"))
TEXT: str = _SAID["text"]
TOOLS: str = _SAID["tools"]
IMAGE: str = _SAID["image"]
STRUCTURED: str = _SAID["structured"]
TOOL: dict[str, Any] = _SAID["tool"]
PLACE: dict[str, Any] = _SAID["place"]
FORM: dict[str, Any] = _SAID["form"]
PNG_BASE64: str = _SAID["png_base64"]
PNG: bytes = b64decode(PNG_BASE64)
PNG_URL = f"data:image/png;base64,{PNG_BASE64}"
#: A conversation that does not end ends here.
MAX_TURNS = 6

Saw = dict[str, Any]


class At(NamedTuple):
    """Where a client is pointed, and what it asks for."""

    url: str
    key: str
    model: str


class Calls:
    """The tool, and what it was called with."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def get_weather(self, city: str, days: int) -> str:
        """The weather of a city over the next days."""
        self.made.append({"city": city, "days": days})
        return f"rain for {days} days in {city}"

    def run(self, name: str, arguments: dict[str, Any]) -> str:
        """A call by name."""
        assert name == TOOL["name"], name
        return self.get_weather(**arguments)


class Client:
    """A client that speaks one dialect; `case` registers what it can do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cases: dict[str, Callable[[At], Any]] = {}

    def case(self, name: str) -> Callable[[Callable[[At], Any]], Callable[[At], Any]]:
        """Registers a case; an `async` one runs in the one loop."""

        def register(function: Callable[[At], Any]) -> Callable[[At], Any]:
            self.cases[name] = function
            return function

        return register


def main(*clients: Client) -> None:
    """Runs every case of every client with every model that the command line names."""
    url, *models = sys.argv[1:]
    key = os.environ["SLUICEGATE_KEY"]
    with asyncio.Runner() as runner:
        for client in clients:
            for model in models:
                for name, function in client.cases.items():
                    told = {"client": client.name, "model": model, "case": name}
                    told |= _tried(runner, function, At(url, key, model))
                    print(json.dumps(told), flush=True)


def _tried(runner: asyncio.Runner, function: Callable[[At], Any], at: At) -> dict[str, Any]:
    try:
        saw = function(at)
        return {"saw": runner.run(saw) if inspect.iscoroutine(saw) else saw}
    except Exception as error:
        where = traceback.format_exception(error)[-3:]
        return {"failed": "".join(where)[-3000:]}
