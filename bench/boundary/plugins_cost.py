"""What plugins cost: CPU of the whole gateway, by request and by event, without any and with one.

    .venv/bin/python -m bench.boundary.plugins_cost

The question: does a gateway without plugins pay anything, and what does one with a hook, or with a
plugin's dialect, pay? All gateways stand side by side and take turns; the median of the turns is
told, in microseconds. One connection, one worker; a scripted upstream answers.
"""

import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil

from sluicegate import _core
from tests.gateway import KEY, Gateway
from tests.plugins.packages import install_example, write_package
from tests.plugins.parrot import ParrotHost
from tests.upstream import ScriptedUpstream

TURNS = 9
REQUESTS = 150
EVENTS = 400

HOOKS = {
    "no plugin": "",
    "before_request": "    def before_request(self, request): ...\n",
    "on_event": "    def on_event(self, event): ...\n",
    "after_response": "    def after_response(self, answer): ...\n",
}
HEAD = "class P:\n    def __init__(self, settings): ...\n"


def _gateway(stack: ExitStack, folder: Path, upstream: str, site: Path | None) -> Gateway:
    folder.mkdir(parents=True)
    gateway = Gateway(upstream, folder)
    if site is not None:
        gateway.environment["PYTHONPATH"] = str(site)
    return stack.enter_context(gateway)


def _cpu_s(gateway: Gateway) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in gateway.processes()]
    return sum(each.user + each.system for each in times)


def _turn(gateway: Gateway, model: str, times: int, *, stream: bool, text: str = "hi") -> float:
    """Microseconds of CPU of one request."""
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as client:
        client.post("/v1/chat/completions", json=body)
        before = _cpu_s(gateway)
        for _ in range(times):
            answer = client.post("/v1/chat/completions", json=body)
            assert answer.status_code == 200, answer.text
        return (_cpu_s(gateway) - before) / times * 1e6


def _hooks(stack: ExitStack, folder: Path, upstream: ScriptedUpstream) -> None:
    gateways = {}
    for name, code in HOOKS.items():
        site = folder / name / "site"
        if code:
            write_package(site, "hook", HEAD + code, hooks={"p": "P"})
        gateways[name] = _gateway(
            stack, folder / name / "gateway", upstream.url, site if code else None
        )
    requests: dict[str, list[float]] = {name: [] for name in gateways}
    events: dict[str, list[float]] = {name: [] for name in gateways}
    for _ in range(TURNS):
        for name, gateway in gateways.items():
            requests[name].append(_turn(gateway, "u/ok-2", REQUESTS, stream=False))
            long = _turn(gateway, f"u/ok-{EVENTS}", 12, stream=True)
            events[name].append((long - _turn(gateway, "u/ok-2", 12, stream=True)) / EVENTS)
    for name in gateways:
        _tell(name, statistics.median(requests[name]), statistics.median(events[name]))


def _dialect(stack: ExitStack, folder: Path, upstream: ScriptedUpstream) -> None:
    folder.mkdir()
    parrot = stack.enter_context(ParrotHost())
    site = install_example(folder)
    gateway = Gateway(
        upstream.url,
        folder,
        providers={"parrot_cloud": {"base_url": parrot.url, "api_key": "none"}},
        plugins={"disabled": ["acme-cap", "acme-guard", "acme-watch"]},
    )
    gateway.environment["PYTHONPATH"] = str(site)
    stack.enter_context(gateway)
    words = "word " * EVENTS
    short, long = [], []
    for _ in range(TURNS):
        short.append(_turn(gateway, "parrot_cloud/polly", 40, stream=True, text="two words"))
        long.append(_turn(gateway, "parrot_cloud/polly", 12, stream=True, text=words))
    event = (statistics.median(long) - statistics.median(short)) / EVENTS
    _tell("a plugin's dialect, streamed", statistics.median(short), event)


def _tell(name: str, request_us: float, event_us: float) -> None:
    sys.stdout.write(f"{name:32} {request_us:8.0f} us a request {event_us:8.1f} us an event\n")
    sys.stdout.flush()


def main() -> None:
    """Prints a line for each."""
    sys.stdout.write(f"profile {_core.build_profile}, {TURNS} turns\n")
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        upstream = stack.enter_context(ScriptedUpstream())
        _hooks(stack, Path(place) / "hooks", upstream)
        _dialect(stack, Path(place) / "dialect", upstream)


if __name__ == "__main__":
    main()
