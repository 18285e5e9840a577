"""What clients ask about files and batches, and the answers."""

from typing import TYPE_CHECKING, Any, Final, TypeVar

from sluicegate import _core
from sluicegate.admitting import begun, read_headers
from sluicegate.batches.beginning import Beginning
from sluicegate.batches.desk import (
    answer_of,
    aside,
    asked_in,
    asked_of_store,
    cancelled,
    limit_of,
    send_kept,
)
from sluicegate.batches.errand import course_of, object_of, own_headers
from sluicegate.batches.forms.base import Call as Asking
from sluicegate.batches.messages import MessageDesk
from sluicegate.batches.objects import (
    Json,
    NotFoundError,
    file_object,
    new_id,
    now_ms,
    page_of,
)
from sluicegate.batches.outside import path_at
from sluicegate.batches.paths import FiledPath
from sluicegate.batches.upload import Upload, read_upload
from sluicegate.body import read_plain
from sluicegate.config.settings import Upstream
from sluicegate.course import Answer
from sluicegate.errors import (
    InternalError,
    InvalidRequestError,
)
from sluicegate.inside import Headers, collected
from sluicegate.pipeline import Call, Send
from sluicegate.store.batches import StoredBatch, StoredFile
from sluicegate.watch import Watched

if TYPE_CHECKING:
    from sluicegate.batches.looking import Looking
    from sluicegate.store.batches import Batches
    from sluicegate.worker import Worker

PROVIDER: Final = b"x-sluicegate-provider"
FILES_LISTED: Final = 10_000
BATCHES_LISTED: Final = 20
_OPENAI: Final = ("openai", "openai_responses")
_T = TypeVar("_T")


