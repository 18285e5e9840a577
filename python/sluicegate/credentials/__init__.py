"""Credentials that end: fetched before the first request, renewed before their end, and never on a
request's way.
"""

from sluicegate.credentials.lease import CredentialError, Lease
from sluicegate.credentials.renewal import Renewal, fetch, leased

__all__ = ["CredentialError", "Lease", "Renewal", "fetch", "leased"]
