"""One request's life behind admission: attempts, what failures lead to, translation, the answer.

Where client and upstream speak one dialect and nothing fails, all of this is one wait for each
batch of bytes; the core has admitted, journalled and sent the request before Python looks at it
again.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sluicegate import _core
from sluicegate.config.settings import Upstream
from sluicegate.dialects import DIALECTS
from sluicegate.errors import (
    ClientGoneError,
    InvalidRequestError,
    RefusedRequestError,
    UnsupportedFieldError,
)
from sluicegate.failures import UpstreamErrorBody, classify, client_error
from sluicegate.local_count import count_tokens
from sluicegate.policies.failover import OUTCOMES, FailureClass, GiveUp, Plan
from sluicegate.policies.retry_after import retry_after_s
from sluicegate.routes import ModelRoute
from sluicegate.snapshot import FailoverSettings
from sluicegate.watch import Watched

log = logging.getLogger("sluicegate")

Send = Callable[[dict[str, Any]], Awaitable[None]]

MAX_HEADER_BYTES: Final = 2048
END: Final = 1


class Call:
    """One request on its way.

    Args:
        route: what is asked, in which dialect.
        body: the client's body.
        exchange: the core's side of it; its first target was tried if that needs no translation.
        upstreams: by the providers' names.
    """

    __slots__ = (
        "body",
        "dropped",
        "exchange",
        "loop",
        "plan",
        "route",
        "send",
        "settings",
        "upstreams",
        "watched",
    )

    def __init__(
        self,
        route: ModelRoute,
        body: bytes,
        exchange: _core.Exchange,
        watched: Watched,
        send: Send,
        settings: FailoverSettings,
        upstreams: Mapping[str, Upstream],
    ) -> None:
        """Nothing is sent yet."""
        self.route = route
        self.body = body
        self.exchange = exchange
        self.watched = watched
        self.send = send
        self.settings = settings
        self.upstreams = upstreams
        self.plan: Plan | None = None
        self.dropped: list[str] = []
        self.loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Answers the client.

        Raises:
            GatewayError: what the client must be told.
        """
        exchange = self.exchange
        if not exchange.started:
            if self.route.operation == "count_tokens":
                await self._count()
                return
            self._attempt(exchange.first_target)
        while True:
            ready = exchange.take()
            if ready is None:
                ready = await exchange.wait(self.loop)
            head, body, state, failure = ready
            if state == END and not exchange.head_sent:
                raise ClientGoneError  # it left before there was anything to tell it
            if head is not None:
                await self._start(*head)
            if body or state == END:
                sending = self._put(body, more=state != END)
                # The server has its copy: an event of megabytes is not held while a slow client
                # takes it.
                del ready, body
                await self._sent(sending)
            if failure is not None:
                await self._after(failure)
            elif state == END:
                if self.plan is not None:
                    exchange.close(200)
                return

    async def _count(self) -> None:
        """Answers with a count of our own: the target's dialect has no endpoint for it."""
        exchange = self.exchange
        _, model, _, _ = exchange.targets[exchange.first_target]
        conversation = DIALECTS[self.route.dialect].decode_request(self.body)
        count = await count_tokens(conversation, model)
        exchange.close(200)
        headers = [
            (b"content-type", b"application/json"),
            (b"x-sluicegate-request-id", exchange.request_id.encode()),
        ]
        await self._start(200, headers)
        await self._sent(self._put(b'{"input_tokens":%d}' % count, more=False))

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        if self.dropped:
            headers.append((b"x-sluicegate-dropped", _listed(self.dropped)))
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    def _put(self, body: bytes, *, more: bool) -> Awaitable[None]:
        watched = self.watched
        watched.sending_since_s = self.loop.time()
        sending = self.send({"type": "http.response.body", "body": body, "more_body": more})
        watched.sending = sending
        return sending

    async def _sent(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except asyncio.CancelledError:
            if self.watched.gone:
                raise ClientGoneError from None  # the watch gave a stalled reader up
            raise
        finally:
            self.watched.sending = None

    async def _after(self, failure: _core.Failure) -> None:
        """Tries again as the policy says, or raises what the client is told."""
        exchange = self.exchange
        if self.plan is None:
            targets = exchange.targets
            self.plan = Plan(
                weights=[weight for _, _, _, weight in targets],
                weighted=exchange.strategy == "weighted",
                first=exchange.first_target,
                failover_on=self.settings.failover_on(exchange.requested_model),
            )
        if failure.resent:
            self.plan.retried.add(failure.target)
        provider, _, dialect, _ = exchange.targets[failure.target]
        told = None
        if failure.body:
            told = DIALECTS[dialect].decode_error(failure.status or 200, bytes(failure.body))
            told = self._unquoted(provider, told)
        kind = classify(failure, told, self.settings.quota_codes(provider))
        wait_s = retry_after_s(failure.retry_after, datetime.now(UTC))
        decision = self.plan.after(
            kind,
            failure.target,
            retry_after_s=wait_s,
            remaining_s=exchange.remaining_s,
            draw=random.random,
        )
        self._log(failure, kind, given_up=isinstance(decision, GiveUp))
        if isinstance(decision, GiveUp):
            if failure.refusal is not None:
                raise RefusedRequestError(exchange.request_id, failure.refusal)
            raise client_error(decision.client_status, kind, failure, told, wait_s)
        if decision.delay_s:
            await asyncio.sleep(decision.delay_s)
        if self.watched.gone:
            raise ClientGoneError  # nobody would read what another attempt costs
        self._attempt(decision.target)

    def _unquoted(self, provider: str, told: UpstreamErrorBody | None) -> UpstreamErrorBody | None:
        """What an upstream said, without our credential: some quote it."""
        upstream = self.upstreams.get(provider)
        if upstream is None or told is None:
            return told

        def hide(text: str | None) -> str | None:
            return text and upstream.unquoted(text)

        return UpstreamErrorBody(
            upstream.unquoted(told.message), hide(told.type), hide(told.code), hide(told.param)
        )

    def _log(self, failure: _core.Failure, kind: FailureClass, *, given_up: bool) -> None:
        """What the client is not told: which host, and why. A caller's own mistake is no news."""
        provider, model, _, _ = self.exchange.targets[failure.target]
        # What an upstream writes itself may quote our key.
        detail = "" if failure.code == "upstream_error" else f": {failure.detail}"
        upstream = self.upstreams.get(provider)
        detail = upstream.unquoted(detail) if upstream else detail
        worth = given_up and OUTCOMES[kind].client_status is not None
        log.log(
            logging.WARNING if worth else logging.INFO,
            "request %s: %s/%s: %s%s",
            self.exchange.request_id,
            provider,
            model,
            failure.code,
            detail,
        )

    def _attempt(self, target: int) -> None:
        """Sends the request to a target, in the target's dialect."""
        exchange = self.exchange
        provider, model, dialect, _ = exchange.targets[target]
        if dialect == self.route.dialect:
            self.dropped = []  # an earlier target's translation has no part in this answer
            exchange.attempt(target)
            return
        if self.route.operation == "embeddings":
            raise InvalidRequestError(
                f"provider {provider!r} has no embeddings: choose a model of another",
                code=UnsupportedFieldError.default_code,
                param="model",
            )
        upstream = self.upstreams.get(provider)
        conversation = DIALECTS[self.route.dialect].decode_request(self.body)
        body, self.dropped = DIALECTS[dialect].encode_request(
            conversation,
            model=model,
            stream=exchange.stream,
            drop_unsupported=self.settings.drops_unsupported(provider, exchange.requested_model),
            default_max_tokens=self.settings.default_max_output_tokens,
            extensions=upstream.extensions if upstream else frozenset(),
        )
        exchange.attempt(target, body)


def _listed(names: list[str]) -> bytes:
    """What was left out, as a header says it. Clients choose names, so any character is in them."""
    printable = "".join(c if c.isprintable() else "?" for c in ", ".join(names))
    return printable.encode("ascii", "replace")[:MAX_HEADER_BYTES]
