"""The forms in which providers take batches, by the dialect that they speak."""

from typing import Final

from sluicegate.batches.forms.anthropic import AnthropicBatches
from sluicegate.batches.forms.base import Form
from sluicegate.batches.forms.gemini import GeminiBatches
from sluicegate.batches.forms.openai import OpenAiBatches

FORMS: Final[dict[str, Form]] = {
    "anthropic": AnthropicBatches(),
    "gemini": GeminiBatches(),
    "openai": OpenAiBatches(),
    "openai_responses": OpenAiBatches(),
}
