"""A batch before its provider is asked: its lines read, where they go, what they may cost."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from sluicegate import _core
from sluicegate.batches.forms import FORMS
from sluicegate.batches.forms.base import Asked, Call, Form, Sent
from sluicegate.batches.lines import ENDPOINTS, Line, lines_of, model_of, renamed, wrong
from sluicegate.batches.objects import NotFoundError, new_id
from sluicegate.batches.planning import Target, Way, way_of
from sluicegate.config.settings import Upstream
from sluicegate.dialects import CLIENT_DIALECTS, UPSTREAM_DIALECTS
from sluicegate.errors import (
    GatewayError,
    InvalidRequestError,
    NotReadyError,
    RefusedRequestError,
)
from sluicegate.inside import Headers
from sluicegate.plugins.asking import Refused
from sluicegate.routes import CORE_ROUTES
from sluicegate.store import StoreError
from sluicegate.store.batches import StoredLine

if TYPE_CHECKING:
    from sluicegate.store.batches import Batches
    from sluicegate.worker import Worker

Text = Annotated[str, Meta(max_length=512)]


class Wish(msgspec.Struct):
    """What a client says of a batch. Source:
    https://platform.openai.com/docs/api-reference/batch/create
    """

    input_file_id: str
    endpoint: str
    completion_window: Literal["24h"] = "24h"
    metadata: (
        Annotated[dict[Annotated[str, Meta(max_length=64)], Text], Meta(max_length=16)] | None
    ) = None


@dataclass(frozen=True, slots=True)
class Draft:
    """All that is known before anybody is asked.

    Args:
        name: the batch's id.
        dialect: whose clients see it.
        unpriced: a model without a price, if there is one.
        call: begins it; where its lines go up as a file, without that one's name.
    """

    name: str
    dialect: str
    wish: Wish
    way: Way
    lines: list[StoredLine]
    sent: list[Sent]
    held: tuple[int, int, int]
    unpriced: str | None
    call: Call


class Drafting:
    """Of one worker."""

    def __init__(self, worker: "Worker", store: "Batches") -> None:
        """Args: store: of the files."""
        self._worker = worker
        self._store = store

    def drafted(
        self, wish: Wish, tenant: str, headers: Headers, loop: asyncio.AbstractEventLoop
    ) -> Draft:
        """All of it. Blocks: a large file takes some seconds.

        Args: loop: on which plugins are asked.

        Raises:
            GatewayError: what is wrong, and with which line.
        """
        if wish.endpoint not in ENDPOINTS:
            raise InvalidRequestError(f"must be one of {', '.join(ENDPOINTS)}", param="endpoint")
        try:
            file = self._store.file(tenant, wish.input_file_id)
            if file is None:
                raise NotFoundError("file", wish.input_file_id)
            if file.purpose != "batch":
                raise InvalidRequestError(
                    f"the file's purpose is {file.purpose!r}, not 'batch'", param="input_file_id"
                )
            lines = lines_of(self._store.pieces(file.id), wish.endpoint)
        except (StoreError, OSError) as error:
            raise NotReadyError(
                "the store does not answer", code="store_unavailable", retry_after_s=1.0
            ) from error
        return self.of(new_id("batch_"), wish, lines, headers, loop)

    def of(
        self,
        name: str,
        wish: Wish,
        lines: list[Line],
        headers: Headers,
        loop: asyncio.AbstractEventLoop,
    ) -> Draft:
        """The same of lines that are there already."""
        place = CORE_ROUTES.find("POST", wish.endpoint, "")
        if place is None:
            raise LookupError(wish.endpoint)
        if self._worker.engine.asks_plugins:
            lines = [self._passed(place, headers, line, loop) for line in lines]
        way = way_of(
            lines,
            lambda name: self._targets(place, headers, name),
            lambda target: self._form(place, target, wish.endpoint),
        )
        return self._priced(name, wish, way, place, lines)

    def _passed(
        self,
        place: "_core.Place",
        headers: Headers,
        line: Line,
        loop: asyncio.AbstractEventLoop,
    ) -> Line:
        """A line as plugins let it go on: each is a request."""
        engine = self._worker.engine
        try:
            facts = engine.facts(place, headers)
            if facts is None:
                return line
            asking = self._worker.asking.ask(facts, line.body)
            said = asyncio.run_coroutine_threadsafe(asking, loop).result()
            if isinstance(said, Refused):
                message = f"line {line.number}: {said.message}"
                engine.refuse(place, headers, line.body, said.status, message, failed=said.failed)
        except _core.RefusedError as refused:
            raise RefusedRequestError(*refused.args) from None
        if not isinstance(said, bytes):
            return line
        return line._replace(body=said, model=model_of(line.number, said))

    def _targets(self, place: "_core.Place", headers: Headers, name: str) -> list[Target]:
        try:
            found = _core.batch_targets(self._worker.engine, place, headers, name)
        except _core.RefusedError as refused:
            raise RefusedRequestError(*refused.args) from None
        return [Target(*each) for each in found]

    def _form(self, place: "_core.Place", target: Target, endpoint: str) -> str | None:
        """How a target's provider takes batches of an endpoint's requests; None where it does
        not.
        """
        upstream = self._worker.settings.upstreams.get(target.provider)
        if upstream is None or upstream.plugin_dialect or upstream.signer is not None:
            return None
        is_own = target.dialect == place.dialect
        name = "openai" if is_own and target.dialect.startswith("openai") else target.dialect
        form = FORMS.get(name)
        if form is None or (form.keeps_files and not is_own):
            return None
        return name if endpoint in form.endpoints(upstream) else None

    def _priced(
        self, name: str, wish: Wish, way: Way, place: "_core.Place", lines: list[Line]
    ) -> Draft:
        upstream = self._worker.settings.upstreams[way.provider]
        form = FORMS[way.form]
        stored: list[StoredLine] = []
        sent: list[Sent] = []
        held = [0, 0, 0]
        unpriced = None
        for line in lines:
            model = way.models[line.model]
            try:
                quote = _core.batch_quote(
                    self._worker.engine, place, way.provider, model, line.body
                )
                body = self._encoded(place, form, way, upstream, line, model)
            except (ValueError, GatewayError) as error:
                raise _of_line(line, error) from None
            input_tokens, output_tokens, pico = quote
            if pico is None and unpriced is None:
                unpriced = model
            held = [held[0] + input_tokens, held[1] + output_tokens, held[2] + (pico or 0)]
            stored.append(
                StoredLine(line.custom_id, line.model, model, input_tokens, output_tokens, pico)
            )
            sent.append(Sent(line.custom_id, model, body))
        asked = Asked(name, wish.endpoint, wish.metadata)
        call = form.begin(asked, "" if form.keeps_files else sent)
        dialect = "anthropic" if place.dialect == "anthropic" else "openai"
        total = (held[0], held[1], held[2])
        return Draft(name, dialect, wish, way, stored, sent, total, unpriced, call)

    def _encoded(
        self,
        place: "_core.Place",
        form: Form,
        way: Way,
        upstream: Upstream,
        line: Line,
        model: str,
    ) -> bytes:
        if form.keeps_files or place.dialect == way.dialect:
            return renamed(line.body, model)
        settings = self._worker.settings
        route = settings.routes.get(line.model)
        drop = upstream.drop_unsupported
        if route is not None and route.drop_unsupported is not None:
            drop = route.drop_unsupported
        conversation = CLIENT_DIALECTS[place.dialect].decode_request(line.body)
        body, _ = UPSTREAM_DIALECTS[way.dialect].encode_request(
            conversation,
            model=model,
            stream=False,
            drop_unsupported=drop,
            default_max_tokens=settings.default_max_output_tokens,
            host=upstream.host,
        )
        return body


def _of_line(line: Line, error: Exception) -> GatewayError:
    """What is wrong with a line's body, with the line's number."""
    if not isinstance(error, GatewayError):
        return wrong(line.number, str(error))
    told = wrong(line.number, error.message)
    told.code, told.status = error.code, error.status
    return told
