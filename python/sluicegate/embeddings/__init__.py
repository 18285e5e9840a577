"""Requests for vectors, brought from a client's dialect to the form that a host has for them. Their
answers are the core's to translate (`rust/embed`).
"""

from sluicegate.embeddings.decode import decode_request, with_texts
from sluicegate.embeddings.encode import encode_request
from sluicegate.embeddings.forms import FORMS

__all__ = ["FORMS", "decode_request", "encode_request", "with_texts"]
