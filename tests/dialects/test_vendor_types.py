"""The check by the vendors' types must find what is deep inside."""

from typing import Any

import pytest

from .vendor_types import fault


@pytest.mark.parametrize(
    ("dialect", "messages", "is_good"),
    [
        ("openai", [{"role": "user", "content": [{"type": "text", "text": "x"}]}], True),
        ("openai", [{"role": "user", "content": [{"type": "text", "text": 5}]}], False),
        ("openai", [{"role": "tool", "content": "x"}], False),
        ("anthropic", [{"role": "user", "content": [{"type": "text", "text": "x"}]}], True),
        ("anthropic", [{"role": "user", "content": [{"type": "image", "source": {}}]}], False),
        ("anthropic", [{"role": "tool", "content": "x"}], False),
    ],
)
def test_faults_are_found(dialect: str, messages: list[dict[str, Any]], is_good: bool) -> None:
    request = {"model": "claude-opus-4-8", "max_tokens": 1, "messages": messages}
    assert (fault(dialect, request) is None) is is_good
