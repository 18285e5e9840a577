"""Speech, for Gemini. Source: https://ai.google.dev/gemini-api/docs/speech-generation"""

import msgspec

from sluicegate.media.asked import Asked


def for_gemini(asked: Asked, _model: str) -> bytes:
    """What shall be spoken, after how. It speaks in samples, which a WAV file can hold."""
    text = asked.need("input")
    how = asked.text("instructions")
    voice = {"prebuiltVoiceConfig": {"voiceName": asked.need("voice")}}
    asked.only("response_format", ("wav", "pcm"), "the provider speaks in wav and pcm")
    asked.only("speed", (1, 1.0))
    asked.only("stream_format", ("audio",), "the provider speaks at once")
    asked.ended()
    said = f"{how}: {text}" if how else text
    return msgspec.json.encode(
        {
            "contents": [{"role": "user", "parts": [{"text": said}]}],
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": voice},
            },
        }
    )
