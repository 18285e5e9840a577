"""Plugins and answers that are kept: which hooks a hit is shown to, and what they may do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..client import Ask, Got
from ..faults.checks import ask, asks, assert_good, assert_refused, eventually, forms, ref
from ..gateway import Gateway
from ..upstream import ScriptedUpstream, token
from .packages import write_package

#: What a hook does about a request is said by the tag, which is no part of what is the same request.
CODE = """
import json
from pathlib import Path
from sluicegate.plugins import Change, End, Refuse

class Guard:
    def __init__(self, settings):
        self._file = Path(settings["file"])

    def write(self, request, what, **more):
        with self._file.open("a") as file:
            line = {"ref": request.client_ref, "id": request.request_id, "what": what, **more}
            print(json.dumps(line), file=file)

    def before_request(self, request):
        self.write(request, "before", body=request.body.decode())
        match request.tag:
            case "refuse":
                return Refuse("not for you", 451)
            case "fail":
                raise ValueError
            case "change":
                return Change(request.body.replace(b"Which colour has the sky", b"How old is Lisbon"))

    def on_event(self, event):
        self.write(event.request, "event", data=event.data.decode(), status=event.status)
        word = (event.request.metadata or {}).get("ends_at")
        return End() if word and word.encode() in event.data else None

    def after_response(self, answer):
        self.write(answer.request, "after", rows=answer.attempts)
