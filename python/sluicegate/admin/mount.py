"""Where the admin API is: on the gateway's own listener while only this machine reaches that, or on
one of its own.
"""

import os
import signal
from collections.abc import Callable
from typing import Any, Final

from sluicegate import _core
from sluicegate.admin.api import AdminApi, send_error
from sluicegate.admin.cache import Worker
from sluicegate.admin.errors import ElsewhereError
from sluicegate.admin.service import open_service
from sluicegate.admin.standing import Counters
from sluicegate.admin.tries import Tries
from sluicegate.config import Settings
from sluicegate.config.settings import is_loopback
from sluicegate.watch import Receive, Watch

HOST_VARIABLE: Final = "SLUICEGATE_LISTENING_HOST"
"""Names the address that the command line had `serve` listen on, for its workers."""
SUPERVISOR_VARIABLE: Final = "SLUICEGATE_SUPERVISOR_PID"
"""Names the process that has all workers read the configuration again on SIGHUP."""
PREFIX: Final = "/admin"

Scope = dict[str, Any]


class Mounted:
    """The admin API below `/admin` of the gateway's own listener."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        watch: Watch,
        reload: Callable[[], None],
        counters: Counters | None = None,
        counts: _core.Metrics | None = None,
        cached: Worker | None = None,
    ) -> None:
        """Opens the store lazily, and reads the master key now.

        Args:
            settings: gives those in force.
            watch: of the worker's requests.
            reload: has this one process read the configuration again; any thread may call it.
            counters: how limits stand, where a gateway runs.
            counts: its metrics.
            cached: what the worker has of the cache.
        Raises:
            MasterKeyError: the master key must not be used. OSError: it cannot be read or made.
        """
        self._settings = settings
        service = open_service(settings, reload_by(reload), counters, counts, cached)
        self._api = AdminApi(service, watch, Tries(settings().data_dir / TRIES_FILE))

    async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
        """One request below `/admin`."""
        if not self.is_here(scope):
            await send_error(send, ElsewhereError())
            return
        await self._api(scope, receive, send)

    def is_here(self, scope: Scope) -> bool:
        """Whether this listener has it."""
        settings = self._settings()
        return settings.admin is None and is_private(settings, scope)

    def close(self) -> None:
        """Ends threads and connections. Blocks."""
        self._api.close()


TRIES_FILE: Final = "admin-tries.json"


def is_private(settings: Settings, scope: Scope) -> bool:
    """Whether nobody but this machine reaches the gateway's listener, to which a request came."""
    listening = os.environ.get(HOST_VARIABLE, settings.server.host)
    came_to = scope.get("server") or (listening, 0)
    return is_loopback(listening) and is_loopback(came_to[0])


def reload_by(own: Callable[[], None] | None) -> Callable[[], None] | None:
    """What has every worker read the configuration again: the supervisor's signal where there is
    one, else this process by itself.
    """
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None:
        return own
    return lambda: os.kill(int(supervisor), signal.SIGHUP)
