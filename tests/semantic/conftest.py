"""The fault tests' upstream and gateways."""

from ..faults.conftest import gateways, own_gateway, upstream

__all__ = ["gateways", "own_gateway", "upstream"]
