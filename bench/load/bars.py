"""What the figures are held against: one row a bar, with how it is read off."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.load.figures import (
    Reading,
    Rows,
    cpu_us_per_event,
    cpu_us_per_request,
    quantile,
)

#: A figure of one target; of nobody in particular where it is this gateway's alone.
Figure = Callable[[Rows, str], float | None]


def cell(reading: Reading, name: str) -> Figure:
    """A cell's median."""
    return lambda rows, target: rows.cell(reading, target, name)


def added(reading: Reading, name: str) -> Figure:
    """A cell's median less the direct one."""
    return lambda rows, target: rows.added(reading, target, name)


def beyond(reading: Reading, name: str, other: str) -> Figure:
    """A cell's median less another target's."""

    def difference(rows: Rows, target: str) -> float | None:
        ours, theirs = rows.cell(reading, target, name), rows.cell(reading, other, name)
        return None if ours is None or theirs is None else ours - theirs

    return difference


def crowd(field: str, streams: int) -> Figure:
    """A field of the many slow streams, the worst repetition."""

    def worst(rows: Rows, target: str) -> float | None:
        values = rows.values(lambda row: row[field], "streams", target=target, streams=streams)
        return max(values, default=None)

    return worst


def translated(client: str, upstream: str, pace: str) -> Figure:
    """CPU per event of a stream between two dialects."""
    asked = {"client": client, "upstream": upstream, "pace": pace}
    return lambda rows, target: rows.median(
        lambda row: row["cpu_s"] / row["events"] * 1e6, "translate", target=target, **asked
    )


def untranslated(pace: str) -> Figure:
    """The cheaper of the two that pass as bytes."""

    def cheaper(rows: Rows, target: str) -> float | None:
        both = [translated(dialect, dialect, pace)(rows, target) for dialect in _DIALECTS]
        return min((it for it in both if it is not None), default=None)

    return cheaper


def start(case: str) -> Figure:
    """Seconds from the command to the first answer."""
    return lambda rows, target: rows.median(
        lambda row: row["start_s"], "start", target=target, case=case
    )


def grown(field: str) -> Figure:
    """A field of the long load."""
    return lambda rows, target: rows.median(lambda row: row[field], "growth", target=target)


def idle_mib(rows: Rows, target: str) -> float | None:
    """The worker's memory before any load."""
    return rows.median(lambda row: row["idle_rss_mib"][0], "cells", target=target)


def loaded_mib(rows: Rows, target: str) -> float | None:
    """The worker's memory after the cells, at its most; their streams loaded the vocabulary."""
    values = rows.values(lambda row: row["rss_mib"][0], "cells", target=target)
    return max(values, default=None)


_DIALECTS = ("openai", "anthropic")
FRONTS = ("sluicegate", "asgi")
CACHED = ("cached", "cached-asgi")


@dataclass(frozen=True)
class Bar:
    """`ours` may be `limit` times `theirs`, or `limit` where there is no other.

    `at_least`: theirs must be `limit` times ours.
    """

    work: str
    unit: str
    limit: float
    ours: Figure
    #: A target's name, or what is compared within one.
    against: str = ""
    theirs: Figure | None = None
    at_least: bool = False
    fronts: tuple[str, ...] = FRONTS


@dataclass(frozen=True)
class Verdict:
    """What a bar came to. `met` is None where a figure is missing."""

    bar: Bar
    front: str
    ours: float | None
    theirs: float | None
    ratio: float | None
    met: bool | None


def judge(bar: Bar, rows: Rows, front: str) -> Verdict:
    """A bar against the figures of one front."""
    ours = bar.ours(rows, front)
    if not bar.against:
        return Verdict(bar, front, ours, None, None, None if ours is None else ours <= bar.limit)
    other = front if bar.theirs else bar.against
    theirs = (bar.theirs or bar.ours)(rows, other)
    over, under = (theirs, ours) if bar.at_least else (ours, theirs)
    if over is None or not under or under < 0:
        return Verdict(bar, front, ours, theirs, None, None)
    ratio = over / under
    return Verdict(
        bar, front, ours, theirs, ratio, ratio >= bar.limit if bar.at_least else ratio <= bar.limit
    )


