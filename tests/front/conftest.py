"""The fault tests' upstream and gateways serve here too."""

from ..faults.conftest import gateway, gateways, own_gateway, upstream

__all__ = ["gateway", "gateways", "own_gateway", "upstream"]
