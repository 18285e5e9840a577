"""What a client must have seen in each case, whatever lies between it and the model."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

SAID: dict[str, Any] = json.loads((Path(__file__).parent / "conversation.json").read_text("utf-8"))
_PNG = base64.b64decode(SAID["png_base64"])

CALLS = [
    {"city": "Zürich", "days": 3},
    {"city": "Oslo", "days": 1},
    {"city": "Rome", "days": 2},
]
LAST_RESULT = "rain for 2 days in Rome"
PICTURE = f"1 image(s): image/png, {len(_PNG)} bytes, crc32 {zlib.crc32(_PNG):08x}"
#: What the model makes of the form; see `sluicegate.simulator.example`.
PLACE = SAID["place"]

Saw = dict[str, Any]


def problem(case: str, told: Saw) -> str | None:
    """What is wrong with what a client told of a case; None where nothing is."""
    if "failed" in told:
        return str(told["failed"])
    saw = told["saw"]
    wrong = _CHECKS[case.partition(",")[0]](saw)
    return f"{wrong}: {json.dumps(saw, ensure_ascii=False)[:600]}" if wrong else None


def _said(saw: Saw) -> str | None:
    if f'You said: "{SAID["text"]}".' not in saw["text"]:
        return "another text"
    if not saw["text"].startswith("This is a simulated answer."):
        return "the text has lost its beginning"
    # A word is a token, and the answer has sixteen at least.
    if saw.get("output_tokens", len(saw["text"].split())) != len(saw["text"].split()):
        return "another number of tokens"
    if saw.get("input_tokens", 1) < 1:
        return "no input was counted"
    return None


def _streamed(saw: Saw) -> str | None:
    return _said(saw) or (None if saw["pieces"] > 3 else "it came in one piece")


def _called(saw: Saw) -> str | None:
    if saw["calls"] != CALLS:
        return "other calls"
    is_told = "The tool said:" in saw["text"] and LAST_RESULT in saw["text"]
    return None if is_told else "the result did not reach the model"


def _looked(saw: Saw) -> str | None:
    return None if PICTURE in saw["text"] else "another picture"


def _formed(saw: Saw) -> str | None:
    return None if saw.get("value") == PLACE else "another value"


def _ran(saw: Saw) -> str | None:
    outputs = " ".join(saw["outputs"])
    if "42 is seen" not in outputs or "the note says 9K4" not in outputs:
        return "its own tools did something else"
    is_told = "The tool said:" in saw["text"] and "the note says 9K4" in saw["text"]
    return None if is_told else "the result did not reach the model"


def _listed(saw: Saw) -> str | None:
    return None if saw["model"] in saw["models"] else "the model is not listed"


def _counted(saw: Saw) -> str | None:
    return None if saw["input_tokens"] > 0 else "nothing was counted"


_CHECKS = {
    "text": _said,
    "stream": _streamed,
    "async": _said,
    "tools": _called,
    "image": _looked,
    "structured": _formed,
    "shell": _ran,
    "models": _listed,
    "count": _counted,
}
"""By what stands before the comma in a case's name."""