def _two_workers(rows: Rows, target: str) -> float | None:
    del target
    return rows.cell(cpu_us_per_request, "two-workers", "small_c32")


_REQUEST, _EVENT = cpu_us_per_request, cpu_us_per_event
_FIRST_BYTE = {it: added(quantile("ttfb_us", it), "burst_c1") for it in ("p50", "p99")}
_US, _MIB = "µs", "MiB"
_SMALL, _AGENT = cell(_REQUEST, "small_c32"), cell(_REQUEST, "agent_c32")
_BURST, _PACED = cell(_REQUEST, "burst_c32"), cell(_EVENT, "paced_c32")

BARS: tuple[Bar, ...] = (
    Bar("small, 32 at once: CPU a request", _US, 1.8, _SMALL, "envoy"),
    Bar("the same, at most a bare proxy's", _US, 1.0, _SMALL, "envoy"),
    Bar("small, alone: added p50", _US, 1.5, added(quantile("lat_us", "p50"), "small_c1"), "envoy"),
    Bar("small, alone: added p99", _US, 2.0, added(quantile("lat_us", "p99"), "small_c1"), "envoy"),
    Bar("32 KB agent request, 32 at once: CPU", _US, 1.8, _AGENT, "envoy"),
    Bar("200 events in a burst, 32 at once: CPU a stream", _US, 1.8, _BURST, "envoy"),
    Bar("200 events 10 ms apart, 32 at once: CPU an event", _US, 1.5, _PACED, "envoy"),
    Bar("stream: added first byte p50", _US, 2, _FIRST_BYTE["p50"], "envoy"),
    Bar("stream: added first byte p99", _US, 2, _FIRST_BYTE["p99"], "envoy"),
    *(
        bar
        for streams, late_ms in ((512, 200), (2000, 500))
        for bar in (
            Bar(f"{streams} streams: events lost", "", 0, crowd("lost", streams)),
            Bar(f"{streams} streams: latest event", "ms", late_ms, crowd("latest_ms", streams)),
            Bar(f"{streams} streams: memory each", "KiB", 64, crowd("kib_per_stream", streams)),
        )
    ),
    *(
        Bar(
            f"{upstream} upstream, {client} client, {pace}: CPU an event",
            _US,
            2.0,
            translated(client, upstream, pace),
            "the same dialect",
            untranslated(pace),
        )
        for pace in ("paced", "burst")
        for upstream, client in (_DIALECTS, _DIALECTS[::-1])
    ),
    Bar("worker, idle", _MIB, 110, idle_mib),
    Bar("worker, after the load", _MIB, 160, loaded_mib),
    Bar("worker, growth in a long load", _MIB, 2, grown("growth_mib"), fronts=FRONTS[:1]),
    *(Bar(f"start, {case}", "s", 0.6, start(case)) for case in ("empty", "again", "loaded")),
    Bar("LiteLLM: small, CPU a request", _US, 60, _SMALL, "litellm", at_least=True),
    Bar("LiteLLM: paced, CPU an event", _US, 15, _PACED, "litellm", at_least=True),
    Bar("Portkey: small, CPU a request", _US, 12, _SMALL, "portkey", at_least=True),
    Bar("Portkey: paced, CPU an event", _US, 2.5, _PACED, "portkey-streams", at_least=True),
    Bar(
        "two workers, small: CPU a request",
        _US,
        1.1,
        _two_workers,
        "one worker",
        _SMALL,
        fronts=("sluicegate",),
    ),
    Bar(
        "answers from the cache, small, 32 at once: CPU beyond a hello world",
        _US,
        20,
        beyond(_REQUEST, "small_c32", "hello"),
        fronts=CACHED,
    ),
    Bar(
        "the same: p99 beyond a hello world",
        _US,
        1000,
        beyond(quantile("lat_us", "p99"), "small_c32", "hello"),
        fronts=CACHED,
    ),
)


def verdicts(rows: Rows) -> list[Verdict]:
    """All of them."""
    return [judge(bar, rows, front) for bar in BARS for front in bar.fronts]
