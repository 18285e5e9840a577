"""Checks a configuration against itself and the catalogue, and gives the settings."""

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path as File
from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.accounting.keys import MIN_MASTER_CHARACTERS
from sluicegate.config.aws import BEARER_VARIABLE, is_left_to_instance
from sluicegate.config.build import MISSING
from sluicegate.config.cache import CacheRules
from sluicegate.config.caching import cache_warnings, checked_cache
from sluicegate.config.credentials import NO_KEY, can_be_sent
from sluicegate.config.limits import checked_limits
from sluicegate.config.node import Node
from sluicegate.config.prices import checked_percents, checked_prices
from sluicegate.config.problems import Path, Problem, suggestion
from sluicegate.config.schema import SQLITE, Config, Key, Model, Target
from sluicegate.config.settings import (
    Deadlines,
    Route,
    RouteTarget,
    Settings,
    Upstream,
    is_loopback,
)
from sluicegate.config.shared_state import LOCAL, problem_of_url
from sluicegate.config.sources import AwsSource
from sluicegate.config.upstreams import BUILT_DIALECTS, MARKED, upstream_of
from sluicegate.config.values import Secret
from sluicegate.plugins.registry import Plugins, find
from sluicegate.providers import OWN, add_rows
from sluicegate.routes import MODEL_ROUTES, unknown_routes

MIN_KEY_CHARACTERS: Final = 16
_POSTGRES: Final = ("postgresql://", "postgres://")
OWN_KEYS_UNFIT: Final = "has no key that a tenant could have its own of"


