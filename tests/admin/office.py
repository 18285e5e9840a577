"""The admin API under test, in this process, on a store of its own.

office = Office(folder)
answer = await office.ask("POST", "/keys", {"name": "ci"})
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from sluicegate.admin.mount import Mounted
from sluicegate.admin.service import Service
from sluicegate.config import Settings, load
from sluicegate.store import Store
from sluicegate.watch import Patience, Watch

from ..store.rows import row

ROOT = "root-key-of-the-test-0123456789"
CONFIG = """\
data_dir: data
admin_key: {root}
providers: {{u: {{dialect: openai, base_url: "http://127.0.0.1:9/v1", api_key: upstream-secret-1}}}}
models: {{smart: {{targets: [u/x]}}}}
keys: [{{name: configured, key: configured-key-0123456789, rpm: 60}}]
limits: [{{name: all, requests: 1000, per: second}}]
{more}
"""


class Office:
    """One admin API."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.path = folder / "sluicegate.yaml"
        self.path.write_text(CONFIG.format(root=ROOT, more=more))
        self.path.chmod(0o600)
        self.settings: Settings = load(self.path)
        self.reloads = 0
        self.app = Mounted(lambda: self.settings, Watch(Patience()), self._reload)
        self.service: Service = self.app._api._service
        self.store: Store = self.service.store

    def _reload(self) -> None:
        self.reloads += 1
        self.settings = load(self.path)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = ROOT,
        headers: dict[str, str] | None = None,
        peer: str = "127.0.0.1",
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request; `body` as JSON where there is one."""
        sent = {"authorization": f"Bearer {key}"} if key is not None else {}
        if body is not None:
            content = json.dumps(body).encode()
        if content is not None or method in {"POST", "PATCH"}:
            sent["content-type"] = "application/json"
        transport = httpx.ASGITransport(app=self.app, client=(peer, 1))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(
                method, f"/admin/v1{path}", content=content, headers={**sent, **(headers or {})}
            )

    async def given(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer's content; it must be a good one."""
        answer = await self.ask(method, path, body, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def admin(self, name: str, role: str, **fields: Any) -> str:
        """The secret of a new key with a role."""
        made = await self.given("POST", "/keys", {"name": name, "role": role, **fields})
        return str(made["key"])

    def spent(self, number: int, **fields: Any) -> None:
        """A row of the ledger."""
        self.store.write([row(number, basis="reported", outcome="ok", **fields)])

    def written(self, number: int, **fields: Any) -> None:
        """A row of the ledger with nothing but these."""
        self.store.write([row(number, **fields)])

    def close(self) -> None:
        self.app.close()


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]
