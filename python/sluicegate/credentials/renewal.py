"""When credentials are fetched, and what is sent meanwhile."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sluicegate.config.settings import Settings, Upstream
from sluicegate.config.sources import AwsSource, EntraSource, GoogleSource, Source
from sluicegate.credentials import aws, entra, google
from sluicegate.credentials.lease import CredentialError, Lease

log = logging.getLogger("sluicegate")

RETRY_S: Final = 10.0
"""After a failure; what was there goes on to be sent until its end."""
START_WAIT_S: Final = 10.0
"""For all first ones together; a gateway whose metadata server hangs starts without."""
EARLY_S: Final = 300.0
"""Before its end, one is renewed: metadata servers give the old one until shortly before."""
LEAST_S: Final = 1.0

Fetch = Callable[[Source], Lease]


def fetch(source: Source) -> Lease:
    """A new credential. Takes a network's time.

    Raises:
        CredentialError: there is none.
    """
    match source:
        case GoogleSource():
            return google.fetch(source)
        case AwsSource():
            return aws.fetch(source)
        case EntraSource():
            return entra.fetch(source)


@dataclass(slots=True)
class _Kept:
    """What is known of one source. Times are monotonic but for `until_s`, which is the world's."""

    lease: Lease | None = None
    until_s: float | None = 0.0
    """When it ends; None is never, 0 is that there is none."""
    due_s: float | None = 0.0
    is_asked: bool = False


class Renewal:
    """The credentials of one configuration's providers, each fetched in a thread of its own, so
    that one who does not answer holds up nobody.

    Args:
        before: of the configuration that this one replaces: what it holds goes on.
        on_change: called in any thread when there is a new one.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        before: "Renewal | None" = None,
        on_change: Callable[[], None] = lambda: None,
        fetch: Fetch = fetch,
    ) -> None:
        """None is fetched yet."""
        self._sources = {
            name: upstream.source
            for name, upstream in settings.upstreams.items()
            if upstream.source is not None
        }
        self._kept = {source: _Kept() for source in self._sources.values()}
        self._on_change = on_change
        self._fetch = fetch
        self._changed = threading.Condition()
        self._is_over = False
        if before is not None:
            held = before.held()
            self._kept |= {source: held[source] for source in self._kept if source in held}

    def held(self) -> "dict[Source, _Kept]":
        """What another configuration can go on with."""
        with self._changed:
            return {
                source: replace(kept, is_asked=False)
                for source, kept in self._kept.items()
                if kept.lease is not None
            }

    def start(self) -> None:
        """Fetches those that are missing, waits for them as long as a start may take, and renews
        all from then on.
        """
        if not self._kept:
            return
        self._ask(time.monotonic())
        with self._changed:
            self._changed.wait_for(self._are_all_told, START_WAIT_S)
        threading.Thread(target=self._run, name="sluicegate-renewal", daemon=True).start()

    @property
    def is_used(self) -> bool:
        """Whether there is anything to renew."""
        return bool(self._kept)

    def stop(self) -> None:
        """Nothing is renewed any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def applied(self, settings: Settings) -> Settings:
        """The settings with what is sent now."""
        with self._changed:
            changed = {
                name: _applied(settings.upstreams[name], self._kept[source])
                for name, source in self._sources.items()
            }
        return replace(settings, upstreams={**settings.upstreams, **changed})

    def _are_all_told(self) -> bool:
        return not any(kept.is_asked for kept in self._kept.values())

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._is_over:
                    return
                due_s = self._next_s()
                self._changed.wait(None if due_s is None else max(0.0, due_s - time.monotonic()))
                if self._is_over:
                    return
            self._ask(time.monotonic())

    def _next_s(self) -> float | None:
        waiting = (kept.due_s for kept in self._kept.values() if not kept.is_asked)
        return min((due_s for due_s in waiting if due_s is not None), default=None)

    def _ask(self, now_s: float) -> None:
        """Begins to fetch all that are due."""
        for source, kept in self._kept.items():
            with self._changed:
                is_due = kept.due_s is not None and kept.due_s <= now_s
                if not is_due or kept.is_asked:
                    continue
                kept.is_asked = True
            name = "sluicegate-credential"
            threading.Thread(target=self._renew, args=(source,), name=name, daemon=True).start()

    def _renew(self, source: Source) -> None:
        lease, wrong = None, ""
        try:
            lease = self._fetch(source)
        except CredentialError as error:
            wrong = str(error)
        except Exception as error:  # a thread's death would be silence for ever
            log.exception("a credential cannot be fetched by a defect of the gateway")
            wrong = type(error).__name__
        with self._changed:
            kept = self._kept[source]
            kept.is_asked = False
            if lease is not None:
                _renewed(kept, lease)
            else:
                kept.due_s = time.monotonic() + RETRY_S
                self._tell(source, kept, wrong)
            self._changed.notify_all()
        if lease is not None:
            self._on_change()

    def _tell(self, source: Source, kept: _Kept, wrong: str) -> None:
        names = ", ".join(name for name, other in self._sources.items() if other == source)
        left_s = (kept.until_s or 0.0) - time.time()
        what = (
            f"the one that is sent holds for {left_s:.0f} s more" if left_s > 0 else "it has none"
        )
        log.error("provider %s: no new credential (%s): %s", names, what, wrong)


def _renewed(kept: _Kept, lease: Lease) -> None:
    kept.lease = lease
    if lease.lives_s is None:
        kept.until_s = kept.due_s = None
        return
    kept.until_s = time.time() + lease.lives_s
    kept.due_s = time.monotonic() + wait_s(lease.lives_s)


def wait_s(lives_s: float) -> float:
    """After how long one is renewed that lives so long: a short life at its half."""
    return max(lives_s - EARLY_S, lives_s / 2, LEAST_S)


def _applied(upstream: Upstream, kept: _Kept) -> Upstream:
    if kept.lease is None:
        return replace(upstream, holds_until_s=0.0)
    return leased(upstream, kept.lease, kept.until_s)


def leased(upstream: Upstream, lease: Lease, until_s: float | None) -> Upstream:
    """A provider with what is sent to it now."""
    source, signer = upstream.source, lease.signer
    if signer is not None and isinstance(source, AwsSource):
        signer = {**signer, "region": source.region, "service": source.service}
    headers = (*lease.headers, *upstream.headers)
    return replace(upstream, headers=headers, signer=signer, holds_until_s=until_s)
