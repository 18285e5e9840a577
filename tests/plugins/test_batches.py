"""Plugins are asked about each line of a batch, as of a request."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from ..faults.checks import ref
from ..gateway import KEY
from ..upstream import ScriptedUpstream
from .conftest import With
from .packages import write_package

CODE = """
from sluicegate.plugins import Change, Refuse

class Guard:
    def __init__(self, settings): ...

    def before_request(self, request):
        if b"secret" in request.body:
            return Refuse("no secrets", 451)
        return Change(request.body.replace(b"colour", b"color"))
"""


def _asked(url: str, name: str, words: list[str]) -> httpx.Response:
    lines = [
        {
            "custom_id": str(number),
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": f"u/ok@{name}", "messages": [{"role": "user", "content": each}]},
        }
        for number, each in enumerate(words)
    ]
    headers = {"authorization": f"Bearer {KEY}"}
    content = "\n".join(map(json.dumps, lines))
    file = httpx.post(
        f"{url}/v1/files",
        headers=headers,
        data={"purpose": "batch"},
        files={"file": ("in.jsonl", content)},
    )
    body = {"input_file_id": file.json()["id"], "endpoint": "/v1/chat/completions"}
    return httpx.post(f"{url}/v1/batches", headers=headers, json=body, timeout=20)


@pytest.mark.parametrize("words", [["red", "a secret"], ["a colour", "red"]])
def test_each_line_is_a_request_to_them(
    gateway_with: With, upstream: ScriptedUpstream, tmp_path: Path, words: list[str]
) -> None:
    name = ref("plugins")
    site = write_package(tmp_path / "site", "guard", CODE, hooks={"guard": "Guard"})
    gateway = gateway_with(site)
    answer = _asked(gateway.url, name, words)
    if "a secret" in words:
        assert answer.status_code == 451
        assert "line 2" in answer.json()["error"]["message"]
        assert not upstream.depot.jobs_of(name)
        return
    assert answer.status_code == 200, answer.text
    [job] = upstream.depot.jobs_of(name)
    assert [line.body["messages"][0]["content"] for line in job.lines] == ["a color", "red"]
