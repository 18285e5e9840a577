"""The parts of the load benchmark that can be tried without a load."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.load import results
from bench.load.cells import CELLS, agent
from bench.load.figures import Rows
from bench.load.growth import growth_mib
from bench.load.process import spent_s
from bench.load.report import page
from bench.load.streams import Crowd, verdict
from bench.load.upstream import pieces, whole


@pytest.mark.parametrize(
    ("samples", "from_s", "grown"),
    [
        ([(at, 100.0) for at in range(100)], 0, 0.0),
        ([(at, 100.0 + at) for at in range(100)], 0, 90.0),
        ([(at, 100.0 if at >= 50 else 10.0) for at in range(100)], 50, 0.0),
        ([(at, 100.0) for at in range(9)], 0, None),
        ([(at, 100.0) for at in range(100)], 95, None),
    ],
    ids=["flat", "steady growth", "it has settled", "too few", "too late"],
)
def test_growth(samples: list[tuple[float, float]], from_s: float, grown: float | None) -> None:
    assert growth_mib(samples, from_s) == grown


@pytest.mark.parametrize(
    ("before", "after", "spent"),
    [
        ((1.0, 1.0), (2.0, 2.0), 1.0),
        ((1.0, 1.0), (2.0, 2.03), 1.0),
        ((1.0, 1.0), (1.5, 3.0), 2.0),
    ],
    ids=["both clocks agree", "within a tick", "threads that ended took their time along"],
)
def test_processor_time(
    before: tuple[float, float], after: tuple[float, float], spent: float
) -> None:
    assert spent_s(before, after) == pytest.approx(spent)


@pytest.mark.parametrize(
    ("events", "latest_us", "lost", "stalls"),
    [(5120, 150_000.0, 0, False), (5119, 150_000.0, 1, False), (5120, 200_001.0, 0, True)],
)
def test_a_crowd(events: int, latest_us: float, lost: int, stalls: bool) -> None:
    figures = {"event_us": {"n": events, "max": latest_us}, "short": lost, "errors": 0}
    found = verdict(Crowd(512, 100), 10, figures, idle_mib=100.0, mib=132.0)
    assert (found["lost"], found["incomplete"], found["stalls"]) == (lost, lost, stalls)
    assert found["kib_per_stream"] == pytest.approx(64.0)


def test_a_crowd_that_got_nothing_lost_everything() -> None:
    assert verdict(Crowd(512, 100), 10, {}, 1.0, 1.0)["lost"] == 5120


def test_the_agents_request_is_of_32_kilobytes() -> None:
    assert 31_000 < len(json.dumps(agent(), separators=(",", ":"))) < 34_000


def test_a_part_that_is_run_again_replaces_its_rows_alone(tmp_path: Path) -> None:
    path = tmp_path / "load.jsonl"
    for part, value in (("cells", 1), ("start", 2), ("cells", 3)):
        with results.Out(path, part) as out:
            out.write({"value": value})
    values = [(row["part"], row["value"]) for row in results.read(path) if "value" in row]
    assert values == [("start", 2), ("cells", 3)]
    assert set(Rows(results.read(path)).circumstances()) == {"cells", "start"}


def test_the_page_says_what_was_met_missed_and_not_measured() -> None:
    def row(target: str, cpu_s: float) -> dict[str, Any]:
        figures = {"n": 1000, "secs": 1.0, "rps": 1000.0, "errors": 0, "other_s": 0.5}
        return {"part": "cells", "target": target, "cell": "small_c32", "cpu_s": cpu_s} | figures

    silent = {"part": "cells", "target": "portkey", "error": "no such file"}
    rows = [row("sluicegate", 0.07), row("asgi", 0.12), row("envoy", 0.05), silent]
    text = page(Rows(rows))
    lines = {tuple(line.split(" | ")[:2]): line for line in text.splitlines()}
    asked = "| small, 32 at once: CPU a request"
    assert lines[asked, "sluicegate"].endswith("| 70.0 µs | 50.0 | 1.40 | <= 1.8 x envoy | met |")
    assert lines[asked, "asgi"].endswith("| 120 µs | 50.0 | 2.40 | <= 1.8 x envoy | **missed** |")
    assert lines["| worker, idle", "asgi"].endswith("| not measured |")
    assert "Did not serve in a repetition: portkey." in text


def unframed(wire: bytes) -> bytes:
    """The body of a chunked answer."""
    body, rest = b"", wire.partition(b"\r\n\r\n")[2]
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            return body
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]


@pytest.mark.parametrize(
    ("path", "last", "tokens"),
    [
        (b"/v1/chat/completions", "[DONE]", ("usage", "completion_tokens")),
        (b"/v1/messages", '{"type":"message_stop"}', ("usage", "output_tokens")),
    ],
)
def test_the_canned_upstream_streams_what_its_dialect_asks(
    path: bytes, last: str, tokens: tuple[str, str]
) -> None:
    body = unframed(b"".join(pieces(path, 3, b"xxxxx "))).decode()
    data = [line.removeprefix("data: ") for line in body.splitlines() if line[:6] == "data: "]
    assert data[-1] == last
    events = [json.loads(it) for it in data if it != "[DONE]"]
    assert sum("T=" in it for it in data) == 3
    usages = [event[tokens[0]] for event in events if event.get(tokens[0])]
    assert usages[-1][tokens[1]] == 3


def test_every_streamed_cell_expects_as_many_events_as_it_asks() -> None:
    for cell in CELLS.values():
        assert (f".n{cell.events}." in cell.body["model"]) == bool(cell.events)


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/messages"])
def test_the_canned_upstreams_whole_answers_are_framed(path: bytes) -> None:
    head, _, body = whole(path).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["usage"]
