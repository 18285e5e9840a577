"""A few connections that threads share."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Generic, TypeVar

from sluicegate.store.errors import StoreUnavailableError

Connection = TypeVar("Connection")

SIZE: Final = 4
PATIENCE_S: Final = 1.0
"""For a connection that others use; a request of the admin API must not wait longer."""


class Pool(Generic[Connection]):
    """Connections, made on first need and kept while they are good.

    Nothing runs in the background: a store that is away is asked again by whoever needs it next.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        is_good: Callable[[Connection], bool],
        close: Callable[[Connection], None],
        size: int = SIZE,
    ) -> None:
        """Args: is_good: whether a connection that nobody uses can be used again."""
        self._connect = connect
        self._is_good = is_good
        self._close = close
        self._size = size
        self._free = threading.Semaphore(size)
        self._idle: deque[Connection] = deque()

    @contextmanager
    def taken(self) -> Iterator[Connection]:
        """One connection for one thread.

        Raises:
            StoreUnavailableError: all are in use and stay so. What `connect` raises.
        """
        if not self._free.acquire(timeout=PATIENCE_S):
            raise StoreUnavailableError(f"all {self._size} connections to the store are in use")
        try:
            connection = self._idle_one() or self._connect()
            try:
                yield connection
            finally:
                if self._is_good(connection):
                    self._idle.append(connection)
                else:
                    # The others were made before whatever broke this one.
                    self._close(connection)
                    self.close()
        finally:
            self._free.release()

    def _idle_one(self) -> Connection | None:
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if self._is_good(connection):
                    return connection
                self._close(connection)
        return None

    def close(self) -> None:
        """Ends the connections that nobody uses."""
        with suppress(IndexError):
            while True:
                self._close(self._idle.pop())
