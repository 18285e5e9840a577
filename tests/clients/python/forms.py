"""The form of structured answers, as a class; for clients that have pydantic."""

from typing import Literal

import pydantic


class Where(pydantic.BaseModel):
    lat: float
    lon: float


class Place(pydantic.BaseModel):
    city: str
    kind: Literal["town", "village"]
    days: int
    tags: list[str]
    where: Where