class Filing:
    """Of one worker."""

    def __init__(self, worker: "Worker", store: "Batches", looking: "Looking", host: str) -> None:
        """Args: host: whose limits count what begins here."""
        self._worker = worker
        self._store = store
        self._looking = looking
        self._beginning = Beginning(worker, store, host)
        self._messages = MessageDesk(worker, store, looking, self._beginning)

    async def answer(
        self, path: FiledPath, scope: dict[str, Any], watched: Watched, send: Send
    ) -> Answer | None:
        """The answer; None where it was sent already.

        Raises:
            RefusedError: no good key, or one that may not use the path.
            GatewayError: what the client must be told.
        """
        headers: Headers = scope["headers"]
        tenant = self._worker.engine.asker(headers, path.route)
        if path.dialect == "anthropic":
            return await self._messages.answer(path, tenant, scope, watched, send)
        match path.method, path.route:
            case "POST", "/v1/files":
                return await self._upload(path, tenant, headers, watched)
            case "GET", "/v1/files":
                return answer_of(await self._files(tenant, path.query))
            case "GET", "/v1/files/{id}":
                return answer_of(file_object(await self._file(tenant, path.name)))
            case "DELETE", "/v1/files/{id}":
                return await self._delete(path, tenant, headers, watched)
            case "GET", "/v1/files/{id}/content":
                return await self._content(path, tenant, headers, watched, send)
            case "POST", "/v1/batches":
                body = await read_plain(watched, headers, self._worker.max_body_bytes)
                return await self._beginning.answer(path, tenant, headers, body, watched)
            case "GET", "/v1/batches":
                return answer_of(await self._batches(tenant, path.query))
            case "GET", "/v1/batches/{id}":
                batch = await self._batch(tenant, path.name)
                return answer_of((await asked_of_store(lambda: self._looking.now(batch))).shown)
            case "POST", "/v1/batches/{id}/cancel":
                return await self._cancel(path, tenant, headers, watched)
        raise InternalError

    # files

    async def _upload(
        self, path: FiledPath, tenant: str, headers: Headers, watched: Watched
    ) -> Answer:
        body = await read_plain(watched, headers, self._worker.max_body_bytes)
        upload = read_upload(headers, body)
        if upload.purpose == "batch":
            return answer_of(file_object(await self._keep(tenant, upload)))
        upstream = self._upstream_of(headers)
        place = _core.batch_place(path.place, "POST", upstream.name, path_at(upstream, "/files"))
        sent = read_headers(self._worker, place, own_headers(headers, upload.content_type))
        exchange = await begun(self._worker, place, sent, body, watched)
        watched.exchange = exchange
        answer = await collected(exchange, course_of(self._worker, exchange, once=True))
        if answer.status < 300:
            made = object_of(answer)
            key, _, _ = exchange.keys[exchange.first_target]
            expires_at = made.get("expires_at")
            file = StoredFile(
                tenant=tenant,
                id=str(made["id"]),
                provider=upstream.name,
                provider_key=key,
                upstream_id=str(made["id"]),
                purpose=upload.purpose,
                filename=upload.filename,
                bytes=upload.size,
                created_at_ms=now_ms(),
                expires_at_ms=None if expires_at is None else int(expires_at) * 1000,
            )
            await asked_of_store(lambda: self._store.put_file(file))
        return answer

    async def _keep(self, tenant: str, upload: Upload) -> StoredFile:
        """Keeps the file of a batch to come."""
        most = int(self._worker.settings.batches.max_bytes)
        now = now_ms()
        file = StoredFile(
            tenant=tenant,
            id=new_id("file-"),
            provider="",
            provider_key="",
            upstream_id="",
            purpose=upload.purpose,
            filename=upload.filename,
            bytes=upload.size,
            created_at_ms=now,
            expires_at_ms=None if upload.lives_s is None else now + upload.lives_s * 1000,
        )

        def keep() -> bool:
            if self._store.kept_bytes(tenant) + upload.size > most:
                return False
            self._store.put_file(file, upload.pieces())
            return True

        if not await asked_of_store(keep):
            error = InvalidRequestError(
                f"the files that are kept for this key and its team have no room for "
                f"{upload.size} bytes more: delete some (batches.max_bytes is {most})",
                code="request_too_large",
                param="file",
            )
            error.status = 413
            raise error
        return file

    def _upstream_of(self, headers: Headers) -> Upstream:
        """The provider of a file that is not a batch's: the one that a header names, or the only
        one of OpenAI's dialect.
        """
        upstreams = self._worker.settings.upstreams
        able = {
            name: each
            for name, each in upstreams.items()
            if each.dialect in _OPENAI and not each.plugin_dialect
        }
        named = [value.decode("latin-1") for name, value in headers if name == PROVIDER]
        if not named and len(able) == 1:
            return next(iter(able.values()))
        header = PROVIDER.decode()
        if not named:
            raise InvalidRequestError(
                f"name the provider that is to keep the file in {header}: one of "
                f"{', '.join(able) or 'those of dialect openai, of which there is none'}",
                param=header,
            )
        if named[0] not in able:
            raise InvalidRequestError(
                f"no provider {named[0]!r} keeps files: name one of {', '.join(able)}",
                code="provider_not_found",
                param=header,
            )
        return able[named[0]]

    async def _file(self, tenant: str, name: str) -> StoredFile:
        file = await asked_of_store(lambda: self._store.file(tenant, name))
        if file is None or (file.expires_at_ms is not None and file.expires_at_ms <= now_ms()):
            raise NotFoundError("file", name)
        return file

    async def _files(self, tenant: str, query: str) -> Json:
        asked = asked_in(query)
        limit = limit_of(asked.get("limit"), FILES_LISTED, FILES_LISTED)
        after, purpose = asked.get("after"), asked.get("purpose")
        is_oldest = asked.get("order") == "asc"
        before = None
        if after is not None:
            last = await self._file(tenant, after)
            before = (last.created_at_ms, last.id)

        def look() -> list[StoredFile]:
            return self._store.files(tenant, purpose, before, limit + 1, oldest=is_oldest)

        return page_of([file_object(each) for each in await asked_of_store(look)], limit)

    async def _delete(
        self, path: FiledPath, tenant: str, headers: Headers, watched: Watched
    ) -> Answer:
        file = await self._file(tenant, path.name)
        if file.provider:
            asking = Asking("DELETE", f"/files/{file.upstream_id}")
            exchange = await aside(self._worker, path, file, asking, headers, watched)
            answer = await collected(exchange, course_of(self._worker, exchange, once=False))
            if answer.status >= 300 and answer.status != 404:
                return answer
        await asked_of_store(lambda: self._store.delete_file(tenant, file.id))
        return answer_of({"id": file.id, "object": "file", "deleted": True})

    async def _content(
        self, path: FiledPath, tenant: str, headers: Headers, watched: Watched, send: Send
    ) -> Answer | None:
        file = await self._file(tenant, path.name)
        if file.provider:
            asking = Asking("GET", f"/files/{file.upstream_id}/content")
            exchange = await aside(self._worker, path, file, asking, headers, watched)
            course = course_of(self._worker, exchange, once=False)
            await Call(course, watched, send).run()
            return None
        await send_kept(self._store, file, watched, send, b"application/jsonl")
        return None

    # batches

    async def _batch(self, tenant: str, name: str) -> StoredBatch:
        batch = await asked_of_store(lambda: self._store.batch(tenant, name))
        if batch is None or batch.dialect != "openai":
            raise NotFoundError("batch", name)
        return batch

    async def _batches(self, tenant: str, query: str) -> Json:
        asked = asked_in(query)
        limit = limit_of(asked.get("limit"), BATCHES_LISTED, 100)
        before = None
        if (after := asked.get("after")) is not None:
            last = await self._batch(tenant, after)
            before = (last.created_at_ms, last.id)
        found = await asked_of_store(
            lambda: self._store.batches(tenant, "openai", before, limit + 1)
        )
        return page_of([each.shown for each in found], limit)

    async def _cancel(
        self, path: FiledPath, tenant: str, headers: Headers, watched: Watched
    ) -> Answer:
        batch = await self._batch(tenant, path.name)
        done = await cancelled(self._worker, self._store, path, batch, headers, watched)
        if isinstance(done, Answer):
            return done
        return answer_of((await asked_of_store(lambda: self._looking.now(done))).shown)
