"""What one worker process holds: the engine, the configuration in force, the requests that run."""

import asyncio
import logging
import os
import signal
import struct
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from sluicegate import _core
from sluicegate.accounting.alerts import tell, tell_away
from sluicegate.accounting.drainer import Drainer
from sluicegate.accounting.host import read_host_id
from sluicegate.accounting.keys import read_master_key
from sluicegate.accounting.own_keys import own_keys_of
from sluicegate.accounting.steward import Steward
from sluicegate.accounting.sync import Sync
from sluicegate.accounting.webhook import Webhook
from sluicegate.accounting.witness import Witness
from sluicegate.batches.filing import Filing
from sluicegate.batches.looking import Looking
from sluicegate.caching.governed import Governed
from sluicegate.caching.refreshing import Refreshing
from sluicegate.config import ConfigError, Settings, load
from sluicegate.credentials import Renewal
from sluicegate.generation import GenerationLookup
from sluicegate.memory import return_large_blocks
from sluicegate.plugins.adapter import Adapter
from sluicegate.plugins.asking import Asking
from sluicegate.plugins.watching import Watching
from sluicegate.semantic.service import Semantic
from sluicegate.snapshot import Generations, snapshot_json
from sluicegate.store import SchemaError, StoreError, open_store
from sluicegate.store.records import ProviderKey
from sluicegate.store.store import Governance, Store
from sluicegate.stored.errands import Errands
from sluicegate.stored.keeper import Keeper
from sluicegate.stored.ledger_rows import LedgerRows
from sluicegate.stored.looking import LookUps
from sluicegate.stored.origins import Origins
from sluicegate.stored.unasked import Unasked
from sluicegate.watch import Patience, Watch

log = logging.getLogger("sluicegate")

TEND_EVERY_S: Final = 1.0
DRAIN_POLL_S: Final = 0.05
SHARED_STATE_WITHIN_S: Final = 1.0
"""For the store that limits are shared through to answer for the first time."""
SHUT_DOWN_S: Final = 0.5
"""For clients to be told, once the drain's time is over."""

PANICS_VARIABLE: Final = "SLUICEGATE_TEST_PANICS"
"""Names, for tests, models whose requests have the core panic; see `_core.Engine`."""
DRAINED_VARIABLE: Final = "SLUICEGATE_DRAINED_FD"
"""Names the file descriptor on which a worker says, by its process id, that nothing runs in it any
more.
"""


def _webhook(settings: Settings) -> Webhook | None:
    events = settings.events
    if events is None:
        return None
    secret = events.webhook_secret
    return Webhook(events.webhook_url.reveal(), secret.reveal() if secret else None)


def _asking(settings: Settings) -> Asking:
    plugins = settings.plugins
    return Asking(plugins.before, settings.plugin_timeout_s, settings.plugin_failure)


def _look_ups(settings: Settings, store: Store) -> tuple[GenerationLookup, Errands]:
    """Of requests and of responses that were, which look a few at a time together."""
    rows = LedgerRows(store, settings.journal_dir)
    has_other_hosts = settings.store_url is not None
    origins = Origins(store, rows, has_other_hosts=has_other_hosts)
    looking = LookUps()
    lookup = GenerationLookup(rows, looking, has_other_hosts=has_other_hosts)
    return lookup, Errands(store, origins, looking)


