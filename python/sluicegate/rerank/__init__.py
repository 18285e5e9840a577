"""Requests to rank documents, brought from a client's form to the one that a host has. Their
answers are the core's to translate (`rust/rerank`).
"""

from sluicegate.rerank.decode import RerankRequest, decode_request
from sluicegate.rerank.forms import FORMS, encode_request

__all__ = ["FORMS", "RerankRequest", "decode_request", "encode_request"]
