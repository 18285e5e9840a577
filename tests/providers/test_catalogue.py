"""Every host of the catalogue: a row that is enough to reach it."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sluicegate.config import ConfigError, load
from sluicegate.config.settings import is_loopback
from sluicegate.config.upstreams import wrong_with_url
from sluicegate.providers import CATALOGUE

#: names that OpenTelemetry's registry has for hosts that we have
REGISTRY = {"anthropic", "openai", "groq", "mistral_ai", "deepseek", "x_ai", "moonshot_ai"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_name_and_a_key_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    row = CATALOGUE[name]
    local = not row.needs_key
    assert re.fullmatch(r"[a-z0-9_]+", name)
    assert not wrong_with_url(row.base_url)
    url = urlsplit(row.base_url)
    assert (url.scheme, is_loopback(str(url.hostname))) == (
        ("http", True) if local else ("https", False)
    )
    assert row.docs.startswith("https://")
    assert bool(row.api_key_env) != local
    assert row.auth in {"bearer", "x-api-key", "x-goog-api-key"}
    key = "" if local else 'api_key: "${KEY}"'
    monkeypatch.setenv("KEY", "sk-test")
    path = tmp_path / "c.yaml"
    path.write_text(f"providers: {{{name}: {{{key}}}}}\nmodels: {{m: {{targets: [{name}/x]}}}}")
    upstream = load(path).upstreams[name]
    assert upstream.base_url == row.base_url
    is_bearer = row.auth == "bearer"
    sent = ("authorization", "Bearer sk-test") if is_bearer else (row.auth, "sk-test")
    assert upstream.headers == (() if local else (sent,))
    assert upstream.quota_codes == row.quota_codes
    assert upstream.host == (row.extensions, row.lacks)
    assert row.dialect == "openai" or not (row.extensions or row.lacks)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_base_url_leads_to_a_versioned_path(name: str) -> None:
    """The core appends `/v1` to a bare host and takes any other path as it is: a host whose API
    has no version at all cannot be a row.
    """
    path = urlsplit(CATALOGUE[name].base_url).path
    assert path in {"", "/inference"} or re.search(r"/v\d", path)


@pytest.mark.parametrize("name", ["openai", "groq", "mistral_ai", "cerebras"])
def test_strict_hosts_get_no_extensions(name: str) -> None:
    assert CATALOGUE[name].extensions == frozenset()


def test_registry_names_are_used() -> None:
    assert set(CATALOGUE) >= REGISTRY


def test_no_two_rows_are_one_host() -> None:
    hosts = [(row.base_url, row.dialect) for row in CATALOGUE.values()]
    assert len(set(hosts)) == len(hosts)
    variables = [row.api_key_env for row in CATALOGUE.values() if row.api_key_env]
    assert len(set(variables)) == len(variables)


@pytest.mark.parametrize(
    ("provider", "is_beside"),
    [
        ("x_ai: {api_key: none}", True),
        ("x_ai: {api_key: none, reasoning_beside_output: false}", False),
        ("openai: {api_key: none}", False),
        ("p: {dialect: openai, base_url: http://h, api_key: none}", False),
        (
            "p: {dialect: openai, base_url: http://h, api_key: none, reasoning_beside_output: true}",
            True,
        ),
    ],
)
def test_how_a_host_counts_is_its_rows_or_the_files_word(
    tmp_path: Path, provider: str, is_beside: bool
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"providers: {{{provider}}}")
    [upstream] = load(path).upstreams.values()
    assert upstream.reasoning_beside_output is is_beside


OPENAI = "dialect: openai, base_url: https://api.openai.com/v1, api_key: none"
NOBODY = "dialect: openai, base_url: http://h, api_key: none"


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ("openai: {api_key: none}", "max_completion_tokens"),
        (f"another_name: {{{OPENAI}}}", "max_completion_tokens"),
        ("mistral_ai: {api_key: none}", "max_tokens"),
        ("openai: {api_key: none, lacks: [max_completion_tokens]}", "max_tokens"),
        (f"p: {{{NOBODY}}}", "max_tokens"),
        (f"p: {{{NOBODY}, lacks: []}}", "max_completion_tokens"),
        ("anthropic: {api_key: none}", "max_tokens"),
        ("p: {dialect: openai, base_url: 'http://[', api_key: none}", None),
    ],
)
def test_the_field_of_a_bound_is_its_rows_or_the_files_word(
    tmp_path: Path, provider: str, field: str | None
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"providers: {{{provider}}}")
    if field is None:
        with pytest.raises(ConfigError, match="is not a URL"):
            load(path)
    else:
        [upstream] = load(path).upstreams.values()
        assert upstream.bound_field == field


def test_a_public_host_is_known_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "providers: {sonar: {dialect: openai, base_url: https://API.deepseek.com, api_key: none}, "
        "mine: {dialect: openai, base_url: 'http://127.0.0.1:8000/v1', api_key: none}}"
    )
    upstreams = load(path).upstreams
    row = CATALOGUE["deepseek"]
    assert upstreams["sonar"].host == (row.extensions, row.lacks)
    assert upstreams["mine"].host == (frozenset(), frozenset()), "what listens there is not known"
