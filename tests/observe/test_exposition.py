"""The text of a scrape: strict parsers take it, and no name from outside breaks it."""

from __future__ import annotations

import re
import signal
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from prometheus_client import openmetrics, parser
from prometheus_client.openmetrics import parser as open_parser

from ..client import Ask, run_asks
from ..faults.checks import SCALE, eventually
from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream
from .scrape import Scraped, scrape

OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ALERTS = Path(__file__).parents[2] / "rust" / "drive" / "alerts.rs"
HOSTILE = [
    'x"} 1\nsluicegate_requests_total{outcome="forged',
    "back\\slash",
    "\x1b[31mred\r\n",
    "line\u2028separator\u202e",
    "漢字/é",
    "x" * 400,
    "y" * 119 + "漢",
]


@pytest.fixture
def busy(upstream: ScriptedUpstream, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A gateway that has counted something in every family that requests reach."""
    limits = {"budget_usd": "0.00002", "tpm": 100000}
    keys = [{"name": "one", "key": KEY}, {"name": "two", "key": OTHER_KEY, **limits}]
    bare = {"dialect": "openai", "base_url": f"{upstream.url}/v1", "api_key": "none"}
    with Gateway(upstream.url, tmp_path, keys=keys, providers={"bare": bare}) as gateway:
        asked = [Ask(f"u/{name}") for name in HOSTILE]
        asked += [Ask("bare/ok-3", stream=True), Ask("u/fault-503"), Ask("u/fault-usage-cached")]
        asked += [Ask("u/ok-5", key=OTHER_KEY, fields={"max_tokens": 5}) for _ in range(6)]
        run_asks(gateway.url, KEY, asked, concurrency=1)
        gateway.write_config(nonsense=1)
        gateway.signal(signal.SIGHUP)
        yield gateway


def test_strict_parsers_take_both_texts(busy: Gateway) -> None:
    plain = httpx.get(f"{busy.url}/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    opened = httpx.get(f"{busy.url}/metrics", headers={"accept": OPEN})
    assert opened.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert opened.text.endswith("\n# EOF\n")
    by_plain = {family.name for family in parser.text_string_to_metric_families(plain.text)}
    families = list(open_parser.text_string_to_metric_families(opened.text))
    assert len({family.name for family in families}) == len(families) == len(by_plain)
    assert openmetrics is not None
    for family in families:
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")


def test_ob_05_hostile_names_forge_no_line_and_stay_short(busy: Gateway) -> None:
    scraped = scrape(busy)
    models = {
        labels["model"] for name, labels, _ in scraped.samples if name.endswith("attempts_total")
    }
    assert len(models) == len(HOSTILE) + 4
    assert all(len(model.encode()) <= 123 and model.isprintable() for model in models)
    assert 'x"} 1?sluicegate_requests_total{outcome="forged' in models
    assert scraped.of("sluicegate_requests_total", outcome="forged") == 0
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u202e]", scraped.text)


def test_no_key_user_or_run_is_a_label(busy: Gateway) -> None:
    names = {"x-sluicegate-user": "who-asks", "x-sluicegate-run": "which-run"}
    run_asks(busy.url, KEY, [Ask("u/ok-5", headers=names, fields={"user": "who-else"})])
    text = scrape(busy).text
    for secret in ("who-asks", "which-run", "who-else", KEY, OTHER_KEY, ":two:", '"two"'):
        assert secret not in text


def test_a_threshold_is_counted_once(busy: Gateway) -> None:
    scraped = scrape(busy)
    # Twenty micro-dollars, thirteen an answer: half of it by the first, all of it by the second at the latest.
    reached = scraped.by("sluicegate_limit_threshold_total", "limit", "percent")
    assert reached[("key:budget", "50")] == 1
    assert all(limit == "key:budget" for limit, _ in reached)
    assert all(times == 1 for times in reached.values())


def test_alerts_are_counted_each_time_and_reloads_once(busy: Gateway) -> None:
    assert scrape(busy).by("sluicegate_alerts_total", "kind") == {("unpriced",): 1}
    run_asks(busy.url, KEY, [Ask("bare/ok-3"), Ask("u/fault-lies-usage+n-100")])
    alerts = scrape(busy).by("sluicegate_alerts_total", "kind")
    assert alerts == {("unpriced",): 2, ("usage_diverges",): 1}
    assert eventually(lambda: reloads(busy) == {("failed",): 1}, 5)
    assert scrape(busy).of("sluicegate_config_last_reload_successful") == 0
    del busy.config["nonsense"]
    busy.write_config()
    busy.signal(signal.SIGHUP)
    assert eventually(lambda: reloads(busy) == {("failed",): 1, ("ok",): 1}, 5)
    assert scrape(busy).of("sluicegate_config_last_reload_successful") == 1


def reloads(gateway: Gateway) -> dict[tuple[str, ...], Decimal]:
    """Readings of the configuration by their outcome."""
    return scrape(gateway).by("sluicegate_config_reloads_total", "outcome")


def test_the_page_has_what_is_served(busy: Gateway) -> None:
    """Every family, its type and its labels; and nothing that is not served."""
    served: dict[str, tuple[str, set[str]]] = {}
    scraped = scrape(busy)
    for line in scraped.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            served[name] = (kind, set())
    for name, labels, _ in scraped.samples:
        family = name if name in served else re.sub("_(bucket|sum|count)$", "", name)
        served[family][1].update(label for label in labels if label != "le")
    written = dict(_rows())
    assert set(written) == set(served)
    for name, (kind, labels) in served.items():
        assert written[name][0] == kind, name
        assert labels <= written[name][1], name


def test_the_page_has_every_kind_of_alert() -> None:
    kinds = re.findall(r'Self::\w+ => "(\w+)"', ALERTS.read_text())
    assert len(kinds) >= 3
    assert [kind for kind in kinds if f"`{kind}`" not in PAGE.read_text()] == []


def _rows() -> list[tuple[str, tuple[str, set[str]]]]:
    """`name | type | labels | ...` of the page's tables."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \|([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    return [(name, (kind, set(re.findall(r"`([a-z_]+)`", labels)))) for name, kind, labels in rows]


def test_ov_07_invented_names_share_one_series_and_take_little_memory(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """As many as thirty seconds allow; the crate's own test counts ten thousand."""
    count = 2000 * SCALE
    with Gateway(
        upstream.url, tmp_path, models={"named": {"targets": ["u/ok-1@named"]}}
    ) as gateway:
        run_asks(gateway.url, KEY, [Ask(f"u/ok-1@warm-{n}") for n in range(100)])
        before = gateway.rss_bytes()
        asked = [
            Ask(f"u/ok-1@{n}-{'x' * 200}", headers={"x-sluicegate-user": f"user-{n}"})
            for n in range(count)
        ]
        run_asks(gateway.url, KEY, asked, concurrency=32)
        run_asks(gateway.url, KEY, [Ask("named")])
        scraped = scrape(gateway)
        assert gateway.rss_bytes() - before < 50 << 20
        attempts = scraped.by("sluicegate_attempts_total", "model")
        assert len(attempts) <= 256 + 2
        assert attempts[("other",)] == count + 100 - 256
        assert attempts[("ok-1@named",)] == 1
        assert len(scraped.text) < 4 << 20


def test_head_gives_no_body_and_other_methods_nothing(busy: Gateway) -> None:
    head = httpx.head(f"{busy.url}/metrics")
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.post(f"{busy.url}/metrics").status_code == 404
    assert httpx.get(f"{busy.url}/metrics/").status_code == 404


def test_scraped_numbers_are_exact() -> None:
    scraped = Scraped('a_total{x="1\\"2"} 0.000000000001\na_total 2')
    assert str(scraped.of("a_total", x='1"2')) == "1E-12"
