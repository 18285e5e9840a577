"""Everything that can be administered; the API and the command line are two ways to it."""

from collections.abc import Callable

from sluicegate import _core
from sluicegate.accounting.keys import read_master_key
from sluicegate.admin import cache
from sluicegate.admin.desk import Desk
from sluicegate.admin.identities import Identities
from sluicegate.admin.keys import Keys
from sluicegate.admin.limits import Limits
from sluicegate.admin.operation import Operation
from sluicegate.admin.provider_keys import ProviderKeys
from sluicegate.admin.reports import Reports
from sluicegate.admin.runs import Runs
from sluicegate.admin.savings import CacheReports
from sluicegate.admin.standing import Counters, Standings
from sluicegate.config import Settings
from sluicegate.store import Store, open_store


class Service:
    """The parts, on one store. Any thread may use it. What it raises are `GatewayError`s of its own
    kinds, and `StoreError` where the store cannot do it; nothing was changed then.
    """

    def __init__(
        self,
        desk: Desk,
        reload: Callable[[], None] | None = None,
        counters: Counters | None = None,
        counts: _core.Metrics | None = None,
        cached: cache.Worker | None = None,
    ) -> None:
        """Args:
        reload: has all workers read the configuration again.
        counters: how limits stand, where a gateway runs.
        counts: its metrics.
        cached: what its worker has of the cache.
        """
        self.desk = desk
        self.identities = Identities(desk)
        self.keys = Keys(desk)
        self.provider_keys = ProviderKeys(desk)
        self.limits = Limits(desk)
        self.standings = Standings(desk, counters)
        self.runs = Runs(desk)
        self.reports = Reports(desk)
        self.cache = cache.CacheDesk(desk, cached)
        self.cache_reports = CacheReports(desk)
        self.operation = Operation(desk, reload, counts)

    @property
    def store(self) -> Store:
        """What it works on."""
        return self.desk.store

    def close(self) -> None:
        """Ends the store's connections."""
        self.desk.store.close()


def open_service(
    settings: Callable[[], Settings],
    reload: Callable[[], None] | None = None,
    counters: Counters | None = None,
    counts: _core.Metrics | None = None,
    cached: cache.Worker | None = None,
) -> Service:
    """The service of a configuration, with a store of its own.

    Args: settings: gives those in force.
    Raises:
        MasterKeyError: the master key must not be used. OSError: it cannot be read or made.
    """
    first = settings()
    configured = first.master_key.reveal() if first.master_key else None
    master = read_master_key(first.data_dir, configured)
    return Service(Desk(open_store(first), settings, master), reload, counters, counts, cached)
