"""Base URLs of Azure, and the paths that they stand for."""

import pytest

from sluicegate.providers.azure import Placed, is_azure, placed

VERSION = "2024-10-21"
QUERY = f"api-version={VERSION}"


@pytest.mark.parametrize(
    ("base_url", "version", "wanted"),
    [
        ("https://r.openai.azure.com", None, Placed("https://r.openai.azure.com/openai/v1")),
        ("https://r.openai.azure.com/", None, Placed("https://r.openai.azure.com/openai/v1")),
        (
            "https://r.services.ai.azure.com/openai/v1",
            None,
            Placed("https://r.services.ai.azure.com/openai/v1"),
        ),
        (
            "https://r.openai.azure.com",
            VERSION,
            Placed("https://r.openai.azure.com/openai", "deployments", QUERY),
        ),
        (
            "https://r.openai.azure.com/openai/deployments/",
            VERSION,
            Placed("https://r.openai.azure.com/openai", "deployments", QUERY),
        ),
        (
            "https://r.openai.azure.com/openai/v1",
            VERSION,
            Placed("https://r.openai.azure.com/openai", "deployments", QUERY),
        ),
        (
            "https://r.services.ai.azure.com/models",
            VERSION,
            Placed("https://r.services.ai.azure.com/models", query=QUERY),
        ),
        ("https://api.openai.com/v1", None, Placed("https://api.openai.com/v1")),
        ("http://127.0.0.1:4001", None, Placed("http://127.0.0.1:4001")),
        ("http://h/openai", "a&b", Placed("http://h/openai", "deployments", "api-version=a%26b")),
    ],
)
def test_a_base_url_stands_for_its_paths(
    base_url: str, version: str | None, wanted: Placed
) -> None:
    assert placed(base_url, version) == wanted


def test_hosts_of_azure_are_known_by_their_names() -> None:
    assert is_azure("https://r.openai.azure.com/x")
    assert is_azure("https://r.services.ai.azure.com")
    assert not is_azure("https://openai.azure.com.evil.example")
    assert not is_azure("https://api.openai.com")
