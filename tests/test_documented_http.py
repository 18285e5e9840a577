"""`docs/http.md` names every path, header and code that the sources have."""

import re
from pathlib import Path

import pytest

from sluicegate import errors
from sluicegate.routes import MODEL_ROUTES

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = (REPOSITORY / "docs" / "http.md").read_text()
CODES = re.findall(r'=> "(\w+)"', (REPOSITORY / "rust/drive/failure.rs").read_text())
HEADERS = {
    name
    for source in ("request_headers", "response_headers")
    for name in re.findall(
        r'b?"(x-sluicegate-[a-z-]+)"', (REPOSITORY / f"rust/drive/{source}.rs").read_text()
    )
}
KINDS = [kind.default_code for kind in vars(errors).values() if hasattr(kind, "default_code")]


@pytest.mark.parametrize("name", [*MODEL_ROUTES, *sorted(HEADERS), *sorted({*CODES, *KINDS})])
def test_it_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE or f"`{name}:" in PAGE
