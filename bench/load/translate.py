"""What a streamed event costs when client and upstream speak different dialects.

    python -m bench.load.translate [--reps 5]

One upstream of canned bytes speaks both dialects, so that four streams can be had from the same
gateway in turn: two pass as bytes, two are translated. CPU of the whole gateway per event, 32
streams at once, written back to back and 10 ms apart.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.load import results
from bench.load.cells import BURST, EVENTS, PACED_10_MS, Cell, stream
from bench.load.instrument import CHAT, REPOSITORY, Figures, Instrument, drive
from bench.load.ledger import Asked, check
from bench.load.process import LOAD_CORE, Session, spent_s
from bench.load.serve import Served, serving
from bench.load.targets import Target, gateway

MESSAGES = "/v1/messages"
PATHS = {"openai": CHAT, "anthropic": MESSAGES}
_UPSTREAM_PORT, _PORT = 9101, 4094
_CONNECTIONS = 32
FRONTS = {"sluicegate": "native", "asgi": "asgi"}


def body(client: str, upstream: str, model: str) -> dict[str, Any]:
    """A streamed question in the client's dialect, to a provider that speaks `upstream`."""
    asked = stream(f"{upstream}/{model}")
    if client == "anthropic":
        del asked["stream_options"]
        asked["max_tokens"] = 1000
    return asked


def cells() -> dict[tuple[str, str, str], Cell]:
    """`(client, upstream, pace)` -> what is asked."""
    paces = {"burst": (BURST, 1.5, 20_000), "paced": (PACED_10_MS, 1.0, 64)}
    return {
        (client, upstream, pace): Cell(
            body(client, upstream, model), _CONNECTIONS, seconds, least=32, most=most, events=EVENTS
        )
        for pace, (model, seconds, most) in paces.items()
        for client in PATHS
        for upstream in PATHS
    }


def target(scratch: Path, name: str) -> Target:
    """A gateway with a provider of each dialect behind it."""
    url = f"http://127.0.0.1:{_UPSTREAM_PORT}"
    upstreams = {
        "openai": {"dialect": "openai", "base_url": f"{url}/v1", "api_key": "sk-upstream"},
        "anthropic": {"dialect": "anthropic", "base_url": url, "api_key": "sk-upstream"},
    }
    return gateway(scratch, f"translate-{name}", _PORT, upstreams=upstreams, front=FRONTS[name])


def measure(
    instrument: Instrument, to: Target, served: Served, asked: Asked, warm_s: float
) -> Iterator[Figures]:
    """Each cell's figures; a short run of all four comes first and does not count."""
    assert served.session is not None
    for (client, upstream, pace), cell in cells().items():
        path = PATHS[client]
        if pace == "burst":
            warm = replace(cell, seconds=warm_s)
            figures = drive(instrument.command(to.port, to.headers, warm, path=path))
            asked.add(cell.body["model"], figures)
        command = instrument.command(to.port, to.headers, cell, path=path)
        before = served.session.cpu_s()
        figures = drive(command)
        cpu_s = spent_s(before, served.session.cpu_s())
        asked.add(cell.body["model"], figures)
        events = (figures.get("event_us") or {}).get("n", 0)
        yield {
            "client": client,
            "upstream": upstream,
            "pace": pace,
            "cpu_s": cpu_s,
            "events": events,
            "lost": figures.get("issued", 0) * EVENTS - events,
            "errors": figures.get("errors"),
            "event_us": figures.get("event_us"),
        }


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--warm-s", type=float, default=0.5)
    parser.add_argument("--targets", default=",".join(FRONTS), help="the fronts")
    results.add_option(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        instrument = Instrument(scratch)
        command = [sys.executable, "-m", "bench.load.upstream", str(_UPSTREAM_PORT)]
        here = {"PYTHONPATH": str(REPOSITORY)}
        upstream = Session(command, scratch / "up.log", core=LOAD_CORE, environment=here)
        with results.Out(args.out, "translate") as out, upstream:
            time.sleep(0.5)
            for rep in range(args.reps):
                for name in args.targets.split(","):
                    to = target(scratch, name)
                    to.forget()
                    asked = Asked()
                    first = body("openai", "openai", BURST)
                    with serving(to, scratch, first) as served:
                        asked.add(first["model"], {"issued": served.asked, "n": served.asked})
                        for row in measure(instrument, to, served, asked, args.warm_s):
                            out.write({"rep": rep, "target": name, **row})
                    assert to.config is not None
                    ledger = check(to.config, asked)
                    out.write({"rep": rep, "target": name, "ledger": ledger})


if __name__ == "__main__":
    main()
