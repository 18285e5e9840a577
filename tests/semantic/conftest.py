"""The fault tests' upstream and gateways, and the cache tests' Redis."""

from ..caching.conftest import redis
from ..faults.conftest import gateways, own_gateway, upstream

__all__ = ["gateways", "own_gateway", "redis", "upstream"]
