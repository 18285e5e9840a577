"""A completions request as a conversation of one turn."""

from typing import Final

import msgspec
from msgspec import Raw

from sluicegate.conversation import Conversation, TextPart, Turn
from sluicegate.dialects.fields import Fields, is_text
from sluicegate.dialects.openai_chat.decode import take_sampling
from sluicegate.errors import UnsupportedFieldError

_DEFAULTS: Final = {
    "best_of": (b"1",),
    "echo": (b"false",),
    "logit_bias": (b"{}",),
    "suffix": (b'""',),
}
"""Values that ask for no more than any answer is."""


def decode_request(body: bytes) -> Conversation:
    """The conversation. What only a model that goes on with a text has (`suffix`, `echo`,
    `logprobs`, `best_of`) stays beside it, for the target to refuse by name.

    Raises:
        InvalidRequestError: names the field that cannot be read.
        UnsupportedFieldError: several prompts, or tokens for a text.
    """
    top = Fields(body)
    top.take("model", str)
    top.take("stream", bool)
    conversation = Conversation(dialect="openai_completions")
    options = top.object("stream_options")
    if options is not None:
        conversation.include_usage = options.take("include_usage", bool)
    text = _prompt(top)
    conversation.turns = [Turn(role="user", parts=[TextPart(text=text, path="prompt")])]
    conversation.max_output_tokens = top.take("max_tokens", int)
    conversation.user = top.take("user", str)
    take_sampling(top, conversation)
    for name, defaults in _DEFAULTS.items():
        raw = top.raw_of(name)
        if raw is not None and bytes(raw).translate(None, b" \t\r\n") not in defaults:
            top.put_back(name, raw)
    conversation.extras.extend(top.rest())
    return conversation


def _prompt(top: Fields) -> str:
    raw = top.raw_of("prompt")
    if raw is None:
        raise top.fail("prompt", "is missing")
    if is_text(raw):
        return msgspec.json.decode(raw, type=str)
    try:
        prompts = msgspec.json.decode(raw, type=list[Raw])
    except msgspec.DecodeError:
        raise top.fail("prompt", "must be a text or a list") from None
    if not prompts:
        raise top.fail("prompt", "is empty")
    if not is_text(prompts[0]):
        raise UnsupportedFieldError("prompt[0]", "the provider takes texts and no tokens")
    if len(prompts) > 1:
        raise UnsupportedFieldError("prompt[1]", "the provider answers one prompt")
    return msgspec.json.decode(prompts[0], type=str)
