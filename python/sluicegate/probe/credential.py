"""What a call is made with, where the configuration has it not: fetched once, as for a start."""

from sluicegate.config.settings import Upstream
from sluicegate.config.sources import AwsSource, EntraSource, GoogleSource
from sluicegate.credentials import fetch, leased

_WHOSE = {AwsSource: "AWS", EntraSource: "Entra ID", GoogleSource: "Google"}


def with_credential(upstream: Upstream) -> Upstream:
    """A provider with the credential that is sent now. Takes a network's time.

    Raises:
        CredentialError: there is none; the text says what was tried.
    """
    if upstream.source is None:
        return upstream
    lease = fetch(upstream.source)
    return leased(upstream, lease, None)


def whose(upstream: Upstream) -> str:
    """Who gives the credential out."""
    return _WHOSE[type(upstream.source)] if upstream.source is not None else "nobody"
