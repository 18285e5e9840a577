"""A scripted upstream on loopback: the model name says how it behaves (`ScriptedUpstream`)."""

from .exchange import Exchange, Stats
from .server import ScriptedUpstream, closed_port
from .vocabulary import text, token

__all__ = ["Exchange", "ScriptedUpstream", "Stats", "closed_port", "text", "token"]