def let_end(*_: object) -> None:
    """Lets SIGTERM through, which the supervisor has its workers hold back until they may end."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


class Worker:
    """One process of the gateway.

    Raises:
        ConfigError: the configuration cannot be used.
        SchemaError: the store is of another version.
        OSError: the data directory cannot be used.
    """

    _unasked: Unasked | None = None

    def __init__(self, config_path: Path) -> None:
        """Opens the journal and starts the engine's thread. Takes some milliseconds, and a
        network's time where tokens are fetched: not for an event loop.
        """
        return_large_blocks()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._config_path = config_path
        self.settings: Settings = load(config_path)
        journal_dir = self.settings.journal_dir
        for folder in (self.settings.data_dir, journal_dir):  # `parents` would ignore the mode
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        master_key = self.settings.master_key
        master = read_master_key(
            self.settings.data_dir, master_key.reveal() if master_key else None
        )
        self.generations = Generations()
        self._renewal = Renewal(self.settings, on_change=self._credentials_soon)
        self._renewal.start()
        self._adapter = Adapter()
        self.asking = _asking(self.settings)
        self._master = master
        self._stored_own: tuple[ProviderKey, ...] = ()
        self._putting = threading.Lock()
        snapshot = self._snapshot()
        self._host = host = read_host_id(self.settings.data_dir)
        self._shared_with = self._sharing(host)
        self.engine = _core.Engine(
            journal_dir,
            self.settings.data_dir,
            master,
            snapshot,
            shared_state=self._shared_with,
            panics=os.environ.get(PANICS_VARIABLE, ""),
        )
        if self.engine.metrics.trouble is not None:
            log.warning("this worker counts for itself alone: %s", self.engine.metrics.trouble)
        self._webhook = _webhook(self.settings)
        self._refreshing = Refreshing(self)
        self.caching = Governed(
            self.engine.cache,
            self.engine.chores,
            self.settings,
            master,
            self._cache_away,
            self._refreshing.ask,
        )
        self._semantic = Semantic(self, self.engine.chores)
        self._watching = Watching(self.engine, self.caching.purge)
        server = self.settings.server
        self.watch = Watch(Patience(server.body_timeout_s, server.write_stall_s))
        self.draining = False
        self.front: _core.Front | None = None
        """The gateway's own listener, where it has one."""
        self._is_hurried = False
        self._drainer = Drainer(
            lambda: _core.JournalDrain.try_open(journal_dir),
            open_store(self.settings, host),
            on_change=self._tell_ledger,
            on_unknown=self.engine.count_unknown,
            on_drained=self.engine.metrics.drained,
        )
        self._ledger = open_store(self.settings)
        self._kept = open_store(self.settings)
        self.lookup, self.errands = _look_ups(self.settings, self._kept)
        self._keeper = Keeper(self.engine, open_store(self.settings), self._keeping)
        self._looking, self.filing = self._batches(host)
        self._steward = Steward(
            self.engine,
            self._ledger,
            master,
            self.settings,
            # What an earlier life spent is in the ledger, or in what it left of its journal.
            before_seeding=self._drainer.drain_now if self.engine.is_first else None,
            on_change=self._end_killed_soon,
            # Where hosts share limits and a ledger each begins with what it spent itself.
            host=host if self._shared_with is not None and self._shared_with[2] else None,
        )
        self._witness = (
            Witness(
                self.engine,
                open_store(self.settings),
                self._steward.rule,
                knows_others=self._shared_with[2],
            )
            if self._shared_with is not None
            else None
        )
        self._were_keys_stale = False
        self._sync = Sync(open_store(self.settings), self._stored, self.engine.keys_seen)
        self._govern(master)
        self._was_shared_well = True
        self._reloading: asyncio.Task[None] | None = None
        self._wants_reload = False
        self._draining: asyncio.Task[None] | None = None
        self._tending: asyncio.Task[None] | None = None

    def _snapshot(self) -> bytes:
        """The settings as the core reads them."""
        settings = self._live(self.settings, self._renewal)
        return snapshot_json(settings, self.generations.add(settings))

    def _live(self, settings: Settings, renewal: Renewal) -> Settings:
        """The settings with what is sent now."""
        own = own_keys_of(settings.own_keys, self._stored_own, self._master)
        settings = replace(settings, own_keys=own)
        return self._adapter.applied(renewal.applied(settings))

    def _batches(self, host: str) -> tuple[Looking, Filing]:
        looking = Looking(self.engine, open_store(self.settings), self._now, host)
        return looking, Filing(self, self._kept.batches, looking, host)

    def _now(self) -> Settings:
        """The settings with the credentials of now."""
        return self._live(self.settings, self._renewal)

    def _keeping(self) -> tuple[float, int]:
        rule = self.settings.responses
        return rule.keep_days, int(rule.max_bytes)

    def _sharing(self, host: str) -> tuple[str, str, bool] | None:
        url = self.settings.shared_state_url
        return None if url is None else (url.reveal(), host, self.settings.store_url is not None)

    def _govern(self, master: bytes) -> None:
        """Puts keys and limits in force before the first request."""
        try:
            self._ledger.confirm_master_key(master)
        except SchemaError:
            raise  # nothing could ever be written to it
        except StoreError as error:
            log.warning("the store cannot be read, so its keys open nothing yet: %s", error)
        self._sync.read_now()
        self._steward.begin()
        self._tell_keys()
        if self.engine.is_first:
            self._know_batches()
            self.engine.seeded()
        self.caching.reload(self.settings)
        until_s = time.monotonic() + SHARED_STATE_WITHIN_S
        while not self._is_shared_well() and time.monotonic() < until_s:
            time.sleep(DRAIN_POLL_S)

    def _know_batches(self) -> None:
        """The counters are new, so that they have what the ledger says of batches that are over."""
        try:
            self._ledger.batches.know_all(self._host)
        except StoreError as error:
            log.warning("limits may count batches that were over for what was held: %s", error)

    def _is_shared_well(self) -> bool:
        state = self.engine.shared_state
        return state is None or state[0]

    def _stored(self, stored: Governance | None, complete: bool) -> None:  # Sync's
        self._tell_ledger()
        # Before the keys: a new one must not be served with another's credential.
        if stored is not None and stored.provider_keys != self._stored_own:
            with self._putting:
                self._stored_own = stored.provider_keys
                self.engine.replace(self._snapshot())
        self._steward.stored(stored, complete)
        self.caching.stored(stored)

    def _cache_away(self, reason: str) -> None:
        tell_away(self._webhook, reason)

    def _tell_ledger(self) -> None:
        """Lets all workers answer for this one's view of the store."""
        is_well = self._drainer.healthy and self._sync.complete
        self.engine.metrics.troubled("ledger", not is_well)

    @property
    def max_body_bytes(self) -> int:
        """Largest request body."""
        return self.settings.server.max_body_bytes

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ties the engine to the loop that serves."""
        self._loop = loop
        if self._renewal.is_used:
            self._apply_credentials()  # some may have come meanwhile
        loop.add_reader(self.engine.fileno(), self.engine.dispatch)
        # The first count loads a vocabulary, which takes a tenth of a second: not a request's.
        loop.run_in_executor(None, _core.count_tokens, "gpt-5", "")
        self._drainer.start()
        self._keeper.start()
        self._looking.start()
        self._watching.use(self.settings.plugins.watchers)
        if self._witness is not None:
            self._witness.start()
        self._sync.start()
        self._tending = loop.create_task(self._tend())
        host = read_host_id(self.settings.data_dir)
        self._unasked = Unasked(self, open_store(self.settings, host))
        self._unasked.start(loop)
        self._refreshing.start(loop)
        self._semantic.start(loop)

    async def stop(self) -> None:
        """Ends what still runs and settles it."""
        self.draining = True
        await self._run_out(0.0)
        if self._loop is not None:
            self._loop.remove_reader(self.engine.fileno())
            if self.front is not None:
                self._loop.remove_reader(self.front.fileno())
        if self._tending is not None:
            self._tending.cancel()
        if self._unasked is not None:
            self._unasked.stop()
        self._refreshing.stop()
        self._semantic.close()
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._looking.stop()
        self._renewal.stop()
        self._sync.stop()
        self.caching.stop()
        self._semantic.stop()
        self.engine.stop()
        self._watching.stop()
        self.asking.close()
        self._adapter.close()
        if self._witness is not None:
            self._witness.stop()
        self._keeper.stop()
        self._drainer.stop()
        self._kept.close()
        self._ledger.close()
        tell(self.engine, self._webhook)
        if self._webhook is not None:
            self._webhook.stop()

    async def _tend(self) -> None:
        """What nobody waits for."""
        while True:
            await asyncio.sleep(TEND_EVERY_S)
            tell(self.engine, self._webhook)
            self._tell_shared_state()
            self._tell_keys()
            try:
                recovered = await asyncio.to_thread(self.engine.recover)
            except (OSError, _core.PanicException) as error:
                log.error("what dead workers held cannot be given back yet: %s", error)
            else:
                if recovered:
                    log.warning("%d requests of dead workers were settled", recovered)

    def _credentials_soon(self) -> None:
        """A new credential is there. Any thread may call it."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._apply_credentials)

    def _apply_credentials(self) -> None:
        """Requests that run keep the old ones, which go on to hold for some minutes."""
        with self._putting:
            self.engine.replace(self._snapshot())

    def _tell_shared_state(self) -> None:
        """Says in the log that hosts can, or cannot, be asked any more."""
        is_well = self._is_shared_well()
        if is_well == self._was_shared_well:
            return
        self._was_shared_well = is_well
        if is_well:
            log.info("shared_state answers: limits are shared with other hosts again")
        else:
            log.error(
                "shared_state does not answer: budgets live on what this host was granted, rates "
                "and parallel requests on its share of them"
            )

    def _tell_keys(self) -> None:
        """Lets all workers know, and the log, that keys of the store are, or are not, refused."""
        are_stale = self.engine.keys_are_stale
        self.engine.metrics.troubled("keys", are_stale)
        if are_stale == self._were_keys_stale:
            return
        self._were_keys_stale = are_stale
        if are_stale:
            log.error(
                "the store was not read for %g s: its keys are refused until it is",
                self.settings.stale_keys_s,
            )
        else:
            log.info("keys of the store are taken again")

    def drain(self) -> None:
        """Readiness off, nothing new; what runs may finish within the configured time."""
        if not self.draining:
            self.draining = True
            if self.front is not None:
                self.front.drain()
            self.engine.metrics.draining()
            self._draining = asyncio.get_running_loop().create_task(self._drain())

    def hurry(self) -> None:
        """No more time to finish: a drain that runs comes to its end now."""
        self._is_hurried = True
        let_end()

    async def _drain(self) -> None:
        await self._run_out(self.settings.server.drain_s)
        told = os.environ.get(DRAINED_VARIABLE)
        if told is not None:
            os.write(int(told), struct.pack("=i", os.getpid()))

    async def _run_out(self, within_s: float) -> None:
        """Waits for running requests, then ends them."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        while self.running and loop.time() < deadline_s and not self._is_hurried:
            await asyncio.sleep(DRAIN_POLL_S)
        self.watch.shut_down()
        if self.front is not None:
            self.front.shut_down()
        deadline_s = loop.time() + SHUT_DOWN_S
        while self.running and loop.time() < deadline_s:
            await asyncio.sleep(DRAIN_POLL_S)

    @property
    def running(self) -> int:
        """Requests to models that are not over."""
        return len(self.watch) + (len(self.front) if self.front is not None else 0)

    def health(self) -> tuple[bool, bytes]:
        """Whether requests are taken, and the state of the parts."""
        components = dict(self.engine.metrics.components())
        # Without the store rows wait in the journal; without the journal nothing may be sent, and
        # without a key that can be checked nothing can be asked.
        has_own_keys = self.settings.open or bool(self.settings.keys)
        can_serve = components["journal"] == "ok" and (has_own_keys or components["keys"] == "ok")
        is_ready = not self.draining and can_serve
        status = "draining" if self.draining else "ok" if is_ready else "unavailable"
        state = {"status": status, **components, "active": self.running}
        shared = self.engine.shared_state
        if shared is not None and shared[2]:
            state["shared_state_warning"] = shared[2]
        return is_ready, msgspec.json.encode(state)

    def _end_killed_soon(self) -> None:
        """Runs that were ended lose their streams too. Any thread may call it."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_killed)

    def _end_killed(self) -> None:
        if self.front is not None:
            self.front.end_killed()
        for exchange in self.watch.exchanges():
            if isinstance(exchange, _core.Exchange):
                exchange.end_if_killed()

    def reload_soon(self) -> None:
        """Reads the configuration again, off the loop. What is asked while it is read may have come
        too late for that: then it is read once more.
        """
        self._wants_reload = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self._reload_as_asked())

    async def _reload_as_asked(self) -> None:
        while self._wants_reload:
            self._wants_reload = False
            await self.reload()

    async def reload(self) -> None:
        """Puts the file's present content in force; a bad one changes nothing. Requests that run
        keep the old one.
        """
        renewal: Renewal | None = None
        try:
            settings = await asyncio.to_thread(load, self._config_path)
            renewal = Renewal(settings, before=self._renewal, on_change=self._credentials_soon)
            await asyncio.to_thread(renewal.start)
            # Before the core asks them, so that no request passes them by.
            before, self.asking = self.asking, _asking(settings)
            before.close()
            self._watching.use(settings.plugins.watchers)
            with self._putting:
                live = self._live(settings, renewal)
                self.engine.replace(snapshot_json(live, self.generations.add(live)))
                over, self._renewal, self.settings = self._renewal, renewal, settings
            renewal = None  # in force, whatever follows
            over.stop()
            await asyncio.to_thread(self._steward.reload, settings)
            await asyncio.to_thread(self.caching.reload, settings)
            await asyncio.to_thread(self._semantic.reload, settings)
        except (ConfigError, StoreError, ValueError, OSError) as error:
            if renewal is not None:
                renewal.stop()
            log.error("the configuration stays as it was: %s", error)
            self.engine.metrics.reload(ok=False)
            return
        if self.front is not None:
            self.front.set_max_body_bytes(self.max_body_bytes)
        self.engine.metrics.reload(ok=True)
        log.info("the configuration was read again")
