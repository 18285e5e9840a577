"""The byte comparison itself: it accepts the original and nothing else."""

from pathlib import Path

import httpx
import pytest

from ..client import Ask, Got
from ..fixtures import make_exchanges
from .decode import FOLDS, decode
from .expect import Frame, frames, mismatch
from .records import HOST_DIALECTS, Record, load
from .requests import request_mismatch, with_model


def _got(record: Record, raw: bytes) -> Got:
    headers = httpx.Headers({"content-type": record.content_type})
    what = Ask("m", dialect=record.dialect, stream=record.stream)
    return Got(what, "r", 0.0, status=200, headers=headers, raw=raw)


def test_originals_pass_and_changed_bytes_do_not(corpora: Path | None) -> None:
    checked = 0
    for record in load(corpora):
        if record.dialect in HOST_DIALECTS or record.dialect not in FOLDS:
            continue
        if record.status != 200 or not decode(record).terminated or decode(record).error:
            continue
        checked += 1
        body = b"".join(frame.raw for frame in _until_end(record))
        assert mismatch(record, _got(record, body)) is None, record.id
        middle = len(body) // 2
        changed = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        assert mismatch(record, _got(record, changed)) is not None, record.id
        assert mismatch(record, _got(record, body[:-3])) is not None or not record.stream, record.id
    assert checked > 100


def _until_end(record: Record) -> list[Frame]:
    out = []
    for frame in frames(record.body):
        out.append(frame)
        if record.stream and frame.ends:
            break
    return out


@pytest.mark.parametrize("body", [b"", b"data: 1\n\n", b"a\r\n\r\nb\r\rc\n\n\n: x", b"tail"])
def test_frames_lose_nothing(body: bytes) -> None:
    assert b"".join(frame.raw for frame in frames(body)) == body


def test_the_request_may_differ_in_model_and_stream_options_only() -> None:
    record = Record("r", "openai", "p", 200, "", b"", '{"model":"x","stream":true}', False)
    sent = with_model(record.request, "p/r")
    good = '{"model":"r","stream":true,"stream_options":{"include_usage":true}}'
    assert request_mismatch(record, sent, good.encode(), "r") is None
    assert request_mismatch(record, sent, b'{"model":"r","stream":true}', "r") is None
    assert request_mismatch(record, sent, b'{"model":"r", "stream":true}', "r") is not None
    assert request_mismatch(record, sent, b'{"model":"r","stream":true,"x":1}', "r") is not None


def test_the_fixture_files_are_what_their_generator_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_exchanges.FOLDER
    monkeypatch.setattr(make_exchanges, "FOLDER", tmp_path)
    assert make_exchanges.write() >= 200
    for path in tmp_path.iterdir():
        assert path.read_text() == (old / path.name).read_text()
