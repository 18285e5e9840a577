"""Ollama's own chat, which hosts speak and no client. Source: https://docs.ollama.com/api/chat"""

from typing import Final

from sluicegate.dialects.host import HostDialect
from sluicegate.dialects.ollama.encode import encode_request

OLLAMA: Final = HostDialect("ollama", encode_request)
