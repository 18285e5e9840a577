"""Brings a database's schema to the present."""

import hashlib
import sqlite3
from importlib.resources import files
from typing import Final

_DONE: Final = """
CREATE TABLE IF NOT EXISTS migrations (
    "number" INTEGER PRIMARY KEY, "name" TEXT NOT NULL, "sha256" TEXT NOT NULL
)
"""


class MigrationError(RuntimeError):
    """A database that this version must not write to."""


def migrate(connection: sqlite3.Connection) -> None:
    """Takes the steps that are missing, all or none, under the database's own write lock: of two
    processes that start together one migrates and the other finds it done.

    Raises:
        MigrationError: the file was written by a newer version, or a step was changed since.
        sqlite3.Error: nothing was changed.
    """
    steps = _steps()
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_DONE)
        done = connection.execute("SELECT number, name, sha256 FROM migrations").fetchall()
        for number, name, digest in done:
            if number > len(steps):
                raise MigrationError(
                    f"the store has schema {number}, this version knows {len(steps)}: run the newer"
                )
            if digest != _digest(steps[number - 1][1]):
                raise MigrationError(f"the store's step {name} is not this version's: restore it")
        for number, (name, script) in list(enumerate(steps, start=1))[len(done) :]:
            for statement in _statements(script):
                connection.execute(statement)
            row = (number, name, _digest(script))
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", row)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _steps() -> list[tuple[str, str]]:
    folder = files("sluicegate.store.migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def _statements(script: str) -> list[str]:
    """The statements of a script; `executescript` would commit before the first of them."""
    statements, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            statements.append(statement)
            statement = ""
    return statements


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()
