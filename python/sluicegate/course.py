"""What is decided about one request behind its admission: which target is tried next, in which
dialect, and what the client is told in the end. Whatever front serves it.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sluicegate import _core, beside, embeddings, media, rerank
from sluicegate.conversation import Conversation
from sluicegate.dialects import CLIENT_DIALECTS, SPOKEN, UPSTREAM_DIALECTS
from sluicegate.errors import (
    ClientGoneError,
    InvalidRequestError,
    RefusedRequestError,
    UnsupportedFieldError,
)
from sluicegate.failures import UpstreamErrorBody, classify, client_error, named
from sluicegate.local_count import count_tokens
from sluicegate.policies.failover import OUTCOMES, FailureClass, GiveUp, Plan, cool_down_s
from sluicegate.policies.retry_after import retry_after_s
from sluicegate.routes import UNTRANSLATED, ModelRoute
from sluicegate.snapshot import FailoverSettings

log = logging.getLogger("sluicegate")

MAX_HEADER_BYTES: Final = 2048
_FINAL: Final = frozenset({"not_cached", "identical_request_failed"})
"""Failures of no upstream: there is nothing to try."""
_STALE_IS_BETTER: Final = frozenset({429, 502, 503, 504})
"""What a client is told less gladly than a kept answer that is too old."""
_COUNTS: Final = {"anthropic": b'{"input_tokens":%d}', "gemini": b'{"totalTokens":%d}'}
"""A count of tokens, in the dialects that have an endpoint for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of the gateway's own."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Course:
    """One request's way.

    Args:
        route: what is asked, in which dialect.
        exchange: the core's side of it; its first target was tried if that needs no translation.
        settings: those that the request began with.
    """

    __slots__ = ("exchange", "plan", "route", "settings")

    def __init__(
        self,
        route: ModelRoute,
        exchange: _core.Exchange,
        settings: FailoverSettings,
    ) -> None:
        """Nothing is decided yet."""
        self.route = route
        self.exchange = exchange
        self.settings = settings
        self.plan: Plan | None = None

    async def begin(self) -> Answer | None:
        """Tries the first target, which speaks another dialect than the client; or the answer.

        Raises:
            GatewayError: what the client must be told.
        """
        return await self._attempt(self.exchange.first_target)

    async def after(self, failure: _core.Failure, is_gone: Callable[[], bool]) -> Answer | None:
        """Tries again as the policy says; or the answer.

        Args:
            is_gone: whether the client has left. Not kept: whoever holds a course may be behind it.
        Raises:
            GatewayError: what the client is told.
            ClientGoneError: nobody is there to be told.
        """
        exchange = self.exchange
        if failure.code == "untried":
            return await self.begin()  # no kept answer was found
        if failure.code in _FINAL and failure.refusal is not None:
            raise RefusedRequestError(exchange.request_id, failure.refusal)
        if self.plan is None:
            self.plan = self._planned()
        if failure.resent:
            self.plan.retried.add(failure.target)
        provider, _, dialect, _ = exchange.targets[failure.target]
        told = None
        if failure.body:
            told = SPOKEN[dialect].decode_error(failure.status or 200, bytes(failure.body))
        told = self._unquoted(provider, named(told, failure.error_type))
        kind = classify(failure, told, self.settings.quota_codes(provider))
        wait_s = retry_after_s(failure.retry_after, datetime.now(UTC))
        if cooling_s := cool_down_s(kind, wait_s):
            exchange.cool(failure.target, cooling_s)
        decision = self.plan.after(
            kind,
            failure.target,
            retry_after_s=wait_s,
            remaining_s=exchange.remaining_s,
            draw=random.random,
            free=[is_free for _, _, is_free in exchange.keys],
        )
        self._log(failure, kind, given_up=isinstance(decision, GiveUp))
        if isinstance(decision, GiveUp):
            if decision.client_status in _STALE_IS_BETTER and exchange.give_stale():
                return None
            if failure.refusal is not None:
                raise RefusedRequestError(exchange.request_id, failure.refusal)
            raise client_error(decision.client_status, kind, failure, told, wait_s)
        if decision.delay_s:
            await asyncio.sleep(decision.delay_s)
        if is_gone():
            raise ClientGoneError  # nobody would read what another attempt costs
        return await self._attempt(decision.target)

    def _planned(self) -> Plan:
        exchange = self.exchange
        keys = exchange.keys
        return Plan(
            weights=[weight for _, _, _, weight in exchange.targets],
            weighted=exchange.strategy == "weighted",
            first=exchange.first_target,
            failover_on=self.settings.failover_on(exchange.requested_model),
            groups=[group for _, group, _ in keys] if any(name for name, _, _ in keys) else (),
        )

    async def _count(self, target: int) -> Answer:
        """A count of our own: the target's dialect has no endpoint for it."""
        exchange = self.exchange
        _, model, _, _ = exchange.targets[target]
        conversation = await self._conversation(exchange.body)
        count = await count_tokens(conversation, model)
        exchange.close(200)
        headers = [
            (b"content-type", b"application/json"),
            (b"x-sluicegate-request-id", exchange.request_id.encode()),
        ]
        return Answer(200, headers, _COUNTS[self.route.dialect] % count)

    def _unquoted(self, provider: str, told: UpstreamErrorBody | None) -> UpstreamErrorBody | None:
        """What an upstream said, without our credential: some quote it."""
        if told is None:
            return told

        def hide(text: str | None) -> str | None:
            return text and self.settings.unquoted(provider, text)

        message = self.settings.unquoted(provider, told.message)
        return told._replace(
            message=message, type=hide(told.type), code=hide(told.code), param=hide(told.param)
        )

    def _log(self, failure: _core.Failure, kind: FailureClass, *, given_up: bool) -> None:
        """What the client is not told: which host, and why. A caller's own mistake is no news."""
        provider, model, _, _ = self.exchange.targets[failure.target]
        key, _, _ = self.exchange.keys[failure.target]
        # What an upstream writes itself may quote our key.
        detail = "" if failure.code == "upstream_error" else f": {failure.detail}"
        detail = self.settings.unquoted(provider, detail)
        worth = given_up and OUTCOMES[kind].client_status is not None
        # Another key hides it from every client, so that somebody must be told.
        worth = worth or (bool(key) and kind in {FailureClass.CREDENTIAL, FailureClass.QUOTA})
        log.log(
            logging.WARNING if worth else logging.INFO,
            "request %s: %s/%s%s: %s%s",
            self.exchange.request_id,
            provider,
            model,
            f" with key {key}" if key else "",
            failure.code,
            detail,
        )

    async def _attempt(self, target: int) -> Answer | None:
        """Sends the request to a target, in the target's dialect; or the answer, where that has no
        endpoint and the gateway knows by itself.
        """
        if self.exchange.is_own(target):
            self.exchange.attempt(target)
        elif self.route.operation == "count_tokens":
            return await self._count(target)
        elif self.route.operation == "embeddings":
            await self._embed(target)
        elif self.route.operation == "rerank":
            await self._rerank(target)
        else:
            await self._translate(target)
        return None

    async def _translate(self, target: int) -> None:
        """Sends the request in the target's dialect."""
        exchange = self.exchange
        provider, model, dialect, _ = exchange.targets[target]
        if encode := media.ENCODERS.get((self.route.operation, dialect)):
            source = media.Source(exchange.path, exchange.body, exchange.form)
            drop = self.settings.drops_unsupported(provider, exchange.requested_model)
            body, dropped = await media.encode_request(encode, source, model, drop=drop)
            exchange.attempt(target, body, _listed(dropped) if dropped else None)
            return
        if words := UNTRANSLATED.get(self.route.operation):
            raise _lacks(provider, words)
        asked = exchange.body
        conversation = await self._conversation(asked)
        encode_request = partial(
            UPSTREAM_DIALECTS[dialect].encode_request,
            conversation,
            model=model,
            stream=exchange.stream,
            drop_unsupported=self.settings.drops_unsupported(provider, exchange.requested_model),
            default_max_tokens=self.settings.default_max_output_tokens,
            host=self.settings.host(provider),
        )
        body, dropped = await beside.done(encode_request, len(asked))
        told = _listed(dropped) if dropped else None
        exchange.attempt(target, body, told, tool_forms=conversation.forms())

    async def _conversation(self, body: bytes) -> Conversation:
        """What the client wrote, in the neutral form."""
        decode_request = CLIENT_DIALECTS[self.route.dialect].decode_request
        return await beside.done(lambda: decode_request(body), len(body))

    async def _embed(self, target: int) -> None:
        """Sends a request for vectors to a target, in the form that the target has for them."""
        exchange = self.exchange
        provider, model, _, _ = exchange.targets[target]
        form = self.settings.embeddings(provider)
        if form is None:
            raise _lacks(provider, "embeddings")
        asked = exchange.body
        request = await beside.done(
            lambda: embeddings.decode_request(self.route.dialect, asked), len(asked)
        )
        if request.tokens:
            request = await asyncio.to_thread(embeddings.with_texts, request)
        encode_request = partial(
            embeddings.encode_request,
            form,
            request,
            model=model,
            drop=self.settings.drops_unsupported(provider, exchange.requested_model),
        )
        (body, *more), dropped = await beside.done(encode_request, len(asked))
        exchange.attempt(target, body, _listed(dropped) if dropped else None, more)

    async def _rerank(self, target: int) -> None:
        """Sends documents to be ranked to a target, in the form that the target has for it."""
        exchange = self.exchange
        provider, model, _, _ = exchange.targets[target]
        form = self.settings.rerank(provider)
        if form is None:
            raise _lacks(provider, "reranking")
        asked = exchange.body
        drop = self.settings.drops_unsupported(provider, exchange.requested_model)

        def work() -> tuple[bytes, list[str]]:
            request = rerank.decode_request(asked)
            return rerank.encode_request(form, request, model=model, drop=drop)

        body, dropped = await beside.done(work, len(asked))
        exchange.attempt(target, body, _listed(dropped) if dropped else None)


def _lacks(provider: str, words: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"provider {provider!r} has no {words}: choose a model of another",
        code=UnsupportedFieldError.default_code,
        param="model",
    )


def _listed(names: list[str]) -> bytes:
    """What was left out, as a header says it. Clients choose names, so any character is in them."""
    printable = "".join(c if c.isprintable() else "?" for c in ", ".join(names))
    return printable.encode("ascii", "replace")[:MAX_HEADER_BYTES]
