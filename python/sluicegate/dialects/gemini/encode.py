"""A conversation as a `generateContent` request."""

import base64
import mimetypes
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from sluicegate.conversation import (
    AudioPart,
    Conversation,
    DocumentPart,
    ImagePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolReferencePart,
    ToolResultPart,
    Turn,
    VendorPart,
    VendorTool,
)
from sluicegate.dialects import told
from sluicegate.dialects.carry import Carrier
from sluicegate.dialects.fields import arguments_object
from sluicegate.dialects.gemini.thinking import thinking_config
from sluicegate.dialects.harmless import HARMLESS, HARMLESS_INSIDE
from sluicegate.dialects.readable import begun_by_user, one_call_in_words, readable
from sluicegate.dialects.seal import own_signature

_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_TIERS: Final = {"flex": "flex", "priority": "priority", "standard_only": "standard"}

_UNSIGNED: Final = base64.b64encode(b"skip_thought_signature_validator").decode()
"""What a call of another model, or one whose signature its client could not keep, is signed with.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures
"""

_UNSIGNED_MODELS: Final = re.compile(r"gemini-(1|2)|gemma")
"""Models that take calls without a signature."""

Json = dict[str, Any]


def encode_request(
    conversation: Conversation, *, model: str, drop: bool
) -> tuple[bytes, list[str]]:
    """The request's bytes, and the paths of what was left out. The path names the model.

    Raises:
        UnsupportedFieldError: the first field that this dialect cannot express, unless `drop`.
    """
    return _Encoder(conversation, model, drop=drop).encode()


class _Encoder:
    """One request on its way out."""

    def __init__(self, conversation: Conversation, model: str, *, drop: bool) -> None:
        self.model = model
        self.names = conversation.called()
        self.carry = Carrier(
            "gemini",
            conversation.dialect,
            drop=drop,
            harmless=HARMLESS,
            harmless_inside=HARMLESS_INSIDE,
        )
        self.c = begun_by_user(readable(conversation, self.carry), self.carry)
        self.c = one_call_in_words(self.c, self.carry)

    def encode(self) -> tuple[bytes, list[str]]:
        c = self.c
        system = self.parts(list(c.system))
        contents = self.contents(system)
        out: Json = {"contents": contents}
        if system:
            out["systemInstruction"] = {"parts": system}
        self.tools(out)
        generation = self.generation()
        if generation:
            out["generationConfig"] = generation
        if c.user is not None:
            self.carry.leave_out("user")
        tier = self.carry.service_tier(c.service_tier, _TIERS)
        if tier is not None:
            out["serviceTier"] = tier
        self.carry.extras(c.extras, out)
        return msgspec.json.encode(out), self.carry.dropped

    def generation(self) -> Json:
        c = self.c
        for name in ("logprobs", "top_logprobs"):
            if getattr(c, name):
                self.carry.cannot(name, "an answer of Gemini's has them in another form")
        scalars = {
            "maxOutputTokens": c.max_output_tokens,
            "temperature": c.temperature,
            "topP": c.top_p,
            "topK": c.top_k,
            "stopSequences": c.stop or None,
            "candidateCount": c.choices,
            "seed": c.seed,
            "presencePenalty": c.presence_penalty,
            "frequencyPenalty": c.frequency_penalty,
        }
        out: Json = {name: value for name, value in scalars.items() if value is not None}
        form = c.response_format
        if form is not None and form.kind != "text":
            out["responseMimeType"] = "application/json"
            if form.schema is not None:
                out["responseJsonSchema"] = form.schema
        if c.reasoning is not None:
            thinking = thinking_config(c.reasoning, self.model)
            if thinking is None:
                self.carry.leave_out(c.reasoning.path)
            else:
                out["thinkingConfig"] = thinking
        return out

    def tools(self, out: Json) -> None:
        c = self.c
        functions = [self.function(tool) for tool in c.tools if isinstance(tool, Tool)]
        tools: list[Any] = [{"functionDeclarations": functions}] if functions else []
        for tool in c.tools:
            if not isinstance(tool, VendorTool):
                continue
            if self.carry.same_dialect:
                tools.append(tool.raw)
            else:
                self.carry.cannot(tool.path, f"the provider cannot run {tool.kind!r}")
        if tools:
            out["tools"] = tools
        choice = c.tool_choice
        if choice is not None and tools:
            calling: Json = {"mode": _MODES[choice.mode]}
            if choice.name is not None:
                calling["allowedFunctionNames"] = [choice.name]
            elif choice.allowed is not None and self.carry.same_dialect:
                calling["allowedFunctionNames"] = choice.allowed
            out["toolConfig"] = {"functionCallingConfig": calling}

    def function(self, tool: Tool) -> Json:
        out: Json = {"name": tool.name}
        if tool.description is not None:
            out["description"] = tool.description
        if tool.parameters is not None:
            out["parametersJsonSchema"] = tool.parameters
        self.carry.unmarked(tool.cache_control, tool.path)
        self.carry.extras(tool.extras, out, tool.path)
        return out

    def contents(self, system: list[Any]) -> list[Json]:
        """Turns of one role that follow each other become one, as results of parallel calls must
        stand together. System messages among the turns join the instruction.
        """
        out: list[Json] = []
        for turn in self.c.turns:
            if turn.role == "system":
                system.extend(self.parts(turn.parts))
                continue
            role = "model" if turn.role == "assistant" else "user"
            parts = self.model_parts(turn) if role == "model" else self.parts(turn.parts)
            if turn.name is not None:
                self.carry.leave_out(f"{turn.path}.name")
            self.carry.extras(turn.extras, {}, turn.path)
            if not parts:
                continue
            if out and out[-1]["role"] == role:
                out[-1]["parts"].extend(parts)
            else:
                out.append({"role": role, "parts": parts})
        return out

    def model_parts(self, turn: Turn) -> list[Any]:
        """A turn of the model's: signatures go to the calls behind them, one each, and those that
        are left stand behind the text.
        """
        signatures: list[str] = []
        out: list[Any] = []
        is_signed = False
        for part in turn.parts:
            if isinstance(part, ThinkingPart | RedactedThinkingPart):
                out.extend(self.thought(part, signatures))
                continue
            written = self.part(part)
            if isinstance(part, ToolCallPart) and written:
                if signatures:
                    written[0]["thoughtSignature"] = signatures.pop(0)
                elif not is_signed and not _UNSIGNED_MODELS.search(self.model):
                    written[0]["thoughtSignature"] = _UNSIGNED
                is_signed = True
            out.extend(written)
        out.extend({"text": "", "thoughtSignature": signature} for signature in signatures)
        return out

    def thought(
        self, part: ThinkingPart | RedactedThinkingPart, signatures: list[str]
    ) -> list[Json]:
        """A thought of Gemini's own; another model's is not part of the talk."""
        given = part.signature if isinstance(part, ThinkingPart) else None
        signature = own_signature(self.c, given, "gemini")
        if signature is None or isinstance(part, RedactedThinkingPart):
            self.carry.leave_out(part.path)
            return []
        signatures.append(signature)
        return [{"text": part.text, "thought": True}] if part.text else []

    def parts(self, parts: list[Part]) -> list[Any]:
        return [written for part in parts for written in self.part(part)]

    def part(self, part: Part) -> list[Any]:
        if isinstance(part, VendorPart):
            if self.carry.same_dialect:
                return [part.raw]
            self.carry.cannot(part.path, f"Gemini has no {part.kind!r}")
            return []
        if isinstance(part, TextPart | RefusalPart) and not part.text:
            return []
        self.carry.unmarked(part.cache_control, part.path)
        self.carry.tell_lost(part)
        if isinstance(part, ToolResultPart):
            return self.tool_result(part)
        write = _PARTS.get(type(part))
        written = write(part) if write is not None else None
        if written is None:
            self.carry.cannot(part.path)
            return []
        self.carry.extras(part.extras, written, part.path)
        return [written]

    def tool_result(self, part: ToolResultPart) -> list[Any]:
        """What a tool gave back: an object as it is, a text under the key that stands for it. What
        it showed follows behind.
        """
        name = self.names.get(part.tool_call_id)
        if name is None:
            self.carry.cannot(part.path, "it belongs to no call before it")
            return []
        texts = [inner.text for inner in part.parts if isinstance(inner, TextPart)]
        shown = [inner for inner in part.parts if not isinstance(inner, TextPart)]
        response = {
            "id": part.tool_call_id,
            "name": name,
            "response": _response("".join(texts), is_error=part.is_error),
        }
        written: Json = {"functionResponse": response}
        self.carry.extras(part.extras, written, part.path)
        return [written, *self.parts(shown)]


