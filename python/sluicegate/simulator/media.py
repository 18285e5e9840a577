"""The simulator's pictures and sound: made of the prompt alone, and small.

Source: platform.openai.com/docs/api-reference/images and audio
"""

from __future__ import annotations

import base64
import io
import math
import struct
import wave
import zlib

from .dialects import CREATED
from .made import File, Made, streamed, told
from .prompt import Json, RefusedError, positive, words

_SIDE = 1024
_MOST_SIDE = 4096
_MOST_PICTURES = 10
_PICTURE_TOKENS = 256
_RATE = 24_000
_SECONDS_A_WORD = 0.25
_MOST_SECONDS = 10.0
_SILENCE = b"\xff\xfb\x90\x00" + bytes(413)
"""A frame of MP3, 128 kbit/s at 44.1 kHz, in which nothing is heard."""
_FRAME_S = 1152 / 44_100


def picture(body: Json) -> Made:
    """Pictures of one colour, in the size that was asked for."""
    prompt = str(body.get("prompt") or "variation")
    wide, _, high = str(body.get("size") or "auto").partition("x")
    sides = (wide, high) if wide.isdigit() and high.isdigit() else (_SIDE, _SIDE)
    width, height = (max(1, min(int(side), _MOST_SIDE)) for side in sides)
    count = min(positive(_counted(body), "n") or 1, _MOST_PICTURES)
    shown = base64.b64encode(_png(width, height, zlib.crc32(prompt.encode()))).decode()
    read = len(words(prompt))
    written = _PICTURE_TOKENS * count
    usage: Json = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    usage["input_tokens_details"] = {"text_tokens": read, "image_tokens": 0}
    if body.get("stream") in (True, "true"):
        kind = "image_edit" if "image" in body else "image_generation"
        one = {"b64_json": shown, "created_at": CREATED, "size": f"{width}x{height}"}
        one |= {"background": "opaque", "output_format": "png", "quality": "low"}
        draft = {"type": f"{kind}.partial_image", "partial_image_index": 0}
        return streamed(draft | one, {"type": f"{kind}.completed", "usage": usage} | one)
    if body.get("response_format") == "url":
        data: Json = {"url": f"data:image/png;base64,{shown}"}
    else:
        data = {"b64_json": shown}
    return told({"created": CREATED, "data": [data] * count, "usage": usage})


def _counted(body: Json) -> Json:
    """Forms have texts for numbers."""
    return {} if body.get("n") is None else {"n": int(body["n"])}


def _png(width: int, height: int, seed: int) -> bytes:
    row = b"\0" + (seed & 0xFFFFFF).to_bytes(3, "big") * width
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(row * height)), (b"IEND", b""))
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        out += struct.pack("!I", len(data)) + kind + data
        out += struct.pack("!I", zlib.crc32(kind + data))
    return out


def speech(body: Json) -> Made:
    """A tone as long as the text would take; silence in MP3, which is what is asked for where
    nothing is said.
    """
    text = str(body.get("input", ""))
    seconds = min(len(words(text)) * _SECONDS_A_WORD, _MOST_SECONDS)
    kind = body.get("response_format") or "mp3"
    made = {"mp3": _mp3, "wav": _wav, "pcm": _pcm}.get(kind)
    if made is None:
        raise RefusedError(f"response_format: {kind} is not simulated: mp3, wav or pcm")
    sound = made(seconds)
    if body.get("stream_format") == "sse":
        read, written = len(words(text)), round(seconds * 20)
        usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
        delta = {"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode()}
        return streamed(delta, {"type": "speech.audio.done", "usage": usage})
    return Made(sound, {"mp3": "audio/mpeg", "wav": "audio/wav"}.get(kind, "audio/pcm"))


def _mp3(seconds: float) -> bytes:
    return _SILENCE * max(1, round(seconds / _FRAME_S))


def _pcm(seconds: float) -> bytes:
    period = [round(4000 * math.sin(2 * math.pi * n / 54)) for n in range(54)]
    wavelength = struct.pack(f"<{len(period)}h", *period)
    return wavelength * max(1, round(seconds * _RATE / len(period)))


def _wav(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(_pcm(seconds))
    return out.getvalue()


def transcript(body: Json) -> Made:
    """What was heard: which file, and that all of it arrived."""
    file = body.get("file")
    if not isinstance(file, File):
        raise RefusedError("file: is missing")
    text = f"This is a simulated transcript of {file.shown}."
    read, written = max(1, len(file.data) // 1000), len(words(text))
    usage: Json = {"type": "tokens", "input_tokens": read, "output_tokens": written}
    usage |= {"total_tokens": read + written}
    usage["input_token_details"] = {"text_tokens": 0, "audio_tokens": read}
    if body.get("stream") in (True, "true"):
        deltas = [{"type": "transcript.text.delta", "delta": piece} for piece in words(text)]
        return streamed(*deltas, {"type": "transcript.text.done", "text": text, "usage": usage})
    seconds = max(1.0, len(file.data) / (2 * _RATE))
    match body.get("response_format") or "json":
        case "json":
            return told({"text": text, "usage": usage})
        case "text":
            return Made(f"{text}\n".encode(), "text/plain; charset=utf-8")
        case "srt":
            lines = f"1\n00:00:00,000 --> {_clock(seconds, ',')}\n{text}\n\n"
            return Made(lines.encode(), "text/plain; charset=utf-8")
        case "vtt":
            lines = f"WEBVTT\n\n00:00:00.000 --> {_clock(seconds, '.')}\n{text}\n\n"
            return Made(lines.encode(), "text/vtt; charset=utf-8")
        case "verbose_json":
            return told(_verbose(text, seconds))
        case other:
            raise RefusedError(f"response_format: {other} is not simulated")


def _verbose(text: str, seconds: float) -> Json:
    segment: Json = {"id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": text, "tokens": []}
    segment |= {"temperature": 0.0, "avg_logprob": 0.0, "compression_ratio": 1.0}
    body = {"task": "transcribe", "language": "english", "duration": seconds, "text": text}
    usage = {"type": "duration", "seconds": math.ceil(seconds)}
    return body | {"segments": [segment | {"no_speech_prob": 0.0}], "usage": usage}


def _clock(seconds: float, point: str) -> str:
    whole, rest = divmod(round(seconds * 1000), 1000)
    return f"00:{whole // 60:02}:{whole % 60:02}{point}{rest:03}"
