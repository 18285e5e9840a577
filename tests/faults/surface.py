"""All that a gateway serves, walked from its own tables, and clients that come from many places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from sluicegate.routes import FILED_ROUTES, GENERATION, MODEL_ROUTES, STORED_ROUTES

from ..gateway import Gateway

#: wrong credentials that one address may show in a minute
TRIES = 10
_PLACES = count(2)


class Door(NamedTuple):
    """One method on one path, and a body that it would take."""

    method: str
    path: str
    body: Any
    dialect: str

    @property
    def is_admin(self) -> bool:
        """Whether it is the administrators'."""
        return self.dialect == "admin"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


#: by provider, the path of its own that a passed request goes to
OWN = {
    "u": "v1/chat/completions",
    "a": "v1/messages",
    "r": "v1/responses",
    "g": "v1beta/models/{model}:generateContent",
}


#: where an operation's text stands
_FIELD = {
    "embeddings": "input",
    "image_generation": "prompt",
    "moderation": "input",
    "rerank": "query",
    "speech": "input",
    "transcription": "prompt",
}

#: a path of ours with the same body, by provider
_HOMES = {
    "/v1/chat/completions": "u",
    "/v1/messages": "a",
    "/v1/responses": "r",
    "/v1beta/models/{model}:generateContent": "g",
}


def _passes(path: str) -> bool:
    return MODEL_ROUTES[path].operation == "passthrough"


def model_path(path: str, model: str) -> str:
    """A path of the table, with the model in it where it names one."""
    if _passes(path):
        provider, _, name = model.partition("/")
        own = OWN.get(provider, OWN["u"]).replace("{model}", quote(name, safe=""))
        return path.replace("{provider}/{path}", f"{quote(provider, safe='')}/{own}")
    return path.replace("{model}", quote(model, safe=""))


def _gemini_body(path: str, text: str) -> dict[str, Any]:
    content = {"role": "user", "parts": [{"text": text}]}
    if path.endswith(":batchEmbedContents"):
        return {"requests": [{"model": "models/x", "content": content}]}
    if path.endswith(":embedContent"):
        return {"content": content}
    if path.endswith(":countTokens"):
        return {"contents": [content]}
    return {"contents": [content], "generationConfig": {"maxOutputTokens": 20}}


def model_body(path: str, model: str, text: str = "one two three") -> dict[str, Any]:
    """A right request to a path that leads to a model."""
    operation = MODEL_ROUTES[path].operation
    if _passes(path):
        provider, _, name = model.partition("/")
        own = next((own for own, at in _HOMES.items() if at == provider), "/v1/chat/completions")
        return model_body(own, name, text)
    if MODEL_ROUTES[path].dialect == "gemini":
        return _gemini_body(path, text)
    if operation in _FIELD:
        beside = {"documents": [""]} if operation == "rerank" else {}
        return {"model": model, _FIELD[operation]: text, **beside}
    if operation == "text_completion":
        return {"model": model, "prompt": text, "max_tokens": 20}
    if MODEL_ROUTES[path].dialect == "openai_responses":
        return {"model": model, "input": text, "max_output_tokens": 20}
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    if MODEL_ROUTES[path].operation == "chat":
        body["max_tokens"] = 20
    return body


def model_doors(model: str) -> list[Door]:
    """Every path that leads to a model."""
    return [
        Door("POST", model_path(path, model), model_body(path, model), route.dialect)
        for path, route in MODEL_ROUTES.items()
    ]


def stored_doors() -> list[Door]:
    """All that is asked about a response that is there already; there is none of this id."""
    return [
        Door(method, path.replace("{id}", "resp_x"), None, "openai_responses")
        for path, methods in STORED_ROUTES.items()
        for method in methods
    ]


def filed_doors() -> list[Door]:
    """All that is asked about files and batches; there is none of this id."""
    return [
        Door(method, path.replace("{id}", "x"), None, "openai")
        for path, methods in FILED_ROUTES.items()
        for method in methods
    ]


def admin_doors(gateway: Gateway) -> list[Door]:
    """Every operation of the document that the admin API gives of itself, and the document."""
    document = gateway.admin("GET", "/admin/v1/openapi.json").json()
    doors = [Door("GET", "/admin/v1/openapi.json", None, "admin")]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = {} if "requestBody" in operation else None
            doors.append(Door(method.upper(), re.sub(r"{\w+}", "x", path), body, "admin"))
    return doors


def all_doors(gateway: Gateway, model: str) -> list[Door]:
    """All that asks for a credential."""
    own = [Door("GET", path, None, "openai") for path in ("/v1/models", f"{GENERATION}?id=x")]
    asked = [*model_doors(model), *stored_doors(), *filed_doors(), *own]
    return [*asked, *admin_doors(gateway)]


def code_of(error: dict[str, Any]) -> str:
    """Our code in an error; Google's shape has it in the details."""
    details = error.get("details")
    return str(details[0]["reason"] if details else error["code"])


def new_place() -> str:
    """An address of this machine that no other client has."""
    place = next(_PLACES)
    return f"127.0.{place // 250}.{2 + place % 250}"


@contextmanager
def elsewhere(gateway: Gateway) -> Iterator[httpx.Client]:
    """A client from an address of its own: who fails ten times from one is not heard any more."""
    transport = httpx.HTTPTransport(local_address=new_place())
    with httpx.Client(base_url=gateway.url, transport=transport, timeout=10) as client:
        yield client


def knock(client: httpx.Client, door: Door, headers: dict[str, str]) -> httpx.Response:
    """One request to a door."""
    given = {} if door.body is None else {"json": door.body}
    return client.request(door.method, door.path, headers=headers, **given)
