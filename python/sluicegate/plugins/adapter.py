"""Speaks a plugin's dialect for the core: a server on loopback, to which the core speaks OpenAI's.

A plugin's code runs in threads of its own here, beside the core and not inside it: whatever it
does, the core's own deadlines, limits and counts hold, and a request that the core gives up closes
the host's connection. The price is one more connection on loopback, a new one to the host, and
Python for each event; `docs/plugins.md` has the figures.
"""

import hmac
import logging
import secrets
import select
import threading
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import msgspec

from sluicegate import _core
from sluicegate.config.settings import Settings, Upstream
from sluicegate.conversation import Conversation
from sluicegate.dialects import DIALECTS
from sluicegate.errors import GatewayError
from sluicegate.plugins.chat import Chunks, whole
from sluicegate.plugins.dialect import Outgoing, PluginDialect
from sluicegate.plugins.registry import told

log = logging.getLogger("sluicegate")

LOOPBACK: Final = "127.0.0.1"
READ_BYTES: Final = 32 * 1024
LOOK_EVERY_S: Final = 0.1
"""How soon a client that left is noticed while the host is silent."""
CHAT: Final = "openai"


class _Host(NamedTuple):
    """A provider that speaks a plugin's dialect."""

    upstream: Upstream
    dialect: PluginDialect

    def headers(self, number: int) -> tuple[tuple[str, str], ...]:
        """Credential and fixed headers, of one of its keys."""
        keys = self.upstream.keys
        if not keys:
            return self.upstream.headers
        fixed = self.upstream.headers[len(keys[0].headers) :]
        key = keys[number] if number < len(keys) else keys[0]  # there were more of them
        return (*key.headers, *fixed)


