"""The reference decoder and the replay server, held against the SDKs: no gateway between."""

import asyncio
from pathlib import Path

import pytest

from .chunking import CHUNKINGS
from .decode import FOLDS, Meaning, decode
from .drivers import Drivers
from .records import Record, load
from .requests import model_span, with_model
from .server import ReplayServer


def _same(record: Record, wanted: Meaning, got: Meaning) -> bool:
    """The SDKs know neither hosts that leave usage out nor ones that put it elsewhere."""
    usage = (wanted.input_tokens, wanted.output_tokens)
    return (
        wanted.text == got.text
        and wanted.tools == got.tools
        and wanted.finish == got.finish
        and (None in usage or usage == (got.input_tokens, got.output_tokens))
    )


def test_the_reference_decoder_agrees_with_the_sdks(corpora: Path | None) -> None:
    records = [r for r in load(corpora) if r.status == 200 and not r.is_array]  # SDKs want events
    # Bedrock's are read by its SDK as they are; the older completions pass as bytes, undecoded.
    records = [r for r in records if r.dialect in FOLDS and r.dialect != "bedrock"]
    records = records[:200] + records[200::3]  # all agreed but for 4 odd ones; a third is 10 s
    wanted = {record.id: decode(record) for record in records}
    records = [record for record in records if not wanted[record.id].fails]
    bad: list[str] = []

    async def run(url: str) -> None:
        drivers = Drivers(url, "k")
        gate = asyncio.Semaphore(32)

        async def one(record: Record) -> None:
            async with gate:
                try:
                    got = await drivers.read(record.dialect, f"{record.id}.seeded", record.stream)
                except Exception as error:  # whatever an SDK raises is a finding about the record
                    bad.append(f"{record.id} {record.provider}: {error!r:.150}")
                    return
                if not _same(record, wanted[record.id], got):
                    bad.append(
                        f"{record.id} {record.provider}: {wanted[record.id]!r:.300} {got!r:.300}"
                    )

        await asyncio.gather(*(one(record) for record in records))
        await drivers.close()

    with ReplayServer(records) as server:
        asyncio.run(run(server.url))
    print(f"\n{len(records) - len(bad)} of {len(records)} read alike")
    for line in bad:
        print(line)
    assert len(bad) <= 0.01 * len(records)


@pytest.mark.parametrize("name", CHUNKINGS)
def test_a_chunking_loses_nothing(name: str) -> None:
    for body in (b"", b"x", "d\u00e9\r\n\r\n\U0001f600\n".encode() * 50):
        assert b"".join(CHUNKINGS[name](body, "seed")) == body


@pytest.mark.parametrize(
    ("request_text", "wanted"),
    [
        ('{"model":"a","x":{"model":"b"}}', '{"model":"N","x":{"model":"b"}}'),
        (
            ' { "x" : [1, "model"] , "model" : "a\\"b" } ',
            ' { "x" : [1, "model"] , "model" : "N" } ',
        ),
        ('{"x":1}', '{"model":"N","x":1}'),
        ("{}", '{"model":"N"}'),
    ],
)
def test_only_the_model_is_replaced(request_text: str, wanted: str) -> None:
    assert with_model(request_text, "N") == wanted
    assert model_span(wanted) is not None
