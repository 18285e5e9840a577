"""The one neutral form of a request, between the dialects that clients and upstreams speak.

Names no vendor. What a dialect has beside it stays as raw JSON in `extras`, with its path, so that
the same dialect can write it back and another one can refuse it by name.
"""

from typing import Literal

import msgspec
from msgspec import Raw


class CacheControl(msgspec.Struct, frozen=True):
    """A mark up to which the vendor shall cache the prompt.

    Args:
        ttl: `5m` or `1h`; None leaves it to the vendor.
    """

    ttl: str | None = None


class Extra(msgspec.Struct, frozen=True):
    """A field that the neutral form does not have.

    Args:
        path: where it stood, such as `messages[2].content[0].foo`.
        name: its key.
        raw: its value, the very bytes.
    """

    path: str
    name: str
    raw: Raw


class Part(msgspec.Struct, kw_only=True):
    """One piece of a turn.

    Args:
        path: where it stood in the client's request, for errors.
        own: the client's own form of it, where this one says less; its dialect writes it back.
    """

    path: str = ""
    cache_control: CacheControl | None = None
    extras: list[Extra] = []
    own: Raw | None = None


class TextPart(Part):
    """Text; with its sources where a model cited them."""

    text: str
    citations: list[Raw] = []


class ImagePart(Part):
    """An image: `url`, or `data` in base64 with its media type. `file_id` where the vendor keeps
    it.
    """

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    file_id: str | None = None
    detail: str | None = None


class DocumentPart(Part):
    """A document: `url`, `data` in base64, `text`, or a vendor's `file_id`."""

    url: str | None = None
    data: str | None = None
    text: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    title: str | None = None
    context: str | None = None
    citations: bool | None = None


class AudioPart(Part):
    """Recorded speech, base64."""

    data: str
    format: str


class ThinkingPart(Part):
    """A model's reasoning with the signature that proves it is the model's own."""

    text: str
    signature: str | None = None


class RedactedThinkingPart(Part):
    """Reasoning that only the vendor can read."""

    data: str


class RefusalPart(Part):
    """Text in which the model declined."""

    text: str


class ToolCallPart(Part):
    """A model's wish that a tool be run. `arguments` is JSON text, byte for byte."""

    id: str
    name: str
    arguments: str


class ToolResultPart(Part):
    """What a tool gave back."""

    tool_call_id: str
    parts: list[Part]
    is_error: bool = False


class ToolReferencePart(Part):
    """In a tool's result: a tool that the model may call from now on, by name."""

    name: str


class VendorPart(Part):
    """An item that only its own dialect knows (server tools and their results ...).

    Args:
        is_over: what a tool of the vendor's did in an earlier turn. What came of it the model has
        told behind it, so that another one can go on without.
    """

    kind: str
    raw: Raw
    is_over: bool = False


class Turn(msgspec.Struct, kw_only=True):
    """One message."""

    role: Literal["user", "assistant", "system"]
    parts: list[Part]
    path: str = ""
    name: str | None = None
    extras: list[Extra] = []


class ToolForm(msgspec.Struct, frozen=True):
    """What a tool is to its client, where that is no plain function.

    Args:
        namespace: the group that it is in.
        is_free_text: it takes a text instead of arguments.
    """

    name: str
    namespace: str | None = None
    is_free_text: bool = False


class Tool(msgspec.Struct, kw_only=True):
    """A function that the model may call. `parameters` is a JSON schema.

    Args:
        is_derived: its own dialect says it elsewhere in the request.
    """

    name: str
    description: str | None = None
    parameters: Raw | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    path: str = ""
    extras: list[Extra] = []
    form: ToolForm | None = None
    is_derived: bool = False


class VendorTool(msgspec.Struct, kw_only=True):
    """A tool that the vendor runs.

    Args:
        is_resolved: what it stands for are functions, which are among the tools too.
        lost: fields of it that only its vendor acts on.
    """

    kind: str
    raw: Raw
    path: str
    is_resolved: bool = False
    lost: list[str] = []


class ToolChoice(msgspec.Struct, frozen=True):
    """Which tools must be called; `name` with mode `named`.

    Args:
        allowed: the only tools that may be called, by name; a vendor's by its kind.
        own: the client's own form, where this one says less.
    """

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None
    allowed: tuple[str, ...] | None = None
    own: Raw | None = None


class ResponseFormat(msgspec.Struct, frozen=True):
    """The form of the answer's text. `schema` with kind `json_schema`."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Raw | None = None
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much the model may think: words of effort, or tokens; `enabled` false forbids it.

    Args:
        path: the field that said so, for errors.
    """

    effort: str | None = None
    budget_tokens: int | None = None
    enabled: bool | None = None
    adaptive: bool = False
    display: str | None = None
    path: str = "thinking"


class Conversation(msgspec.Struct, kw_only=True):
    """A whole request."""

    dialect: str
    system: list[TextPart] = []
    turns: list[Turn] = []
    tools: list[Tool | VendorTool] = []
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = []
    choices: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    user: str | None = None
    service_tier: str | None = None
    include_usage: bool | None = None
    extras: list[Extra] = []

    def forms(self) -> list[tuple[str, str, str | None, bool]]:
        """The tools that are no plain functions to the client, as the core takes them."""
        named = ((tool.name, tool.form) for tool in self.tools if isinstance(tool, Tool))
        return [
            (name, form.name, form.namespace, form.is_free_text)
            for name, form in named
            if form is not None
        ]

    def called(self) -> dict[str, str]:
        """The names of tools that were called, by the calls' ids."""
        parts = (part for turn in self.turns for part in turn.parts)
        return {part.id: part.name for part in parts if isinstance(part, ToolCallPart)}