class Adapter:
    """The plugins' dialects of one worker. Listens only where a provider speaks one."""

    def __init__(self) -> None:
        """Nothing listens yet."""
        self._token = secrets.token_urlsafe(32)
        self._hosts: Mapping[str, _Host] = {}
        self._default_max_tokens = 0
        self._max_answer_bytes = 0
        self._server: _Server | None = None

    def applied(self, settings: Settings) -> Settings:
        """The settings with this server in place of hosts that speak a plugin's dialect."""
        dialects = settings.plugins.dialects
        hosts = {
            name: _Host(upstream, dialects[upstream.plugin_dialect])
            for name, upstream in settings.upstreams.items()
            if upstream.plugin_dialect is not None
        }
        if not hosts:
            return settings
        # Requests that run may still ask for a host that the file has no more.
        self._hosts = {**self._hosts, **hosts}
        self._default_max_tokens = settings.default_max_output_tokens
        self._max_answer_bytes = int(settings.max_answer_bytes)
        if self._server is None:
            self._server = _Server(self)
            name = "sluicegate-adapter"
            threading.Thread(target=self._server.serve_forever, name=name, daemon=True).start()
        port = self._server.server_address[1]
        beside = {name: self._beside(host.upstream, port) for name, host in hosts.items()}
        return replace(settings, upstreams={**settings.upstreams, **beside})

    def _beside(self, upstream: Upstream, port: int) -> Upstream:
        keys = tuple(
            replace(key, headers=(self._credential(number),))
            for number, key in enumerate(upstream.keys)
        )
        return replace(
            upstream,
            base_url=f"http://{LOOPBACK}:{port}/{quote(upstream.name, safe='')}/v1",
            headers=(self._credential(0),),
            keys=keys,
            price_provider=upstream.price_provider or upstream.name,
            address="dialect",
            query="",
            signer=None,
        )

    def _credential(self, number: int) -> tuple[str, str]:
        return ("authorization", f"Bearer {self._token}.{number}")

    def close(self) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def host_of(self, path: str, authorization: str) -> tuple[_Host, int] | None:
        """Whom a request is for, and with which key; None where it is not the core's."""
        token, _, number = authorization.removeprefix("Bearer ").rpartition(".")
        name, _, rest = path.removeprefix("/").partition("/")
        host = self._hosts.get(unquote(name))
        is_ours = hmac.compare_digest(token.encode(), self._token.encode())
        if not is_ours or host is None or rest != "v1/chat/completions":
            return None
        return host, int(number)

    @property
    def bounds(self) -> tuple[int, int]:
        """Tokens for dialects that demand a bound; bytes of an answer that is no stream."""
        return self._default_max_tokens, self._max_answer_bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        super().__init__((LOOPBACK, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: what a plugin raised was told, and a core that left is no error."""


class _Handler(BaseHTTPRequestHandler):
    """The core's requests over one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """One request."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        found = self.server.adapter.host_of(self.path, self.headers.get("authorization") or "")
        if found is None:
            self._refuse(404, "a plugin's dialect has conversations alone", "unsupported_field")
            return
        host, number = found
        asked = msgspec.json.decode(body)
        stream = bool(asked.get("stream"))
        try:
            outgoing = self._encoded(host, body, asked["model"], stream=stream)
        except GatewayError as error:
            self._refuse(400, str(error), error.code, error.param)
            return
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            self.log_error("plugin dialect %s: %s", host.upstream.plugin_dialect, told(error))
            self._refuse(500, "the plugin of this provider's dialect failed", "plugin_failed")
            return
        self._relay(host, host.headers(number), outgoing, asked["model"], stream=stream)

    def _encoded(self, host: _Host, body: bytes, model: str, *, stream: bool) -> Outgoing:
        conversation: Conversation = DIALECTS[CHAT].decode_request(body)
        bound, _ = self.server.adapter.bounds
        outgoing = host.dialect.encode_request(
            conversation, model=model, stream=stream, max_output_tokens=bound
        )
        if not isinstance(outgoing, Outgoing):
            raise TypeError
        return outgoing

    def _relay(
        self,
        host: _Host,
        headers: tuple[tuple[str, str], ...],
        outgoing: Outgoing,
        model: str,
        *,
        stream: bool,
    ) -> None:
        connection = _connection(host.upstream)
        try:
            connection.connect()
            with _Presence(self.connection, connection):
                path = f"{urlsplit(host.upstream.base_url).path.rstrip('/')}{outgoing.path}"
                sent = {"content-type": "application/json", **outgoing.headers, **dict(headers)}
                connection.request(outgoing.method, path, outgoing.body, sent)
                answer = connection.getresponse()
                if answer.status // 100 != 2:
                    self._failed(host, headers, answer)
                elif stream:
                    self._stream(host, answer, model)
                else:
                    self._whole(host, answer, model)
        except (OSError, HTTPException):
            # The core knows what to do about a connection that breaks.
            self.close_connection = True
        finally:
            connection.close()

    def _failed(
        self, host: _Host, headers: tuple[tuple[str, str], ...], answer: HTTPResponse
    ) -> None:
        body = answer.read(READ_BYTES)
        try:
            said = host.dialect.decode_error(answer.status, body)
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            self.log_error("plugin dialect %s: %s", host.upstream.plugin_dialect, told(error))
            said = None
        message = _core.unquoted(str(said or ""), list(headers))
        wait = answer.getheader("retry-after")
        self._refuse(answer.status, message, "upstream_error", retry_after=wait)

    def _whole(self, host: _Host, answer: HTTPResponse, model: str) -> None:
        _, most = self.server.adapter.bounds
        body = answer.read(most + 1)
        try:
            if len(body) > most:
                raise ValueError("the answer is too large")
            made = whole(host.dialect.decode_response(body), model)
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            self.log_error("plugin dialect %s: %s", host.upstream.plugin_dialect, told(error))
            self._refuse(502, "the plugin of this provider's dialect failed", "plugin_failed")
            return
        self._send(200, made)

    def _stream(self, host: _Host, answer: HTTPResponse, model: str) -> None:
        self.send_response_only(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        chunks = Chunks(model)
        try:
            decoder = host.dialect.stream_decoder()
            while data := answer.read1(READ_BYTES):
                self._chunk(chunks.of(decoder.feed(data)))
            self._chunk(chunks.of(decoder.finish()))
        except (OSError, HTTPException):
            raise
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            self.log_error("plugin dialect %s: %s", host.upstream.plugin_dialect, told(error))
            self._chunk(chunks.failed("the plugin of this provider's dialect failed"))
        if not chunks.is_whole:
            self.close_connection = True  # cut off, and the core sees that
            return
        self._chunk(chunks.end())
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _refuse(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        retry_after: str | None = None,
    ) -> None:
        error = {"message": message, "type": "upstream_error", "code": code, "param": param}
        self._send(status, msgspec.json.encode({"error": error}), retry_after)

    def _send(self, status: int, body: bytes, retry_after: str | None = None) -> None:
        self.send_response_only(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if retry_after is not None:
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
        """To the gateway's log."""
        log.error(format, *args)


class _Presence:
    """Breaks the host's connection when the core lets go of its own."""

    def __init__(self, core: Any, connection: HTTPConnection) -> None:
        self._core = core
        self._host = connection.sock
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.is_set():
            ready, _, _ = select.select([self._core], [], [], LOOK_EVERY_S)
            if ready and not self._is_over.is_set():
                # The core asks one thing at a time: whatever comes now is its leaving.
                _shut(self._host)
                return


def _shut(sock: Any) -> None:
    try:
        sock.shutdown(2)
    except OSError:
        return


def _connection(upstream: Upstream) -> HTTPConnection:
    url = urlsplit(upstream.base_url)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    return kind(url.hostname or "", url.port, timeout=upstream.deadlines.total_s)
