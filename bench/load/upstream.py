"""An upstream of both dialects with canned bytes: as fast as an event loop goes, and no faster.

    python -m bench.load.upstream PORT

The instrument's mock speaks one dialect. This one serves `/v1/messages` as Anthropic does and
`/v1/chat/completions` as OpenAI does, whole or streamed, and reads the same knobs from the model's
name (`n` chunks of `b` bytes, `d` microseconds apart). Each chunk is written by itself and carries
the time of its writing, as the driver wants it.
"""

import asyncio
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KNOB = re.compile(rb'"model": ?"[^"]*?\.n(\d+)(?:\.b(\d+))?(?:\.d(\d+))?"')
_STREAM = re.compile(rb'"stream": ?true')
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_WHOLE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_OPENAI_WHOLE = (
    b'{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"mock",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"A short answer.",'
    b'"refusal":null},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":50,"completion_tokens":40,"total_tokens":90}}'
)
_ANTHROPIC_WHOLE = (
    b'{"id":"msg_bench","type":"message","role":"assistant","model":"mock",'
    b'"content":[{"type":"text","text":"A short answer."}],"stop_reason":"end_turn",'
    b'"stop_sequence":null,"usage":{"input_tokens":50,"output_tokens":40}}'
)
_CHUNK = (
    b'{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"mock",'
    b'"system_fingerprint":"fp_mock","choices":[%b],"usage":%b}'
)
_TEXT = b'{"index":0,"delta":{"content":"%b"},"logprobs":null,"finish_reason":null}'
_STOP = b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}'


def _openai(text: bytes) -> bytes:
    return b"data: " + _CHUNK % (_TEXT % text, b"null") + b"\n\n"


def _openai_end(chunks: int) -> bytes:
    usage = b'{"prompt_tokens":50,"completion_tokens":%d,"total_tokens":%d}' % (chunks, chunks + 50)
    stop, last = _CHUNK % (_STOP, b"null"), _CHUNK % (b"", usage)
    return b"data: " + stop + b"\n\ndata: " + last + b"\n\ndata: [DONE]\n\n"


def _event(name: bytes, fields: bytes) -> bytes:
    return b'event: %b\ndata: {"type":"%b"%b}\n\n' % (name, name, fields)


_ANTHROPIC_START = _event(
    b"message_start",
    b',"message":{"id":"msg_bench","type":"message","role":"assistant","model":"mock","content":[],'
    b'"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":50,"output_tokens":1}}',
) + _event(b"content_block_start", b',"index":0,"content_block":{"type":"text","text":""}')


def _anthropic(text: bytes) -> bytes:
    delta = b',"index":0,"delta":{"type":"text_delta","text":"%b"}' % text
    return _event(b"content_block_delta", delta)


def _anthropic_end(chunks: int) -> bytes:
    delta = b',"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":%d}'
    return (
        _event(b"content_block_stop", b',"index":0')
        + _event(b"message_delta", delta % chunks)
        + _event(b"message_stop", b"")
    )


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def pieces(path: bytes, chunks: int, filler: bytes) -> Iterator[bytes]:
    """The stream as it is written, a piece for each event of text."""
    is_anthropic = path.endswith(b"/messages")
    event = _anthropic if is_anthropic else _openai
    end = _anthropic_end if is_anthropic else _openai_end
    yield _HEAD + (_framed(_ANTHROPIC_START) if is_anthropic else b"")
    for _ in range(chunks):
        yield _framed(event(b"T=%d %b" % (time.monotonic_ns(), filler)))
    yield _framed(end(chunks)) + b"0\r\n\r\n"


def whole(path: bytes) -> bytes:
    """An answer that is no stream."""
    body = _ANTHROPIC_WHOLE if path.endswith(b"/messages") else _OPENAI_WHOLE
    return _WHOLE_HEAD % (len(body), body)


class Connection(asyncio.Protocol):
    """One request after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: Any = None
        self._got = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._got, 0, end)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._got) < size:
            return
        request = bytes(self._got[:size])
        del self._got[:size]
        self._answer(request.split(b" ", 2)[1], request[end:])

    def _answer(self, path: bytes, body: bytes) -> None:
        if not _STREAM.search(body):
            self._transport.write(whole(path))
            return
        knobs = _KNOB.search(body)
        chunks, size, pace_us = (int(it or 0) for it in knobs.groups()) if knobs else (1, 16, 0)
        text = (b"xxxxx " * (size // 6 + 1))[:size]
        self._write(pieces(path, chunks, text), pace_us / 1e6)

    def _write(self, stream: Iterator[bytes], pace_s: float) -> None:
        due = self._loop.time()
        for piece in stream:
            if self._transport.is_closing():
                return
            self._transport.write(piece)
            if pace_s:
                self._loop.call_at(due + pace_s, self._write_next, stream, pace_s, due + pace_s)
                return

    def _write_next(self, stream: Iterator[bytes], pace_s: float, due: float) -> None:
        piece = next(stream, None)
        if piece is not None and not self._transport.is_closing():
            self._transport.write(piece)
            self._loop.call_at(due + pace_s, self._write_next, stream, pace_s, due + pace_s)


async def serve(port: int) -> None:
    """For ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(loop), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
