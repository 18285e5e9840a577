"""What a plugin is written with: `docs/plugins.md` has the whole of it.

A package names its plugins in entry points: hooks in `sluicegate.hooks`, dialects in
`sluicegate.dialects`, rows of providers in `sluicegate.providers`.
"""

from sluicegate.conversation import Conversation
from sluicegate.errors import UnsupportedFieldError
from sluicegate.plugins.dialect import (
    Begun,
    CallDelta,
    Delta,
    Failed,
    Finished,
    Outgoing,
    PluginDialect,
    StreamDecoder,
    TextDelta,
    ThinkingDelta,
    Used,
)
from sluicegate.plugins.hooks import (
    AfterResponse,
    Answer,
    BeforeRequest,
    Change,
    End,
    Event,
    OnEvent,
    Refuse,
    Request,
)

__all__ = [
    "AfterResponse",
    "Answer",
    "BeforeRequest",
    "Begun",
    "CallDelta",
    "Change",
    "Conversation",
    "Delta",
    "End",
    "Event",
    "Failed",
    "Finished",
    "OnEvent",
    "Outgoing",
    "PluginDialect",
    "Refuse",
    "Request",
    "StreamDecoder",
    "TextDelta",
    "ThinkingDelta",
    "UnsupportedFieldError",
    "Used",
]
