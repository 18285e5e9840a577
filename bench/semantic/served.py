"""A hit from end to end: one client, the gateway's own process, its simulated provider.

    python -m bench.semantic.served [--questions 300] [--front native]

What a client waits for, over one connection that stays open: an answer of the provider, the same
question again, and the question in other letters, by each embedder; beside a question that is near
to nothing, whose look was in vain. How long MiniLM takes depends on the question's length.
"""

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.load.serve import serving
from bench.load.targets import KEY, Target
from sluicegate._core import build_profile
from sluicegate.cli.demo import simulator

PORT = 4098
_LOADED_WITHIN_S = 60
_PATH = "/v1/chat/completions"
_VERBS = ("reset", "change", "find", "close", "share", "export", "print", "renew")
_THINGS = ("password", "card", "order", "invoice", "calendar", "garden plan", "passport", "account")
_PLACES = ("office", "mobile app", "branch", "web page", "airport", "library", "school", "hotel")
_TAIL = (
    " I have looked through all the pages of the manual, asked two colleagues who have been here "
    "longer than me, and tried what the letter of last month says, and still it does not work."
)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--front", choices=("native", "asgi"), default="native")
    args = parser.parse_args()
    print(f"`python -m bench.semantic.served`, build `{build_profile}`, front `{args.front}`\n")
    print("| embedder | words | what was asked | times | p50 ms | p99 ms |")
    print("|---|--:|---|--:|--:|--:|")
    for embedder in ("ngram", "minilm"):
        for tail in ("", _TAIL):
            for row in _rows(embedder, questions(args.questions, tail), args.front):
                print(row)
                sys.stdout.flush()


def questions(count: int, tail: str) -> list[str]:
    """Different ones, none like another."""
    every = [
        f"How do I {verb} my {thing} at the {place}?{tail}"
        for verb in _VERBS
        for thing in _THINGS
        for place in _PLACES
    ]
    return every[:: max(1, len(every) // count)][:count]


def _rows(embedder: str, asked: list[str], front: str) -> Iterator[str]:
    words = len(asked[0].split())
    with (
        tempfile.TemporaryDirectory() as folder,
        simulator("--first-token-ms", "0", "--token-ms", "0") as url,
        serving(_target(Path(folder), url, embedder, front), Path(folder)),
    ):
        client = _Client()
        client.warm()
        yield _row(embedder, words, "new: the provider's", [client.ask(it) for it in asked], "miss")
        time.sleep(1)  # what was asked is being put in its place
        yield _row(embedder, words, "the same", [client.ask(it) for it in asked], "hit")
        # A space more is another request, and the same question.
        again = [client.ask(f"{it} ") for it in asked]
        yield _row(embedder, words, "in other letters", again, "semantic")


def _row(embedder: str, words: int, what: str, took: list[tuple[str, float]], wanted: str) -> str:
    times = [ms for told, ms in took if told == wanted]
    if not times:
        return f"| {embedder} | {words} | {what} | 0 of {len(took)} | | |"
    p50, p99 = np.quantile(times, 0.5), np.quantile(times, 0.99)
    share = f"{len(times)} of {len(took)}"
    return f"| {embedder} | {words} | {what} | {share} | {p50:.2f} | {p99:.2f} |"


def _target(folder: Path, url: str, embedder: str, front: str) -> Target:
    path = folder / "served.yaml"
    config: dict[str, Any] = {
        "server": {"port": PORT, "front": front},
        "data_dir": str(path.with_suffix(".data")),
        "providers": {"sim": {"dialect": "openai", "base_url": f"{url}/v1", "api_key": "none"}},
        "models": {"mock": {"targets": ["sim/sim-small"]}},
        "prices": {"sim/*": {"input": 1.0, "output": 2.0}},
        "keys": [{"name": "bench", "key": KEY}],
        "cache": {
            "exact": {"enabled": True},
            "semantic": {"enabled": True, "embedder": embedder},
        },
    }
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    command = [sys.executable, "-m", "sluicegate", "serve", "--config", str(path)]
    return Target(command, PORT, config=path)


class _Client:
    """One connection."""

    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
        self._connection.connect()

    def warm(self) -> None:
        """Asks until it is answered by likeness: a model is loaded in the background."""
        until_s = time.monotonic() + _LOADED_WITHIN_S
        spaces = ""
        while self.ask(f"Is it warm in Lisbon?{spaces}")[0] != "semantic":
            if time.monotonic() > until_s:
                raise TimeoutError("no answer by likeness: is sluicegate[semantic] installed?")
            spaces += " "
            time.sleep(0.1)

    def ask(self, text: str) -> tuple[str, float]:
        """What became of the cache's part, and how many milliseconds it took."""
        body = json.dumps({"model": "mock", "messages": [{"role": "user", "content": text}]})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
        begun = time.perf_counter()
        self._connection.request("POST", _PATH, body, headers)
        answer = self._connection.getresponse()
        answer.read()
        took_ms = (time.perf_counter() - begun) * 1000
        return answer.headers["x-sluicegate-cache"] or str(answer.status), took_ms


if __name__ == "__main__":
    main()
