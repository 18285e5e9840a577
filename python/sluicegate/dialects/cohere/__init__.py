"""Cohere's chat, version 2, which hosts speak and no client. Source:
https://docs.cohere.com/reference/chat
"""

from typing import Final

from sluicegate.dialects.cohere.encode import encode_request
from sluicegate.dialects.host import HostDialect

COHERE: Final = HostDialect("cohere", encode_request)
