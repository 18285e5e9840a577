"""What is said in a recording, for Gemini, which is asked for it in words.
Source: https://ai.google.dev/gemini-api/docs/audio
"""

from typing import Any, Final

import msgspec

from sluicegate.errors import InvalidRequestError
from sluicegate.media.asked import Asked, File

_WORD_FOR_WORD: Final = (
    "Write down what is said in this recording, word for word. "
    "Answer with these words and nothing else."
)
_IN_ENGLISH: Final = (
    "Write down what is said in this recording, translated into English. "
    "Answer with the translation and nothing else."
)
_TRANSLATIONS: Final = "/v1/audio/translations"
_MEDIA_TYPES: Final = {
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp3": "audio/mp3",
    "mp4": "audio/mp4",
    "mpeg": "audio/mp3",
    "mpga": "audio/mp3",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "webm": "audio/webm",
}


def for_gemini(asked: Asked, _model: str) -> bytes:
    """The recording, then what shall be done with it."""
    recordings = asked.files("file")
    if len(recordings) != 1:
        raise InvalidRequestError("`file` must be one recording", param="file")
    words = [_IN_ENGLISH if asked.path == _TRANSLATIONS else _WORD_FOR_WORD]
    if language := asked.text("language"):
        words.append(f"The language is {language}.")
    if prompt := asked.text("prompt"):
        words.append(f"This may help with names and spelling: {prompt}")
    out: dict[str, Any] = {
        "contents": [
            {
                "role": "user",
                "parts": [{"inlineData": _blob(recordings[0])}, {"text": " ".join(words)}],
            }
        ]
    }
    if (temperature := asked.number("temperature")) is not None:
        out["generationConfig"] = {"temperature": temperature}
    asked.only("response_format", ("json", "text"), "the provider writes down words alone")
    asked.only("chunking_strategy", ("auto",))
    asked.only("stream", (False, "false"), "the provider answers at once")
    asked.ended()
    return msgspec.json.encode(out)


def _blob(file: File) -> dict[str, str]:
    """What a file's name says of its kind is more than clients say."""
    ending = file.name.rpartition(".")[2].lower()
    return {"mimeType": _MEDIA_TYPES.get(ending) or file.media_type, "data": file.data}
