"""A configuration with its references resolved: what the rest of the gateway reads."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sluicegate.config.problems import Problem, suggestion
from sluicegate.config.schema import Config, Key, Model, Provider, Server, Target, Timeouts
from sluicegate.config.tree import Node
from sluicegate.providers import CATALOGUE, ProviderRow

BUILT_DIALECTS: Final = ("openai", "anthropic")
MIN_KEY_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Deadlines of one scope, seconds, all known."""

    connect_s: float = 5.0
    first_byte_s: float = 60.0
    idle_s: float = 60.0
    total_s: float = 600.0

    def narrowed(self, timeouts: Timeouts) -> "Deadlines":
        """These, but what a narrower scope sets."""
        given = {
            name: value
            for name in ("connect_s", "first_byte_s", "idle_s", "total_s")
            if (value := getattr(timeouts, name)) is not None
        }
        return replace(self, **given)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider, with what the catalogue knows of it."""

    name: str
    dialect: str
    base_url: str
    headers: tuple[tuple[str, str], ...]
    deadlines: Deadlines
    ask_usage: bool
    drain: bool
    drop_unsupported: bool
    quota_codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """One model at one provider."""

    provider: str
    model: str
    weight: int


@dataclass(frozen=True, slots=True)
class Route:
    """What stands behind a requested name."""

    strategy: str
    targets: tuple[RouteTarget, ...]
    timeouts: Timeouts
    failover_on: tuple[str, ...]
    drop_unsupported: bool | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration in force."""

    path: Path
    server: Server
    data_dir: Path
    upstreams: dict[str, Upstream]
    routes: dict[str, Route]
    keys: tuple[Key, ...]
    open: bool
    deadlines: Deadlines
    commit_after_s: float
    max_event_bytes: int
    max_answer_bytes: int
    default_max_output_tokens: int
    prices: dict[str, dict[str, int]]

    @property
    def journal_dir(self) -> Path:
        """Where attempts are recorded until the store has them."""
        return self.data_dir / "journal"

    @property
    def store_path(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "sluicegate.sqlite"


class Resolver:
    """Checks a configuration against itself and the catalogue."""

    def __init__(self, path: Path, root: Node, problems: list[Problem]) -> None:
        """Args: root: for the lines of what is wrong."""
        self._path = path
        self._root = root
        self._problems = problems

    def resolve(self, config: Config) -> Settings:
        """The settings; what is wrong is added to the problems."""
        self._refuse_unbuilt(config)
        self._check_auth(config)
        deadlines = Deadlines().narrowed(config.timeouts)
        upstreams = {
            name: upstream
            for name, provider in config.providers.items()
            if (upstream := self._upstream(name, provider, deadlines)) is not None
        }
        routes = {
            name: self._route(name, model, set(config.providers))
            for name, model in config.models.items()
        }
        self._check_keys(config.keys)
        return Settings(
            path=self._path,
            server=config.server,
            data_dir=(self._path.parent / config.data_dir).resolve(),
            upstreams=upstreams,
            routes=routes,
            keys=tuple(config.keys),
            open=config.auth == "none",
            deadlines=deadlines,
            commit_after_s=config.commit_after_s,
            max_event_bytes=config.max_event_bytes,
            max_answer_bytes=config.max_answer_bytes,
            default_max_output_tokens=config.default_max_output_tokens,
            prices=self._prices(config),
        )

    def fail(self, path: str, message: str) -> None:
        """Notes a problem at a field."""
        self._problems.append(Problem(self._line(path), path, message))

    def _line(self, path: str) -> int:
        node, line = self._root, self._root.line
        for part in path.replace("[", ".").replace("]", "").split("."):
            if isinstance(node.value, dict) and part in node.value:
                line = node.key_lines.get(part, line)
                node = node.value[part]
            elif isinstance(node.value, list) and part.isdigit() and int(part) < len(node.value):
                node = node.value[int(part)]
                line = node.line or line
            else:
                break
        return line

    def _refuse_unbuilt(self, config: Config) -> None:
        """Names what is in the format and not in this version: accepting it would be a promise not
        kept.
        """
        unbuilt = "is not available in this version; remove it"
        if config.store != "sqlite":
            self.fail("store", f"{unbuilt} (only sqlite is)")
        if config.shared_state != "local":
            self.fail("shared_state", f"{unbuilt} (only local is)")
        if config.cache.exact.enabled:
            self.fail("cache.exact.enabled", unbuilt)
        if config.cache.semantic.enabled:
            self.fail("cache.semantic.enabled", unbuilt)
        for index, key in enumerate(config.keys):
            for field in ("budget_usd", "budget_period", "tpm", "rpm", "max_parallel"):
                if getattr(key, field) is not None:
                    self.fail(f"keys[{index}].{field}", unbuilt)

    def _prices(self, config: Config) -> dict[str, dict[str, int]]:
        """Pico-dollars for each token, from USD per million: six places are exact, more would be
        rounded.
        """
        built: dict[str, dict[str, int]] = {}
        for name, price in config.prices.items():
            path = f"prices.{name}"
            provider, slash, _ = name.partition("/")
            if not slash or provider not in config.providers:
                hint = suggestion(provider, config.providers)
                self.fail(
                    path,
                    f'no provider "{provider}" is configured{hint}: name it provider/model',
                )
            cache_write = price.input if price.cache_write is None else price.cache_write
            classes = {
                "input": price.input,
                "output": price.output,
                "cached_input": price.input if price.cached_input is None else price.cached_input,
                "cache_write": cache_write,
                "cache_write_1h": cache_write
                if price.cache_write_1h is None
                else price.cache_write_1h,
            }
            built[name] = {}
            for field, usd in classes.items():
                pico = usd * 10**6
                if pico != int(pico) or pico >= 2**63:
                    self.fail(
                        f"{path}.{field}", "has more than six decimal places, or is too large"
                    )
                built[name][field] = int(pico)
        return built

    def _check_auth(self, config: Config) -> None:
        if config.auth == "none" and not is_loopback(config.server.host):
            self.fail(
                "auth", f"none is allowed on loopback only, and server.host is {config.server.host}"
            )
        if config.admin_key is not None and not _is_good_key(config.admin_key.reveal()):
            self.fail("admin_key", f"must have {MIN_KEY_CHARACTERS} or more printable characters")

    def _check_keys(self, keys: Iterable[Key]) -> None:
        names: set[str] = set()
        values: set[str] = set()
        for index, key in enumerate(keys):
            if key.name in names:
                self.fail(f"keys[{index}].name", f'"{key.name}" stands twice')
            names.add(key.name)
            if not _is_good_key(key.key.reveal()):
                self.fail(
                    f"keys[{index}].key",
                    f"must have {MIN_KEY_CHARACTERS} or more printable characters",
                )
            elif key.key.reveal() in values:
                self.fail(f"keys[{index}].key", "is another key's too")
            values.add(key.key.reveal())

    def _upstream(self, name: str, provider: Provider, deadlines: Deadlines) -> Upstream | None:
        path = f"providers.{name}"
        row = CATALOGUE.get(name)
        if "/" in name:
            self.fail(path, "a provider's name has no slash")
        dialect = provider.dialect or (row.dialect if row else None)
        base_url = provider.base_url or (row.base_url if row else None)
        if dialect is None or base_url is None:
            hint = suggestion(name, CATALOGUE)
            self.fail(path, f"is not in the catalogue{hint}: give it `dialect` and `base_url`")
            return None
        if dialect not in BUILT_DIALECTS:
            self.fail(f"{path}.dialect", f"{dialect} is not available in this version")
            return None
        if not base_url.startswith(("http://", "https://")):
            self.fail(f"{path}.base_url", "must begin with http:// or https://")
            return None
        if provider.api_key is None and (row is None or row.needs_key):
            self.fail(f"{path}.api_key", "is missing; `none` for a host that wants no key")
        key = provider.api_key.reveal() if provider.api_key else "none"
        return Upstream(
            name=name,
            dialect=dialect,
            base_url=base_url,
            headers=(*_credential(row, dialect, key), *provider.headers.items()),
            deadlines=deadlines.narrowed(provider.timeouts),
            ask_usage=(provider.stream_usage or (row.stream_usage if row else "ask")) == "ask",
            drain=provider.on_disconnect == "drain",
            drop_unsupported=provider.unsupported == "drop",
            quota_codes=row.quota_codes if row else frozenset({"insufficient_quota"}),
        )

    def _route(self, name: str, model: Model, providers: set[str]) -> Route:
        path = f"models.{name}"
        targets = []
        for index, item in enumerate(model.targets):
            target = item if isinstance(item, Target) else Target(model=item)
            provider, slash, upstream_model = target.model.partition("/")
            if not slash or not upstream_model:
                self.fail(f"{path}.targets[{index}]", f'"{target.model}" is not provider/model')
            elif provider not in providers:
                hint = suggestion(provider, providers)
                self.fail(
                    f"{path}.targets[{index}]", f'no provider "{provider}" is configured{hint}'
                )
            targets.append(RouteTarget(provider, upstream_model, target.weight))
        if model.strategy == "weighted" and not any(target.weight for target in targets):
            self.fail(f"{path}.targets", "all weights are 0, so none could be drawn")
        drops = None if model.unsupported is None else model.unsupported == "drop"
        return Route(
            model.strategy, tuple(targets), model.timeouts, tuple(model.failover_on), drops
        )


def _credential(row: ProviderRow | None, dialect: str, key: str) -> list[tuple[str, str]]:
    if key == "none":
        return []
    style = row.auth if row else ("x-api-key" if dialect == "anthropic" else "bearer")
    return [("authorization", f"Bearer {key}")] if style == "bearer" else [(style, key)]


def _is_good_key(text: str) -> bool:
    return len(text) >= MIN_KEY_CHARACTERS and text.isprintable() and text.isascii()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
