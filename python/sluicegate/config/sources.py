"""Where credentials come from that end; `sluicegate.credentials` fetches and renews them."""

from dataclasses import dataclass

from sluicegate.config.values import Secret


@dataclass(frozen=True, slots=True)
class GoogleSource:
    """Google's application default credentials.

    Args: file: of credentials; empty is the environment's.
    """

    file: str


@dataclass(frozen=True, slots=True)
class AwsSource:
    """AWS's chain of roles and profiles, for signatures in a region.

    Args: profile: the only one that may be taken; None is the chain, with its own.
    """

    region: str
    service: str
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class EntraSource:
    """An application or a managed identity of Azure's.

    Args:
        client_id: of the application, or of a managed identity that a user made.
        client_secret, token_file: what an application proves itself with; a managed identity has
        neither.
        scope: what the token is for, ending in `/.default`.
    """

    authority: str
    scope: str
    tenant_id: str = ""
    client_id: str = ""
    client_secret: Secret | None = None
    token_file: str = ""


Source = GoogleSource | AwsSource | EntraSource
