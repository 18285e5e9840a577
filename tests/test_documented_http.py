"""`docs/http.md` names every path, header and code that the sources have."""

import re
from pathlib import Path

import pytest

from sluicegate import errors
from sluicegate.routes import (
    FILED_ROUTES,
    GENERATION,
    MODEL_ROUTES,
    SESSION_ROUTES,
    STORED_ROUTES,
)

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = (REPOSITORY / "docs" / "http.md").read_text()
DRIVE = REPOSITORY / "rust" / "drive"
FAILURES = re.findall(r'=> "(\w+)"', (DRIVE / "failure.rs").read_text())
REFUSALS = re.findall(
    r'StatusCode::\w+,\s*"(\w+)"', (DRIVE / "refusal.rs").read_text(), re.MULTILINE
)
HEADERS = {
    name
    for source in ("request_headers", "response_headers", "rate_headers", "refusal")
    for name in re.findall(
        r'b?"(x-(?:sluicegate|ratelimit|should)-[a-z-]+)"', (DRIVE / f"{source}.rs").read_text()
    )
}
KINDS = [kind.default_code for kind in vars(errors).values() if hasattr(kind, "default_code")]


#: Between core and front alone.
INNER = {"untried"}
CODES = {*FAILURES, *REFUSALS, *KINDS} - INNER


@pytest.mark.parametrize(
    "name",
    [
        *MODEL_ROUTES,
        *SESSION_ROUTES,
        *STORED_ROUTES,
        *FILED_ROUTES,
        GENERATION,
        *sorted(HEADERS),
        *sorted(CODES),
    ],
)
def test_it_is_documented(name: str) -> None:
    name = name.replace("-tokens", "-requests") if name.startswith("x-ratelimit") else name
    assert f"`{name}`" in PAGE or f"`{name}:" in PAGE
