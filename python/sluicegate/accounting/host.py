"""Which host this is, among those that share a ledger and limits."""

import os
import uuid
from pathlib import Path
from typing import Final

FILE: Final = "host.id"


def read_host_id(data_dir: Path) -> str:
    """The id of the host that a data directory belongs to; made on first use. All workers have the
    same.

    Raises:
        OSError: it cannot be read or made.
    """
    path = data_dir / FILE
    while True:
        try:
            text = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            _make(path)
            continue
        if not text:
            raise OSError(f"{path} is empty: delete it, and this host gets a new id")
        return text


def _make(path: Path) -> None:
    """Whoever is first makes it; it is whole as soon as it has its name."""
    made = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    made.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    made.chmod(0o600)
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink()
