"""`sluicegate ledger`."""

import os
import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from sluicegate import _core
from sluicegate.accounting.ledger import merged, write_csv, write_jsonl
from sluicegate.cli.common import CONFIG, load_or_exit
from sluicegate.config import Settings
from sluicegate.store import StoreError, open_store


@click.group()
def ledger() -> None:
    """What was asked, used and answered."""


@ledger.command()
@CONFIG
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True
)
def export(config: Path, form: str) -> None:
    """Write every row to standard output, also while the gateway serves or after it crashed."""
    with closing(rows_of(load_or_exit(config))) as rows:
        try:
            (write_csv if form == "csv" else write_jsonl)(rows, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has enough; nothing more may be written when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except StoreError as error:
            raise click.ClickException(f"the store cannot be read: {error}") from None


def rows_of(settings: Settings) -> Generator[dict[str, Any], None, None]:
    """What an export has, row by row.

    Raises:
        StoreError: the store cannot be read.
    """
    journal_dir = settings.journal_dir
    # The journal first: a row that moves to the store meanwhile is then seen twice, not never.
    waiting = _core.journal_snapshot(journal_dir) if journal_dir.exists() else []
    with closing(open_store(settings)) as store:
        yield from merged(store, waiting)
