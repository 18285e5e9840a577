"""What all tests share: where the corpora are."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpora() -> Path | None:
    """The folder of recorded traffic and test data, if this machine has it."""
    here = Path(__file__).resolve().parent.parent
    named = os.environ.get("SLUICEGATE_CORPORA")
    folder = Path(named) if named else here.parent / "shared" / "corpora"
    return folder if folder.is_dir() else None
