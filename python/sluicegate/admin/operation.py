"""The gateway's own configuration: what is in force, and reading it again."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from sluicegate import _core
from sluicegate.admin.desk import Desk
from sluicegate.admin.errors import BadConfigError, CannotReloadError
from sluicegate.admin.views import ConfigView, ReloadView
from sluicegate.config import ConfigError, Settings, load
from sluicegate.config.problems import dotted
from sluicegate.config.values import ByteSize, Secret
from sluicegate.plugins.registry import Plugins

_MASK: Final = "***"
_AT_START: Final = ("server", "data_dir", "store_url", "admin", "master_key")


class Operation:
    """The configuration."""

    def __init__(
        self, desk: Desk, reload: Callable[[], None] | None, counts: _core.Metrics | None = None
    ) -> None:
        """Args:
        reload: has all workers read the file again; None where there are none.
        counts: where a file that no worker was asked to read is counted.
        """
        self._desk = desk
        self._reload = reload
        self._counts = counts

    def reload(self) -> ReloadView:
        """Has the workers read the file again, if it is right. Requests that run keep what they
        began with.

        Raises:
            BadConfigError: with every mistake; what is in force stays.
        """
        if self._reload is None:
            raise CannotReloadError("no gateway runs here that could read its file again")
        before = self._desk.settings
        try:
            after = load(before.path)
        except ConfigError as error:
            if self._counts is not None:
                self._counts.reload(ok=False)
            raise BadConfigError(
                [
                    {"line": each.line, "field": dotted(each.path), "message": each.message}
                    for each in error.problems
                ]
            ) from None
        self._reload()
        return ReloadView(
            status="reloading",
            warnings=list(after.warnings),
            needs_restart=[
                name for name in _AT_START if getattr(before, name) != getattr(after, name)
            ],
        )

    def config(self) -> ConfigView:
        """What is in force, without secrets."""
        return ConfigView(config=config_of(self._desk.settings))


def config_of(settings: Settings) -> dict[str, Any]:
    """Settings as plain JSON values; secrets, and headers that may be some, are masked."""
    masked: dict[str, Any] = _masked(settings)
    return masked


def _masked(value: Any) -> Any:
    if isinstance(value, Secret):
        return _MASK
    if isinstance(value, Plugins):
        return [plugin._asdict() for plugin in value.listed]
    if is_dataclass(value) or isinstance(value, msgspec.Struct):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(name): _masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(_masked(item) for item in value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, ByteSize):
        return int(value)
    return str(value) if isinstance(value, Path) else value


def _fields(value: Any) -> dict[str, Any]:
    """What is not printed of a value is not shown either."""
    if isinstance(value, msgspec.Struct):
        return {name: _masked(getattr(value, name)) for name in value.__struct_fields__}
    shown = {field.name: getattr(value, field.name) for field in fields(value)}
    hidden = {field.name for field in fields(value) if not field.repr}
    return {
        name: _hidden(item) if name in hidden else _masked(item) for name, item in shown.items()
    }


def _hidden(value: Any) -> Any:
    """Of a mapping, or of pairs of names and values, the names."""
    if value is None or isinstance(value, Secret):
        return _masked(value)
    return dict.fromkeys(dict(value), _MASK)
