"""The catalogue's file, read line by line: nothing of it stays in memory.

Cost: 5 ms for all of it; some microseconds for a provider's part that nobody asks for.
"""

from collections.abc import Collection, Iterator, Mapping
from importlib.resources import files
from typing import IO, Any

import msgspec

from sluicegate.models.clause import Clause, matches


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one provider; what is None or empty is not known.

    Args:
        id: the name that its facts stand under; others may match it too.
        match: which names are its.
        context: tokens of question and answer.
        output: most tokens of an answer.
        sees, gives: modalities beside text.
        can: `tools`, `reasoning`, `schema`, `cache`, `search`.
        does: another operation than chat.
        ends: the day from which it is not served, as YYYY-MM-DD.
    """

    id: str
    match: Clause
    name: str = ""
    context: int | None = None
    output: int | None = None
    sees: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    can: tuple[str, ...] | None = None
    does: str = "chat"
    ends: str | None = None
    deprecated: bool = False


class _Head(msgspec.Struct, frozen=True):
    provider: str
    models: int
    fallback: tuple[str, ...] = ()


_HEADS = msgspec.json.Decoder(_Head)
_LINES = msgspec.json.Decoder(ModelFacts)


def version() -> str:
    """Which data it was built from, and when."""
    with _opened() as file:
        first: dict[str, Any] = msgspec.json.decode(file.readline())
    return str(first["version"])


def listed(providers: Collection[str] | None = None) -> Iterator[tuple[str, ModelFacts]]:
    """Models with the price book's names of their providers; of all where none is said."""
    for head, lines in _sections():
        if providers is None or head.provider in providers:
            yield from ((head.provider, _LINES.decode(line)) for line in lines)


def facts_of(wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], ModelFacts]:
    """Facts by the price book's name of the provider and the model's name there.

    Where a host is known to serve the models of others, what theirs say holds for it as well.
    """
    found = _found({key: [key] for key in wanted})
    fallbacks = {head.provider: head.fallback for head, _ in _sections()}
    missing: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for key in set(wanted) - found.keys():
        for other in fallbacks.get(key[0], ()):
            missing.setdefault((other, key[1]), []).append(key)
    return {**_found(missing), **found} if missing else found


def _found(
    keys: Mapping[tuple[str, str], list[tuple[str, str]]],
) -> dict[tuple[str, str], ModelFacts]:
    """Facts of the first model that matches, under each key that a name stands for."""
    open_names: dict[str, set[str]] = {}
    for provider, model in keys:
        open_names.setdefault(provider, set()).add(model)
    found: dict[tuple[str, str], ModelFacts] = {}
    for provider, facts in listed(open_names):
        names = open_names[provider]
        for name in [name for name in names if matches(facts.match, name.lower())]:
            found.update(dict.fromkeys(keys[provider, name], facts))
            names.remove(name)
    return found


def _opened() -> IO[bytes]:
    return files(__package__).joinpath("catalogue.jsonl").open("rb")


def _sections() -> Iterator[tuple[_Head, list[bytes]]]:
    with _opened() as file:
        file.readline()
        while line := file.readline():
            head = _HEADS.decode(line)
            yield head, [file.readline() for _ in range(head.models)]
