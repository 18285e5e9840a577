"""Brings a database's schema to the present."""

import hashlib
import sqlite3
from collections.abc import Callable
from importlib.resources import files
from typing import Final, NamedTuple

from sluicegate.store.database import Transaction
from sluicegate.store.errors import SchemaError

_DONE: Final = """
CREATE TABLE IF NOT EXISTS migrations (
    "number" INTEGER PRIMARY KEY, "name" TEXT NOT NULL, "sha256" TEXT NOT NULL
)
"""


class Step(NamedTuple):
    """One numbered script."""

    name: str
    script: str

    @property
    def digest(self) -> str:
        """Tells a script that was changed."""
        return hashlib.sha256(self.script.encode()).hexdigest()


def is_current(transaction: Transaction, kind: str) -> bool:
    """Whether a database that has migrations lacks none. Changes nothing and waits for nobody, so
    that who only reads is not held up by who writes.

    Raises:
        SchemaError: as `migrate`.
    """
    return _done(transaction, steps_of(kind)) == len(steps_of(kind))


def migrate(
    transaction: Transaction, kind: str, before: Callable[[int], None] | None = None
) -> None:
    """Takes the steps that are missing. The transaction must keep all others from doing the same:
    of two processes that start together one migrates and the other finds it done.

    Args:
        kind: `sqlite` or `postgres`.
        before: called with the schema's number before a database that has one is changed; what it
        raises leaves all as it was.
    Raises:
        SchemaError: it was written by a newer version, or a step was changed since.
    """
    steps = steps_of(kind)
    transaction.execute(_DONE)
    done = _done(transaction, steps)
    if before is not None and 0 < done < len(steps):
        before(done)
    for number, step in list(enumerate(steps, start=1))[done:]:
        for statement in statements_of(step.script):
            transaction.execute(statement)
        row = (number, step.name, step.digest)
        transaction.execute("INSERT INTO migrations VALUES (?, ?, ?)", row)


def _done(transaction: Transaction, steps: list[Step]) -> int:
    """How many steps were taken."""
    done = transaction.execute("SELECT number, name, sha256 FROM migrations ORDER BY number")
    for number, name, digest in done:
        if number > len(steps):
            raise SchemaError(
                f"the store has schema {number}, this version knows {len(steps)}: run the newer "
                f"version, or restore the backup made before the change"
            )
        if digest != steps[number - 1].digest:
            raise SchemaError(f"the store's step {name} is not this version's: restore it")
    return len(done)


def steps_of(kind: str) -> list[Step]:
    """The steps of a kind of database, in their order."""
    folder = files(f"sluicegate.store.migrations.{kind}")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Step(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def statements_of(script: str) -> list[str]:
    """The statements of a script; run as one, a database might keep the first ones on its own."""
    statements, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            statements.append(statement)
            statement = ""
    return statements
