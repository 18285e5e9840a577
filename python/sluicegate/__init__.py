"""sluicegate: a self-hosted AI gateway for agents."""

__version__ = "0.1.0"
