"""Those who give credentials out, scripted on loopback: AWS's STS and metadata, Azure's Entra."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..upstream.connection import Connection
from ..upstream.exchange import Exchange
from ..upstream.framing import head
from ..upstream.loopback import LoopbackServer

Answer = tuple[int, str, bytes]


@dataclass(slots=True)
class Given:
    """The set of keys that was given out last, by number."""

    number: int = 0
    lives_s: float = 3600.0

    @property
    def key(self) -> str:
        return f"ASIA{self.number:012d}"

    @property
    def secret(self) -> str:
        return f"desk-secret-{self.number:04d}-of-the-role"

    @property
    def token(self) -> str:
        return f"desk-session-{self.number:04d}-of-the-role"

    @property
    def expiration(self) -> str:
        end = datetime.now(UTC) + timedelta(seconds=self.lives_s)
        return end.strftime("%Y-%m-%dT%H:%M:%SZ")

    def document(self, **more: str) -> bytes:
        """As metadata endpoints write it."""
        fields = {"AccessKeyId": self.key, "SecretAccessKey": self.secret, "Token": self.token}
        return json.dumps(fields | {"Expiration": self.expiration} | more).encode()


class Desk(LoopbackServer):
    """Answers `method path` by a script; what is not in it is 404."""

    def __init__(self) -> None:
        super().__init__()
        self.script: dict[str, Callable[[Exchange], Answer]] = {}
        self.given = Given()
        self.slow_s = 0.0
        self.seen: list[Exchange] = []

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """What the script says of the path."""
        self.seen.append(exchange)
        if self.slow_s:
            await connection.pause(self.slow_s)
        path = exchange.path.partition("?")[0]
        found = self.script.get(f"{exchange.method} {path}")
        status, kind, body = found(exchange) if found else (404, "text/plain", b"nothing here")
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        await connection.send(head(status, "Scripted", headers) + body)
        exchange.finished = time.monotonic()

    def next(self) -> Given:
        """Another set of keys."""
        self.given.number += 1
        return self.given

    # what can be in a script

    def role(self, action: str, check: Callable[[dict[str, str]], bool]) -> None:
        """STS gives a role to whoever passes the check."""

        def sts(exchange: Exchange) -> Answer:
            asked = {name: values[0] for name, values in parse_qs(exchange.body.decode()).items()}
            if asked.get("Action") != action or not check(asked):
                return 403, "text/xml", _refused(asked.get("WebIdentityToken", ""))
            given = self.next()
            return 200, "text/xml", _role(action, given)

        self.script["POST /"] = sts

    def container(self, path: str, authorization: str) -> None:
        """The credentials endpoint of ECS and EKS."""

        def credentials(exchange: Exchange) -> Answer:
            if exchange.header("authorization") != (authorization or None):
                return 401, "application/json", b'{"message":"who?"}'
            return 200, "application/json", self.next().document()

        self.script[f"GET {path}"] = credentials

    def instance(self, role: str = "my-role") -> None:
        """The second version of an instance's metadata service; the first is refused."""
        roles = "/latest/meta-data/iam/security-credentials/"

        def token(exchange: Exchange) -> Answer:
            has_life = exchange.header("x-aws-ec2-metadata-token-ttl-seconds") is not None
            return (200, "text/plain", b"imds-token") if has_life else (400, "text/plain", b"")

        def guarded(body: Callable[[], bytes]) -> Callable[[Exchange], Answer]:
            def answer(exchange: Exchange) -> Answer:
                if exchange.header("x-aws-ec2-metadata-token") != "imds-token":
                    return 401, "text/plain", b""
                return 200, "text/plain", body()

            return answer

        self.script["PUT /latest/api/token"] = token
        self.script[f"GET {roles}"] = guarded(role.encode)
        self.script[f"GET {roles}{role}"] = guarded(lambda: self.next().document(Code="Success"))

    def sso(self, token: str, account: str = "111122223333", role: str = "Models") -> None:
        """IAM Identity Center's portal, which gives a role for a sign-in's token."""

        def credentials(exchange: Exchange) -> Answer:
            if exchange.header("x-amz-sso_bearer_token") != token:
                told = {"message": "Session token not found or invalid"}
                return 401, "application/json", json.dumps(told).encode()
            asked = {
                name: values[0] for name, values in parse_qs(urlsplit(exchange.path).query).items()
            }
            if asked != {"account_id": account, "role_name": role}:
                told = {"message": f"No access for {token}"}
                return 403, "application/json", json.dumps(told).encode()
            given = self.next()
            fields = {"accessKeyId": given.key, "secretAccessKey": given.secret}
            fields |= {"sessionToken": given.token}
            end_ms = int((time.time() + given.lives_s) * 1000)
            body = {"roleCredentials": {**fields, "expiration": end_ms}}
            return 200, "application/json", json.dumps(body).encode()

        self.script["GET /federation/credentials"] = credentials

    def sign_in(self, refresh: str, token: str, **more: Any) -> None:
        """IAM Identity Center's OIDC service, which renews a sign-in once."""
        left = [refresh]

        def renewed(exchange: Exchange) -> Answer:
            asked = json.loads(exchange.body)
            wanted = {"clientId", "clientSecret", "grantType", "refreshToken"}
            if set(asked) != wanted or asked["refreshToken"] not in left:
                told = {"error": "invalid_grant", "error_description": asked["refreshToken"]}
                return 400, "application/json", json.dumps(told).encode()
            left.remove(asked["refreshToken"])
            body = {"accessToken": token, "expiresIn": 3600, "tokenType": "Bearer", **more}
            return 200, "application/json", json.dumps(body).encode()

        self.script["POST /token"] = renewed

    def entra(self, tenant: str, check: Callable[[dict[str, str]], bool]) -> None:
        """Entra's token endpoint for applications."""

        def token(exchange: Exchange) -> Answer:
            asked = {name: values[0] for name, values in parse_qs(exchange.body.decode()).items()}
            if not check(asked):
                told = {"error": "invalid_client", "error_description": "AADSTS7000215: no.\r\nx"}
                told["error_description"] += str(asked.get("client_secret"))
                return 401, "application/json", json.dumps(told).encode()
            return self._token(expires_in=int(self.given.lives_s))

        self.script[f"POST /{tenant}/oauth2/v2.0/token"] = token

    def managed(self, path: str, header: tuple[str, str]) -> None:
        """A managed identity's endpoint, which wants a header."""

        def token(exchange: Exchange) -> Answer:
            if exchange.header(header[0]) != header[1]:
                return 400, "application/json", b'{"error":"invalid_request"}'
            return self._token(expires_on=str(int(time.time() + self.given.lives_s)))

        self.script[f"GET {path}"] = token

    def _token(self, **more: Any) -> Answer:
        given = self.next()
        body = {"token_type": "Bearer", "access_token": given.token, **more}
        return 200, "application/json", json.dumps(body).encode()


def _role(action: str, given: Given) -> bytes:
    return (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
        f"<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{given.key}</AccessKeyId>"
        f"<SecretAccessKey>{given.secret}</SecretAccessKey>"
        f"<SessionToken>{given.token}</SessionToken><Expiration>{given.expiration}</Expiration>"
        f"</Credentials></{action}Result></{action}Response>"
    ).encode()


def _refused(token: str) -> bytes:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender'
        f"</Type><Code>AccessDenied</Code><Message>Not for {token}</Message></Error>"
        "</ErrorResponse>"
    ).encode()
