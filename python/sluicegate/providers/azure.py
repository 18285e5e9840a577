"""Azure OpenAI, whose hosts are each customer's own. Source:
https://learn.microsoft.com/azure/ai-services/openai/reference
"""

from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

KEY_HEADER: Final = "api-key"

_HOSTS: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_DEPLOYMENTS: Final = "/deployments"
_V1: Final = "/v1"


class Placed(NamedTuple):
    """Where a provider's requests go.

    Args:
        base_url: what stands before each path.
        address: the core's word for the paths.
        query: behind each.
    """

    base_url: str
    address: str = "dialect"
    query: str = ""


def is_azure(base_url: str) -> bool:
    """Whether the host is one of Azure's."""
    return (urlsplit(base_url).hostname or "").endswith(_HOSTS)


def placed(base_url: str, api_version: str | None) -> Placed:
    """The paths that a base URL and a version of the API stand for.

    A version is what the older form has, in which the path names the deployment; without one it is
    `v1`, in which the body does. A base URL that ends in `/models` is the model inference API's,
    which has a version and no deployments.
    """
    base_url = base_url.rstrip("/")
    path = urlsplit(base_url).path
    if api_version is None:
        return Placed(base_url if path or not is_azure(base_url) else f"{base_url}/openai/v1")
    query = f"api-version={quote(api_version, safe='')}"
    if path.endswith("/models"):
        return Placed(base_url, query=query)
    base_url = base_url.removesuffix(_DEPLOYMENTS).removesuffix(_V1)
    base_url = base_url if urlsplit(base_url).path else f"{base_url}/openai"
    return Placed(base_url, "deployments", query)
