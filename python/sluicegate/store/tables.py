"""Rows as Structs: a Struct's fields are its table's columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from sluicegate.store.database import Row, Transaction

Record = TypeVar("Record", bound=msgspec.Struct)


class Table(Generic[Record]):
    """One table; fields of lists and mappings are JSON in it."""

    def __init__(self, name: str, kind: type[Record], key: Sequence[str] = ("id",)) -> None:
        """Args: key: the columns of its primary key."""
        self._kind = kind
        self._columns: Final = kind.__struct_fields__
        self._json = frozenset(
            field.name for field in msgspec.structs.fields(kind) if not _is_scalar(field.type)
        )
        self._types: Final[Mapping[str, Any]] = {
            field.name: field.type for field in msgspec.structs.fields(kind)
        }
        names = ", ".join(f'"{column}"' for column in self._columns)
        marks = ", ".join("?" * len(self._columns))
        self._key = key
        self._is_key = " AND ".join(f'"{column}" = ?' for column in key)
        self._select = f"SELECT {names} FROM {name}"  # noqa: S608  # names of our own Structs
        self._insert = f"INSERT INTO {name} ({names}) VALUES ({marks})"  # noqa: S608
        sets = ", ".join(f'"{column}" = ?' for column in self._columns)
        self._update = f"UPDATE {name} SET {sets} WHERE {self._is_key}"  # noqa: S608
        self._delete = f"DELETE FROM {name}"  # noqa: S608

    def get(self, transaction: Transaction, *key: Any) -> Record | None:
        """The record of a key."""
        found = transaction.execute(f"{self._select} WHERE {self._is_key}", key)
        return self._record(found[0]) if found else None

    def find(
        self,
        transaction: Transaction,
        where: Mapping[str, Any] | None = None,
        *,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Record]:
        """Records whose columns have these values, in the order of their first key column.

        Args:
            after: the key that the page before ended with.
            limit: the most that are given.
        """
        order = self._key[0]
        conditions = [f'"{column}" = ?' for column in where or {}]
        values = list((where or {}).values())
        if after is not None:
            conditions.append(f'"{order}" {"<" if newest_first else ">"} ?')
            values.append(after)
        sql = self._select
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
        sql += f' ORDER BY "{order}"{" DESC" if newest_first else ""}'
        if limit is not None:
            sql += " LIMIT ?"
            values.append(limit)
        return [self._record(row) for row in transaction.execute(sql, values)]

    def page(
        self,
        transaction: Transaction,
        where: Mapping[str, Any],
        before: tuple[int, str] | None,
        limit: int,
        *,
        oldest: bool = False,
    ) -> list[Record]:
        """Records whose columns have these values, newest first; of a table with `created_at_ms`.

        Args:
            before: when the last of the page before was made, and its id.
            oldest: the oldest first.
        """
        conditions = [f'"{column}" = ?' for column in where]
        values = list(where.values())
        sign, order = (">", "ASC") if oldest else ("<", "DESC")
        if before is not None:
            conditions.append(f"(created_at_ms {sign} ? OR (created_at_ms = ? AND id {sign} ?))")
            values += [before[0], *before]
        sql = f"{self._select} WHERE {' AND '.join(conditions)} "
        sql += f"ORDER BY created_at_ms {order}, id {order} LIMIT ?"
        return [self._record(row) for row in transaction.execute(sql, [*values, limit])]

    def add(self, transaction: Transaction, record: Record) -> None:
        """Adds a record.

        Raises:
            ConflictError: one of its key, or of another unique column, is there.
        """
        transaction.execute(self._insert, self._row(record))

    def replace(self, transaction: Transaction, record: Record) -> None:
        """Puts a record in the place of the one of its key."""
        key = [getattr(record, column) for column in self._key]
        transaction.execute(self._update, (*self._row(record), *key))

    def delete(self, transaction: Transaction, where: Mapping[str, Any]) -> None:
        """Takes away the records whose columns have these values; there must be one column."""
        conditions = " AND ".join(f'"{column}" = ?' for column in where)
        transaction.execute(f"{self._delete} WHERE {conditions}", list(where.values()))

    def _row(self, record: Record) -> list[Any]:
        return list(self._values(record))

    def _values(self, record: Record) -> Iterator[Any]:
        for column in self._columns:
            value = getattr(record, column)
            if column in self._json and value is not None:
                value = msgspec.json.encode(value).decode()
                self._decoded(column, value)  # what cannot be read again would stop all who read
            yield value

    def _decoded(self, column: str, text: str) -> Any:
        return msgspec.json.decode(text, type=self._types[column])

    def _record(self, row: Row) -> Record:
        values = dict(zip(self._columns, row, strict=True))
        for column in self._json:
            if values[column] is not None:
                values[column] = self._decoded(column, values[column])
        return self._kind(**values)


def _is_scalar(kind: Any) -> bool:
    return kind in {str, int, str | None, int | None}
