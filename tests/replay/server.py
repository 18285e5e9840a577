"""An upstream that answers with recorded bodies: the model name is `<record id>.<chunking>`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from urllib.parse import unquote

from ..upstream.connection import BadRequestError, Connection
from ..upstream.exchange import Exchange
from ..upstream.framing import chunk, head
from ..upstream.loopback import LoopbackServer
from .chunking import CHUNKINGS
from .records import Record

_GEMINI = re.compile(r"/models/([^/]+):")
_CONVERSE = re.compile(r"/model/([^/]+)/converse")
#: Pieces per write: each is an HTTP chunk of its own, some share a segment, some do not.
_PIECES_PER_WRITE = 512


class ReplayServer(LoopbackServer):
    """Serves `records`; the bodies of the last request per model are in `asked`."""

    def __init__(self, records: Iterable[Record]) -> None:
        super().__init__()
        self.records = {record.id: record for record in records}
        self.asked: dict[str, bytes] = {}

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """The recorded status, content type and body, in the chunking that was asked for."""
        try:
            named = _GEMINI.search(exchange.path) or _CONVERSE.search(exchange.path)
            model = unquote(named[1]) if named else str(json.loads(exchange.body)["model"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadRequestError("a body without a model") from error
        identity, _, chunking = model.rpartition(".")
        record = self.records.get(identity)
        if record is None:
            self.log.unrouted.append(exchange)
            await connection.send(head(404, "Not Found", [("Content-Length", "0")]))
            return
        self.asked[model] = exchange.body
        headers = [("Content-Type", record.content_type), ("Transfer-Encoding", "chunked")]
        held = head(record.status, "Recorded", headers)
        for count, piece in enumerate(CHUNKINGS[chunking](record.body, model), 1):
            held += chunk(piece) if piece else b""
            if count % _PIECES_PER_WRITE == 0:
                await connection.send(held)
                await asyncio.sleep(0)
                held = b""
        await connection.send(held + b"0\r\n\r\n")
        exchange.finished = asyncio.get_running_loop().time()
