"""Pictures, for Gemini, Imagen and the models of Bedrock.

Sources: https://ai.google.dev/gemini-api/docs/image-generation,
https://ai.google.dev/gemini-api/docs/imagen,
https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html
"""

import re
from typing import Any, Final

import msgspec

from sluicegate.dialects.data_url import split_data_url
from sluicegate.errors import InvalidRequestError
from sluicegate.media.asked import Asked, File

_RATIOS: Final = {
    "1024x1024": "1:1",
    "1536x1024": "3:2",
    "1024x1536": "2:3",
    "1792x1024": "16:9",
    "1024x1792": "9:16",
}
"""OpenAI's sizes as the shapes that others have; their sizes in pixels are their own."""
_PIXELS: Final = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")
_QUALITIES: Final = {
    "standard": "standard",
    "low": "standard",
    "medium": "standard",
    "hd": "premium",
    "high": "premium",
}
_IMAGEN: Final = ("imagen-", "imagegeneration")
_STABILITY: Final = "stability."
_TASKS: Final = ("amazon.titan-image", "amazon.nova-canvas")

Json = dict[str, Any]


def for_google(asked: Asked, model: str) -> bytes:
    """For Gemini's models that draw, or for Imagen's."""
    is_imagen = model.rpartition("/")[2].startswith(_IMAGEN)
    return _for_imagen(asked) if is_imagen else _for_gemini(asked)


def for_bedrock(asked: Asked, model: str) -> bytes:
    """For InvokeModel. A model may be named by an inference profile, with its region before it."""
    if _STABILITY in model:
        return _for_stability(asked)
    if any(task in model for task in _TASKS):
        return _for_amazon(asked)
    raise InvalidRequestError(
        f"how {model!r} draws is not known: Titan Image, Nova Canvas and Stability's models are",
        param="model",
    )


def _for_gemini(asked: Asked) -> bytes:
    parts: list[Json] = [{"inlineData": _blob(file)} for file in _given(asked)]
    parts.append({"text": asked.need("prompt")})
    config: Json = {"responseModalities": ["IMAGE"]}
    if (ratio := _ratio(asked)) is not None:
        config["imageConfig"] = {"aspectRatio": ratio}
    asked.only("n", (1, "1"), "the provider draws one")
    asked.only("output_format", ("png",), "the provider draws PNG")
    asked.only("quality", ("auto", "standard", "medium"))
    _ended(asked)
    content = {"role": "user", "parts": parts}
    return msgspec.json.encode({"contents": [content], "generationConfig": config})


def _for_imagen(asked: Asked) -> bytes:
    parameters: Json = {"sampleCount": _count(asked)}
    prompt = asked.need("prompt")
    if (ratio := _ratio(asked)) is not None:
        parameters["aspectRatio"] = ratio
    asked.only("output_format", ("png",), "the provider draws PNG")
    asked.only("quality", ("auto", "standard", "medium"))
    _ended(asked)
    return msgspec.json.encode({"instances": [{"prompt": prompt}], "parameters": parameters})


def _for_amazon(asked: Asked) -> bytes:
    config: Json = {"numberOfImages": _count(asked)}
    prompt = asked.need("prompt")
    size = asked.text("size")
    if size not in (None, "auto"):
        pixels = _PIXELS.fullmatch(size)
        if pixels is None:
            raise InvalidRequestError("`size` must be a width, x and a height", param="size")
        config |= {"width": int(pixels[1]), "height": int(pixels[2])}
    quality = asked.text("quality")
    if quality in _QUALITIES:
        config["quality"] = _QUALITIES[quality]
    elif quality not in (None, "auto"):
        asked.cannot("quality")
    asked.only("output_format", ("png",), "the provider draws PNG")
    _ended(asked)
    return msgspec.json.encode(
        {
            "taskType": "TEXT_IMAGE",
            "textToImageParams": {"text": prompt},
            "imageGenerationConfig": config,
        }
    )


def _for_stability(asked: Asked) -> bytes:
    out: Json = {"prompt": asked.need("prompt")}
    if (ratio := _ratio(asked)) is not None:
        out["aspect_ratio"] = ratio
    form = asked.text("output_format")
    if form in ("png", "jpeg"):
        out["output_format"] = form
    elif form is not None:
        asked.cannot("output_format")
    asked.only("n", (1, "1"), "the provider draws one")
    asked.only("quality", ("auto", "standard", "medium"))
    _ended(asked)
    return msgspec.json.encode(out)


def _ended(asked: Asked) -> None:
    """What is the same for all, and that nothing else is there."""
    asked.only("response_format", ("b64_json",), "the provider keeps no pictures to link to")
    asked.only("background", ("auto", "opaque"))
    asked.only("moderation", ("auto", "low"), "the provider has filters of its own")
    asked.only("output_compression", (100, "100"))
    asked.only("partial_images", (0, "0"))
    asked.only("stream", (False, "false"), "the provider draws at once")
    asked.ended()


def _count(asked: Asked) -> int:
    count = asked.number("n")
    if count is not None and not count.is_integer():
        raise InvalidRequestError("`n` must be a whole number", param="n")
    return 1 if count is None else int(count)


def _ratio(asked: Asked) -> str | None:
    size = asked.text("size")
    if size in (None, "auto"):
        return None
    if size not in _RATIOS:
        asked.cannot("size", f"the provider has the shapes of {', '.join(_RATIOS)}")
    return _RATIOS.get(size)


def _given(asked: Asked) -> list[File]:
    """The pictures to draw from: files of a form, or URLs of inline data."""
    files = asked.files("image")
    for at, image in enumerate(asked.objects("images")):
        url = image.get("image_url")
        inline = split_data_url(url) if isinstance(url, str) else None
        if inline is None:
            asked.cannot(f"images[{at}]", "the provider takes pictures inline alone")
        else:
            files.append(File("", *inline))
    return files


def _blob(file: File) -> Json:
    return {"mimeType": file.media_type or "image/png", "data": file.data}