class Resolver:
    """One configuration's references."""

    def __init__(self, file: File, root: Node, problems: list[Problem]) -> None:
        """Args: root: for the lines of what is wrong. problems: found so far; more are added."""
        self._file = file
        self._root = root
        self._problems = problems
        self._warnings: list[str] = []

    def resolve(self, config: Config, *, has_inline_secrets: bool = False) -> Settings:
        """The settings; good for nothing where there are problems."""
        self._check_auth(config)
        deadlines = Deadlines().narrowed(config.timeouts)
        plugins = self._plugins(config)
        self._check_rows(plugins)
        upstreams = {}
        for name, provider in config.providers.items():
            fail = self._fail_in("providers", name)
            upstream = upstream_of(name, provider, deadlines, fail, tuple(plugins.dialects))
            if upstream is not None:
                upstreams[name] = upstream
        declared = self._declared("providers")
        cache, caches = checked_cache(config, declared, self.fail)
        routes = {
            name: self._route(name, model, caches[name]) for name, model in config.models.items()
        }
        self._check_prompt_caches(routes, upstreams)
        self._check_keys(config.keys)
        self._check_own_keys(config, upstreams)
        limits = checked_limits(config, self.fail)
        self._check_store(config)
        self._check_shared_state(config)
        self._check_events(config)
        self._warnings += cache_warnings(cache, caches)
        self._warn(config, has_inline_secrets=has_inline_secrets)
        self._warn_of_instances(upstreams.values())
        return Settings(
            path=self._file,
            server=config.server,
            data_dir=(self._file.parent / config.data_dir).resolve(),
            upstreams=upstreams,
            routes=routes,
            keys=tuple(config.keys),
            limits=tuple(limits),
            store_url=None if config.store == SQLITE else Secret(config.store),
            stale_keys_s=config.stale_keys_s,
            shared_state_url=None if config.shared_state == LOCAL else Secret(config.shared_state),
            admin_key=config.admin_key,
            admin=config.admin,
            master_key=config.master_key,
            events=config.events,
            runs=config.runs,
            responses=config.responses,
            batches=config.batches,
            cache=cache,
            open=config.auth == "none",
            deadlines=deadlines,
            commit_after_s=config.commit_after_s,
            max_event_bytes=config.max_event_bytes,
            max_answer_bytes=config.max_answer_bytes,
            default_max_output_tokens=config.default_max_output_tokens,
            reserve=config.reserve,
            prices=checked_prices(config, declared, self.fail),
            discount_percent=checked_percents(
                "discount_percent", config.discount_percent, declared, self.fail
            ),
            margin_percent=checked_percents(
                "margin_percent", config.margin_percent, declared, self.fail
            ),
            refuse_unpriced=config.unpriced == "refuse",
            own_keys=tuple(config.provider_keys),
            plugins=plugins,
            plugin_timeout_s=config.plugins.timeout_s,
            plugin_failure=config.plugins.on_failure,
            warnings=tuple(self._warnings),
        )

    def fail(self, path: Path, message: str) -> None:
        """Notes a problem at a field, unless one there or below is noted: it would only follow
        from that one.
        """
        if not any(problem.path[: len(path)] == path for problem in self._problems):
            self._problems.append(Problem(self._line(path), path, message))

    def _add(self, path: Path, message: str) -> None:
        """Notes one of several problems at one field."""
        self._problems.append(Problem(self._line(path), path, message))

    def _plugins(self, config: Config) -> Plugins:
        of = config.plugins
        revealed = {
            plugin: {name: value.reveal() for name, value in settings.items()}
            for plugin, settings in of.settings.items()
        }
        return find(of.disabled, revealed, lambda wrong: self._add(("plugins",), wrong))

    def _check_rows(self, plugins: Plugins) -> None:
        """Adds the providers of plugins to the catalogue."""
        for name, row in plugins.rows.items():
            if row.dialect not in {*BUILT_DIALECTS, *plugins.dialects}:
                wrong = f'provider "{name}" of a plugin: there is no dialect "{row.dialect}"'
                self._add(("plugins",), wrong)
        for name in add_rows(plugins.rows):
            wrong = f'provider "{name}" of a plugin: the catalogue has one of that name'
            self._add(("plugins",), wrong)
        for name in plugins.dialects:
            if name in {*BUILT_DIALECTS, *OWN}:
                wrong = f'dialect "{name}" of a plugin: the gateway has one of that name'
                self._add(("plugins",), wrong)

    def _fail_in(self, *path: str) -> Callable[..., None]:
        def fail(*below_and_message: str) -> None:
            *below, message = below_and_message
            self.fail((*path, *below), message)

        return fail

    def _line(self, path: Path) -> int:
        node, line = self._root, self._root.line
        for part in path:
            children: Any = node.value
            if isinstance(children, dict) and part in children:
                line = node.key_lines.get(str(part), line)
            elif not isinstance(children, list):
                break
            node = children[part]
            line = line if isinstance(children, dict) else node.line or line
        return line

    def _declared(self, section: str) -> dict[str, Node]:
        """Names of a section, those with mistakes too: naming one of them is no second mistake."""
        node = self._root.value.get(section)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def _check_events(self, config: Config) -> None:
        """A URL may hold a credential: no message repeats it."""
        if config.events is None:
            return
        try:
            url = urlsplit(config.events.webhook_url.reveal())
            good = url.scheme in {"http", "https"} and bool(url.hostname)
        except ValueError:
            good = False
        if not good:
            self.fail(("events", "webhook_url"), "must be http://host/... or https://host/...")

    def _check_shared_state(self, config: Config) -> None:
        if config.shared_state == LOCAL:
            return
        wrong = problem_of_url(config.shared_state)
        if wrong is not None:
            self.fail(("shared_state",), wrong)
        elif config.store == SQLITE:
            self._warnings.append(
                "shared_state is a server that several hosts share, but store is sqlite: each host "
                "knows only its own ledger and its own keys; use PostgreSQL where there is more "
                "than one host"
            )

    def _check_store(self, config: Config) -> None:
        """A URL may hold a password: no message repeats it."""
        if config.master_key is not None and len(config.master_key) < MIN_MASTER_CHARACTERS:
            self.fail(("master_key",), f"must have {MIN_MASTER_CHARACTERS} or more characters")
        if config.store == SQLITE:
            return
        if not config.store.startswith(_POSTGRES):
            self.fail(("store",), "must be sqlite or postgresql://user@host/database")
        elif find_spec("psycopg") is None:
            self.fail(("store",), 'needs a driver: pip install "sluicegate[postgres]"')

    def _check_auth(self, config: Config) -> None:
        host = config.server.host
        if config.auth == "none" and not is_loopback(host):
            self.fail(("auth",), f"none is allowed on loopback only, and server.host is {host}")
        if config.admin_key is not None and not is_good_key(config.admin_key.reveal()):
            self.fail(("admin_key",), _KEY_RULE)
        elif config.admin_key is not None:
            for index, key in enumerate(config.keys):
                if key is not MISSING and key.key.reveal() == config.admin_key.reveal():
                    told = (
                        f"is the key of keys[{index}] too: who asks for models must not administer"
                    )
                    self.fail(("admin_key",), told)

    def _check_keys(self, keys: list[Key]) -> None:
        names: set[str] = set()
        texts: set[str] = set()
        for index, key in enumerate(keys):
            if key is MISSING:
                continue
            if key.name in names:
                self.fail(("keys", index, "name"), f'"{key.name}" stands twice')
            names.add(key.name)
            text = key.key.reveal()
            if not is_good_key(text):
                self.fail(("keys", index, "key"), _KEY_RULE)
            elif text in texts:
                self.fail(("keys", index, "key"), "is another key's too")
            texts.add(text)
            self._check_grants(index, key)

    def _check_grants(self, index: int, key: Key) -> None:
        providers = self._declared("providers")
        for at, name in enumerate(key.providers or ()):
            if name not in providers:
                path = ("keys", index, "providers", at)
                hint = suggestion(name, providers)
                self.fail(path, f'no provider "{name}" is configured{hint}')
        for at, name in unknown_routes(key.routes or ()):
            hint = suggestion(name, MODEL_ROUTES)
            self.fail(("keys", index, "routes", at), f'"{name}" is no route{hint}')

    def _check_own_keys(self, config: Config, upstreams: dict[str, Upstream]) -> None:
        providers = self._declared("providers")
        seen: set[tuple[str, ...]] = set()
        for index, own in enumerate(config.provider_keys):
            if own is MISSING:
                continue
            path = ("provider_keys", index)
            if own.provider not in providers:
                hint = suggestion(own.provider, providers)
                self.fail((*path, "provider"), f'no provider "{own.provider}" is configured{hint}')
            elif own.provider in upstreams and not upstreams[own.provider].takes_own_keys:
                self.fail((*path, "provider"), OWN_KEYS_UNFIT)
            if bool(own.key) == bool(own.team or own.organisation):
                self.fail(path, "is a key's, or a team's or an organisation's: say whose")
            if not can_be_sent(own.api_key.reveal()) or own.api_key.reveal() == NO_KEY:
                self.fail((*path, "api_key"), "is not a key that a header can carry")
            whose = (own.provider, *own.owner)
            if whose in seen:
                self.fail(path, "stands twice: one credential for each provider")
            seen.add(whose)

    def _route(self, name: str, model: Model, cache: CacheRules) -> Route:
        targets = []
        providers = self._declared("providers")
        for index, item in enumerate(model.targets):
            if item is MISSING:
                continue
            target = item if isinstance(item, Target) else Target(model=item)
            provider, slash, upstream_model = target.model.partition("/")
            path = ("models", name, "targets", index)
            if not slash or not upstream_model:
                self.fail(path, f'"{target.model}" is not provider/model')
            elif provider not in providers:
                hint = suggestion(provider, providers)
                self.fail(path, f'no provider "{provider}" is configured{hint}')
            targets.append(RouteTarget(provider, upstream_model, target.weight))
        if model.strategy == "weighted" and targets and not any(t.weight for t in targets):
            self.fail(("models", name, "targets"), "all weights are 0, so none could be drawn")
        drops = None if model.unsupported is None else model.unsupported == "drop"
        marks = None if model.prompt_cache is None else model.prompt_cache == "auto"
        return Route(
            model.strategy,
            tuple(targets),
            model.timeouts,
            tuple(model.failover_on),
            drops,
            cache,
            marks,
        )

    def _check_prompt_caches(
        self, routes: Mapping[str, Route], upstreams: Mapping[str, Upstream]
    ) -> None:
        for name, route in routes.items():
            providers = {target.provider for target in route.targets}
            dialects = {upstreams[name].dialect for name in providers & upstreams.keys()}
            if route.prompt_cache and dialects and dialects.isdisjoint(MARKED):
                self.fail(
                    ("models", name, "prompt_cache"),
                    "is for hosts that speak anthropic or bedrock, which none of its targets does",
                )

    def _warn(self, config: Config, *, has_inline_secrets: bool) -> None:
        if not config.providers:
            self._warnings.append("providers: there is none, so nothing can be answered")
        if not config.keys and config.auth == "keys":
            self._warnings.append("keys: there is none, so every request is answered 401")
        for key in config.keys:
            for name in (key.models or ()) if key is not MISSING else ():
                if not self._leads_somewhere(name):
                    hint = suggestion(name, config.models)
                    self._warnings.append(
                        f'keys: {key.name} may ask for no model by "{name}"{hint}'
                    )
        if has_inline_secrets and self._is_readable_by_others():
            self._warnings.append(
                f"it has secrets in it and others can read it: chmod 600 {self._file}"
            )

    def _warn_of_instances(self, upstreams: Iterable[Upstream]) -> None:
        for upstream in upstreams:
            source = upstream.source
            if isinstance(source, AwsSource) and is_left_to_instance(source, os.environ):
                self._warnings.append(
                    f"providers.{upstream.name}: no key, role or profile of AWS's is set up here, "
                    f"so that only an instance's own role is left; else set AWS_ACCESS_KEY_ID, or "
                    f"{BEARER_VARIABLE}"
                )

    def _leads_somewhere(self, name: str) -> bool:
        provider, slash, _ = name.partition("/")
        return name in self._declared("models") or (
            bool(slash) and provider in self._declared("providers")
        )

    def _is_readable_by_others(self) -> bool:
        try:
            return bool(self._file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
        except OSError:
            return False


_KEY_RULE: Final = f"must have {MIN_KEY_CHARACTERS} or more printable characters"


def is_good_key(text: str) -> bool:
    """Whether a text can be a key of the gateway; it travels in a header."""
    return len(text) >= MIN_KEY_CHARACTERS and text.isprintable() and text.isascii()
