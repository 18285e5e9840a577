"""What a key says of the cache: of its own requests alone."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

MAX_TTL_S: Final = 30 * 24 * 3600.0
"""An answer that is older than a month is another model's."""
Life = Annotated[float, Meta(gt=0, le=MAX_TTL_S)]
Namespace = Annotated[str, Meta(max_length=200)]


class KeyCache(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How the cache serves a key; what is left out is as its models have it."""

    enabled: bool | None = None
    """`false`: its requests are never answered from the cache, nor are their answers kept."""
    ttl_s: Life | None = None
    """How long answers are good that its requests brought."""
    namespace: Namespace | None = None
    """Which entries it reads and writes, of its tenant's; a request's own stands within it."""
