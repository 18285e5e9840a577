"""The test client itself, straight at the scripted upstream: what it says of an answer is true."""

from collections.abc import Iterator

import pytest

from .client import Got, parse_events, run_ask
from .faults.checks import assert_good
from .rawclient import RawClient
from .upstream import ScriptedUpstream, text
from .upstream.plain import TOOLS


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


def _ask(upstream: ScriptedUpstream, model: str, dialect: str, stream: bool) -> Got:
    return run_ask(upstream.url, "k", model, dialect=dialect, stream=stream)


both = pytest.mark.parametrize("dialect", ["openai", "anthropic"])
forms = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both
@forms
@pytest.mark.parametrize("model", ["ok", "fault-pings", "fault-crlf", "fault-cr", "fault-bom"])
def test_a_good_answer(upstream: ScriptedUpstream, model: str, dialect: str, stream: bool) -> None:
    got = _ask(upstream, model, dialect, stream)
    assert got.text == text(10)
    assert got.is_stream is stream
    assert got.finish in ("stop", "end_turn")
    assert got.error is None
    assert got.terminators == stream
    if dialect == "anthropic" or not stream:
        assert got.usage is not None


#: Odd and lawful: a careful client reads them as the plain answer.
LAWFUL = """
fault-http10 fault-cl-sse fault-close-delimited fault-trailers fault-informational fault-setcookie
fault-crlf fault-cr fault-mixed-eol fault-bom fault-nospace fault-multiline-data fault-comments
fault-extra-fields fault-unknown-event fault-pings fault-empty-choices fault-usage-each
fault-usage-twice fault-reasoning fault-stall-0s-after-3 fault-extra-response
""".split()  # noqa: SIM905  # a list of strings would fill pages


@both
@forms
@pytest.mark.parametrize("model", LAWFUL)
def test_lawful_oddities_read_as_the_plain_answer(
    upstream: ScriptedUpstream, model: str, dialect: str, stream: bool
) -> None:
    assert_good(_ask(upstream, model, dialect, stream))


@both
@pytest.mark.parametrize("model", ["fault-split-utf8", "fault-byte-by-byte"])
def test_cuts_read_as_the_plain_answer(
    upstream: ScriptedUpstream, model: str, dialect: str
) -> None:
    assert_good(_ask(upstream, model, dialect, True), wide=True)


@both
@forms
def test_tools_and_reasoning(upstream: ScriptedUpstream, dialect: str, stream: bool) -> None:
    got = _ask(upstream, "ok-tools", dialect, stream)
    assert [name for name, _ in got.tools] == [tool.name for tool in TOOLS]
    if stream:
        assert [given for _, given in got.tools] == ["".join(tool.fragments) for tool in TOOLS]
    thought = _ask(upstream, "fault-reasoning", dialect, stream)
    assert (thought.reasoning, thought.text) == ("think twice", text(10))


@both
def test_errors_and_cuts(upstream: ScriptedUpstream, dialect: str) -> None:
    whole = _ask(upstream, "fault-500", dialect, False)
    assert whole.status == 500
    assert whole.error is not None
    inside = _ask(upstream, "fault-error-event-after-3", dialect, True)
    assert inside.error is not None
    assert inside.text == text(3)
    cut = _ask(upstream, "fault-midstream-reset-after-5", dialect, True)
    assert cut.broken is not None
    assert cut.text == text(5)
    assert cut.terminators == 0


def test_token_arrivals_follow_the_upstreams_clock(upstream: ScriptedUpstream) -> None:
    got = _ask(upstream, "ok+n-20+itl-10@clock", "openai", True)
    sent = upstream.of("ok+n-20+itl-10@clock")[0].token_times
    late = [here - there for here, there in zip(got.token_arrivals(), sent, strict=True)]
    assert all(0 <= seconds < 0.05 for seconds in late)


def test_events_by_the_standard() -> None:
    raw = b"\xef\xbb\xbfevent: a\r\ndata:1\r\rdata: 2\ndata:  3\n\n: no\n\ndata: lost"
    assert parse_events(raw) == [("a", "1"), ("message", "2\n 3")]


def test_the_raw_client_sees_the_end(upstream: ScriptedUpstream) -> None:
    with RawClient(upstream.url) as client:
        client.send(b"nonsense\r\n\r\n")
        assert client.closed_within(1)
        assert client.received.startswith(b"HTTP/1.1 400")