def _response(text: str, *, is_error: bool) -> Any:
    if is_error:
        return {"error": text}
    try:
        msgspec.json.decode(text, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"output": text}
    return Raw(text.encode())


def _text(part: TextPart | RefusalPart) -> Json:
    return {"text": part.text}


def _tool_reference(part: ToolReferencePart) -> Json:
    return {"text": told.tool_reference(part)}


def _call(part: ToolCallPart) -> Json:
    call = {"id": part.id, "name": part.name, "args": arguments_object(part.arguments)}
    return {"functionCall": call}


def _image(part: ImagePart) -> Json | None:
    return _media(part, "image/png")


def _document(part: DocumentPart) -> Json | None:
    if part.text is not None:
        return {"text": told.document(part)}
    return _media(part, "application/pdf")


def _media(part: ImagePart | DocumentPart, media_type: str) -> Json | None:
    if part.data is not None:
        return {"inlineData": {"mimeType": part.media_type or media_type, "data": part.data}}
    if part.url is None:
        return None  # kept at another vendor's
    guessed, _ = mimetypes.guess_type(part.url.partition("?")[0])
    return {"fileData": {"mimeType": part.media_type or guessed or media_type, "fileUri": part.url}}


def _audio(part: AudioPart) -> Json:
    return {"inlineData": {"mimeType": f"audio/{part.format}", "data": part.data}}


_PARTS: Final[dict[type[Part], Callable[[Any], Json | None]]] = {
    TextPart: _text,
    RefusalPart: _text,
    ToolReferencePart: _tool_reference,
    ToolCallPart: _call,
    ImagePart: _image,
    DocumentPart: _document,
    AudioPart: _audio,
}