"""


class Site:
    """A gateway with the plugin, and what that wrote."""

    def __init__(self, gateway: Gateway, file: Path) -> None:
        self.gateway = gateway
        self._file = file

    def seen(self, got: Got) -> list[dict[str, Any]]:
        """What the hooks were shown of a request, once it is over."""
        found: list[dict[str, Any]] = []

        def is_over() -> bool:
            lines = map(json.loads, self._file.read_text().splitlines())
            found[:] = [line for line in lines if line["ref"] == got.ref]
            return bool(found) and found[-1]["what"] == "after"

        assert eventually(is_over), found
        return found


@pytest.fixture(scope="module", params=["native", "asgi"])
def site(
    upstream: ScriptedUpstream,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(f"hits-{request.param}")
    where = write_package(folder / "site", "guard_of_hits", CODE, hooks={"guard": "Guard"})
    file = folder / "guard.jsonl"
    gateway = Gateway(
        upstream.url,
        folder,
        server={"front": request.param},
        cache={"exact": {"enabled": True}, "semantic": {"enabled": True, "embedder": "ngram"}},
        plugins={"timeout_s": 5, "settings": {"guard": {"file": str(file)}}},
    )
    gateway.environment["PYTHONPATH"] = str(where)
    # The ledger is read in this process, and with the same configuration.
    sys.path.insert(0, str(where))
    with gateway:
        yield Site(gateway, file)
    sys.path.remove(str(where))


def told(got: Got) -> str:
    return str(got.headers.get("x-sluicegate-cache", ""))


def tagged(tag: str) -> dict[str, str]:
    return {"x-sluicegate-team-tag": tag}


def ending_at(word: str) -> dict[str, str]:
    return {"x-sluicegate-metadata": json.dumps({"ends_at": word})}


def calls(upstream: ScriptedUpstream, model: str) -> int:
    return len(upstream.of(model.partition("/")[2]))


@forms
@pytest.mark.parametrize("how", ["hit", "semantic"])
def test_a_hit_is_shown_as_any_answer_is(
    site: Site, upstream: ScriptedUpstream, stream: bool, how: str
) -> None:
    model = f"u/ok-5@{ref('shown')}"
    text = "How do I reset the password of my mail account?"
    first = ask(site.gateway, model, stream=stream, text=text)
    assert told(first) == "miss"
    again = text + " " if how == "semantic" else text
    assert eventually(lambda: is_kept(site.gateway, model, stream=stream, text=again))
    got = ask(site.gateway, model, stream=stream, text=again)
    assert told(got) == how
    assert_good(got, 5)
    before, *events, after = site.seen(got)
    assert before["what"] == "before"
    assert json.loads(before["body"]) == got.ask.body()
    assert before["id"] == "", "it is not admitted yet"
    assert {event["what"] for event in events} == {"event"}
    assert {event["status"] for event in events} == {200}
    given = [data for _, data in got.events] if stream else [got.raw.decode()]
    assert [event["data"] for event in events] == given
    [row] = after["rows"]
    assert (row["attempt"], row["outcome"], row["cache"]) == (0, "cached", how)
    assert row["saved_output_tokens"] == 5


@forms
@pytest.mark.parametrize(
    ("tag", "status", "code"),
    [("refuse", 451, "refused_by_plugin"), ("fail", 500, "plugin_failed")],
)
def test_what_a_hook_refuses_is_not_served_from_the_cache(
    site: Site, upstream: ScriptedUpstream, tag: str, status: int, code: str, stream: bool
) -> None:
    model = f"u/ok-5@{ref('refused')}"
    for _ in range(2):
        assert_good(ask(site.gateway, model, stream=stream), 5)
    got = ask(site.gateway, model, stream=stream, headers=tagged(tag))
    assert_refused(got, status, origin="gateway")
    assert got.code == code
    [row] = site.gateway.rows(got.ref)
    assert (row["outcome"], row["error_code"], row["saved_usd"]) == ("refused", code, None)
    assert told(ask(site.gateway, model, stream=stream)) == "hit", "it is there"
    assert calls(upstream, model) == 1


def test_what_a_hook_changed_is_looked_for_and_kept(site: Site, upstream: ScriptedUpstream) -> None:
    model = f"u/ok-5@{ref('changed')}"
    assert told(ask(site.gateway, model, text="Which colour has the sky?")) == "miss"
    got = ask(site.gateway, model, text="Which colour has the sky?", headers=tagged("change"))
    assert told(got) == "miss", "not the answer to what its client said"
    asked = upstream.of(model.partition("/")[2])[-1].json
    assert asked["messages"][0]["content"] == "How old is Lisbon?"
    assert told(ask(site.gateway, model, text="How old is Lisbon?")) == "hit"
    got = ask(site.gateway, model, text="Which colour has the sky?", headers=tagged("change"))
    assert told(got) == "hit"
    assert told(ask(site.gateway, model, text="Which colour has the sky?")) == "hit"


def test_a_stream_that_a_hook_ends_is_not_kept(site: Site, upstream: ScriptedUpstream) -> None:
    model = f"u/ok+n-40+itl-50@{ref('ended')}"
    word = token(2).strip()
    got = ask(site.gateway, model, stream=True, headers=ending_at(word))
    assert got.error is not None
    assert got.code == "ended_by_plugin"
    assert told(ask(site.gateway, model, stream=True)) == "miss"
    assert calls(upstream, model) == 2


@forms
def test_what_a_hook_ended_too_late_is_not_given_again(
    site: Site, upstream: ScriptedUpstream, stream: bool
) -> None:
    """It does not wait for its hook; who asks later has nothing of it."""
    model = f"u/ok-5@{ref('late')}"
    got = ask(site.gateway, model, stream=stream, headers=ending_at(token(2).strip()))
    assert got.status == 200
    site.seen(got)
    assert eventually(lambda: not is_kept(site.gateway, model, stream=stream))
    assert told(ask(site.gateway, model, stream=stream)) == "miss"
    assert calls(upstream, model) == 2


def test_what_a_hook_ended_for_one_of_a_crowd_is_kept_for_nobody(
    site: Site, upstream: ScriptedUpstream
) -> None:
    """Whoever of them leads: the others have the stream to its end, and nobody after them."""
    model = f"u/ok+n-30+itl-50@{ref('crowd')}"
    ended = Ask(model, stream=True, headers=ending_at(token(2).strip()))
    first, *others = asks(site.gateway, [ended, *(Ask(model, stream=True) for _ in range(3))])
    assert first.code == "ended_by_plugin"
    for got in others:
        assert_good(got, 30)
    assert calls(upstream, model) == 1
    assert eventually(lambda: not is_kept(site.gateway, model, stream=True))


def is_kept(gateway: Gateway, model: str, **fields: Any) -> bool:
    headers = {"x-sluicegate-cache": "only-if-cached"}
    return ask(gateway, model, headers=headers, **fields).status == 200
