"""What happens to a field that the target cannot express: refused by name, or dropped where the
configuration says so. What is left out is always told.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Any, Final

import msgspec
from msgspec import Raw

from sluicegate.conversation import (
    CacheControl,
    Conversation,
    DocumentPart,
    Extra,
    ImagePart,
    Part,
    TextPart,
)
from sluicegate.errors import UnsupportedFieldError

_SAID_AS: Final = {
    "gemini": {
        "n": "generationConfig.candidateCount",
        "temperature": "generationConfig.temperature",
        "top_k": "generationConfig.topK",
        "stop_sequences": "generationConfig.stopSequences",
        "seed": "generationConfig.seed",
        "presence_penalty": "generationConfig.presencePenalty",
        "frequency_penalty": "generationConfig.frequencyPenalty",
        "logprobs": "generationConfig.responseLogprobs",
        "top_logprobs": "generationConfig.logprobs",
        "response_format": "generationConfig.responseMimeType",
        "tool_choice": "toolConfig.functionCallingConfig",
        "service_tier": "serviceTier",
    }
}
"""Fields of the neutral form as a client names them, where that is not their own name."""


class Carrier:
    """Collects what was left out of one request.

    Args:
        target: the dialect that is written.
        source: the dialect that was read.
        drop: leave out instead of refusing.
        harmless: fields of the request that tune the source's own side and cannot change what the
        answer means.
        harmless_inside: the same of messages, parts and tools.
    """

    def __init__(
        self, target: str, source: str, *, drop: bool, harmless: Set[str], harmless_inside: Set[str]
    ) -> None:
        """Nothing was left out yet."""
        self.same_dialect = target == source
        self.dropped: list[str] = []
        self._drop = drop
        self._names = _SAID_AS.get(source, {})
        self._harmless = harmless
        self._harmless_inside = harmless_inside

    def cannot(self, path: str, reason: str = "") -> None:
        """A field cannot be expressed.

        Raises:
            UnsupportedFieldError: unless such fields are dropped.
        """
        path = self._names.get(path, path)
        if not self._drop:
            raise UnsupportedFieldError(path, reason)
        self.dropped.append(path)

    def one_plain_answer(self, c: Conversation, api: str) -> None:
        """Refuses what an API lacks that gives one answer, without penalties and probabilities;
        values that ask for nothing beyond the default pass.
        """
        if c.choices not in {None, 1}:
            self.cannot("n", f"{api} gives one answer")
        self.unseeded(c)
        for name, value in (
            ("presence_penalty", c.presence_penalty or None),
            ("frequency_penalty", c.frequency_penalty or None),
            ("logprobs", c.logprobs or None),
            ("top_logprobs", c.top_logprobs or None),
        ):
            if value is not None:
                self.cannot(name, f"{api} has no {name}")

    def unseeded(self, c: Conversation) -> None:
        """Leaves out a seed: where vendors take one they promise nothing for it. Source:
        https://platform.openai.com/docs/api-reference/chat/create#chat-create-seed
        """
        if c.seed is not None:
            self.leave_out("seed")

    def leave_out(self, path: str) -> None:
        """A field whose loss does not change what the answer means."""
        self.dropped.append(self._names.get(path, path))

    def service_tier(self, tier: str | None, counterparts: Mapping[str, str]) -> str | None:
        """The tier in the target's word; one that has no counterpart there is left out."""
        if self.same_dialect or tier is None:
            return tier
        if tier not in counterparts:
            self.leave_out("service_tier")
        return counterparts.get(tier)

    def tell_lost(self, part: Part, *, cites: bool = False) -> None:
        """Leaves out what of a part few dialects have a place for, and no answer depends on.

        Args:
            cites: whether answers can name their places in documents.
        """
        has_lost = isinstance(part, TextPart) or (isinstance(part, DocumentPart) and not cites)
        if has_lost and getattr(part, "citations", None):
            self.leave_out(f"{part.path}.citations")
        if isinstance(part, ImagePart) and part.detail not in {None, "auto"}:
            self.leave_out(f"{part.path}.image_url.detail")

    def unmarked(self, control: CacheControl | None, path: str) -> None:
        """Leaves out a prompt-cache mark, which the dialect has no place for."""
        if control is not None:
            self.leave_out(f"{path}.cache_control")

    def own_extras(
        self,
        extras: Iterable[Extra],
        names: Set[str],
        out: dict[str, Any],
        *,
        merged: tuple[str, dict[str, Any]] = ("", {}),
    ) -> None:
        """Writes fields of the target's that no other dialect has: a client of any may send them.
        What of the others is no field of this dialect is treated as in `extras`.

        Args:
            merged: a field, and the object that what it holds goes into.
        """
        others = []
        for extra in extras:
            if extra.path != extra.name or extra.name not in names:
                others.append(extra)
            elif extra.name != merged[0]:
                out[extra.name] = extra.raw
            else:
                try:
                    merged[1].update(msgspec.json.decode(extra.raw, type=dict[str, Raw]))
                except msgspec.DecodeError:
                    self.cannot(extra.path, "it must be an object")
        self.extras(others, out)

    def extras(self, extras: Iterable[Extra], out: dict[str, Any], base: str = "") -> None:
        """Writes back unknown fields of the same dialect; refuses those of another.

        Args:
            base: the path of the object that `out` is; empty for the request.
        """
        inside = self._harmless_inside if base else frozenset[str]()
        harmless = inside if base else self._harmless
        for extra in extras:
            keys = _keys_below(extra, base)
            if self.same_dialect:
                _put(extra, keys, out)
            elif (keys[0] if keys else extra.name) in harmless or extra.name in inside:
                self.leave_out(extra.path)
            else:
                self.cannot(extra.path)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def mark(item: dict[str, Any], control: CacheControl | None) -> None:
    """Writes a prompt-cache mark, in the one shape that `Fields.cache_control` reads."""
    if control is not None:
        ttl = {"ttl": control.ttl} if control.ttl else {}
        item["cache_control"] = {"type": "ephemeral", **ttl}


def _keys_below(extra: Extra, base: str) -> list[str]:
    """The keys of the objects between `base` and the field; `name` itself may hold dots."""
    if base and not extra.path.startswith(f"{base}."):
        return []  # of another message that is told as one with this
    between = extra.path.removeprefix(base).removesuffix(extra.name)
    return [key for key in between.split(".") if key]


def _put(extra: Extra, keys: list[str], out: dict[str, Any]) -> None:
    place = out
    for key in keys:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            return  # the object was written in its short form, which has no room
        place = inner
    place[extra.name] = extra.raw
