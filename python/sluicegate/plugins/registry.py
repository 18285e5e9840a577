"""Finds the plugins that are installed, and makes sure of each before anything is served.

What a plugin raises may quote anything, so no message repeats it: it says which kind of error it
was, and where it was raised.
"""

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from sluicegate.plugins.dialect import PluginDialect
from sluicegate.plugins.hooks import AfterResponse, BeforeRequest, OnEvent
from sluicegate.providers.rows import ProviderRow

HOOKS: Final = "sluicegate.hooks"
DIALECTS: Final = "sluicegate.dialects"
PROVIDERS: Final = "sluicegate.providers"
GROUPS: Final = (HOOKS, DIALECTS, PROVIDERS)

_DIALECT_METHODS: Final = ("encode_request", "stream_decoder", "decode_response", "decode_error")
_HOOK_METHODS: Final = ("before_request", "on_event", "after_response")

Fail = Callable[[str], None]


class Hook(NamedTuple):
    """A hook, made."""

    name: str
    made: Any

    @property
    def methods(self) -> tuple[str, ...]:
        """What it has of the protocol."""
        return tuple(name for name in _HOOK_METHODS if callable(getattr(self.made, name, None)))


class Listed(NamedTuple):
    """A plugin, for people."""

    name: str
    group: str
    package: str
    gives: str


class Plugins(NamedTuple):
    """All that are installed and not disabled, in the order of their names."""

    hooks: tuple[Hook, ...] = ()
    dialects: Mapping[str, PluginDialect] = {}
    rows: Mapping[str, ProviderRow] = {}
    listed: tuple[Listed, ...] = ()

    @property
    def before(self) -> tuple[tuple[str, BeforeRequest], ...]:
        """Those that are asked before a request."""
        return tuple((h.name, h.made) for h in self.hooks if isinstance(h.made, BeforeRequest))

    @property
    def watchers(self) -> tuple[Hook, ...]:
        """Those that watch."""
        return tuple(h for h in self.hooks if isinstance(h.made, OnEvent | AfterResponse))

    @property
    def watches(self) -> bool | None:
        """Whether any is shown events; None where none watches."""
        watchers = self.watchers
        return any(isinstance(h.made, OnEvent) for h in watchers) if watchers else None


class _NoPluginError(Exception):
    """A plugin that cannot be used; the message is for people."""


def find(
    disabled: Collection[str], settings: Mapping[str, Mapping[str, str]], fail: Fail
) -> Plugins:
    """The plugins of this environment. Imports them.

    Args:
        disabled: names of those that are as if they were not there.
        settings: what hooks are made with, by their names.
        fail: is told what is wrong, a sentence for each.
    """
    hooks: list[Hook] = []
    dialects: dict[str, PluginDialect] = {}
    rows: dict[str, ProviderRow] = {}
    listed: list[Listed] = []
    names: set[str] = set()
    for entry in _installed(fail):
        names.add(entry.name)
        if entry.name in disabled:
            continue
        try:
            gives = _take(entry, settings, hooks, dialects, rows)
        except _NoPluginError as error:
            fail(f"{_named(entry)}: {error}")
        else:
            listed.append(Listed(entry.name, entry.group, _package(entry), gives))
    for name in sorted({*disabled, *settings} - names):
        fail(f'no plugin "{name}" is installed')
    return Plugins(tuple(hooks), dialects, rows, tuple(listed))


def _installed(fail: Fail) -> Iterator[EntryPoint]:
    installed = entry_points()  # reads what every package says of itself: once, not for each group
    for group in GROUPS:
        found: dict[str, EntryPoint] = {}
        for entry in sorted(installed.select(group=group), key=lambda each: each.name):
            other = found.setdefault(entry.name, entry)
            if other is entry:
                yield entry
            elif (other.value, _package(other)) != (entry.value, _package(entry)):
                fail(f"{_named(entry)}: {_package(other)} has one of that name too; remove one")


def _take(
    entry: EntryPoint,
    settings: Mapping[str, Mapping[str, str]],
    hooks: list[Hook],
    dialects: dict[str, PluginDialect],
    rows: dict[str, ProviderRow],
) -> str:
    found = _tried("cannot be imported", entry.load)
    if entry.group == PROVIDERS:
        new = _rows(_tried("cannot be made", found) if callable(found) else found)
        if taken := sorted(new.keys() & rows.keys()):
            raise _NoPluginError(f"another plugin has the provider {taken[0]!r} too")
        rows.update(new)
        return ", ".join(new)
    if not callable(found):
        raise _NoPluginError("is neither a class nor a function")
    if entry.group == DIALECTS:
        made = _tried("cannot be made", found)
        _demand(made, _DIALECT_METHODS)
        dialects[entry.name] = made
        return "a dialect"
    given = settings.get(entry.name, {})
    hook = Hook(entry.name, _tried("cannot be made", lambda: found(given)))
    if not hook.methods:
        raise _NoPluginError(f"has none of {', '.join(_HOOK_METHODS)}")
    hooks.append(hook)
    return ", ".join(hook.methods)


def _rows(given: Any) -> dict[str, ProviderRow]:
    try:
        return msgspec.convert(given, dict[str, ProviderRow])
    except msgspec.ValidationError as error:
        raise _NoPluginError(f"its rows are wrong: {error}") from None


def _demand(made: Any, methods: tuple[str, ...]) -> None:
    lacks = [name for name in methods if not callable(getattr(made, name, None))]
    if lacks:
        raise _NoPluginError(f"lacks {', '.join(lacks)}")


def _tried(what: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ModuleNotFoundError as error:
        raise _NoPluginError(f"{what}: there is no module {error.name!r}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin may raise anything
        raise _NoPluginError(f"{what}: {told(error)}") from None


def told(error: BaseException) -> str:
    """What a plugin raised, without its words."""
    places = traceback.extract_tb(error.__traceback__)
    at = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return f"{type(error).__name__}{at}"


def _named(entry: EntryPoint) -> str:
    return f'"{entry.name}" of {_package(entry)}'


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"
