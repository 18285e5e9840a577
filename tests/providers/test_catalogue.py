"""Every host of the catalogue: a row that is enough to reach it."""

import csv
import re
import string
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sluicegate.config import ConfigError, Settings, load
from sluicegate.config.base_url import wrong_with_url
from sluicegate.config.settings import is_loopback
from sluicegate.providers import ALIASES, CATALOGUE, OWN, ProviderRow, row_named

#: names that OpenTelemetry's registry has for hosts that we have
REGISTRY = {
    "anthropic",
    "aws.bedrock",
    "azure.ai.inference",
    "azure.ai.openai",
    "cohere",
    "deepseek",
    "gcp.gemini",
    "gcp.vertex_ai",
    "groq",
    "ibm.watsonx.ai",
    "mistral_ai",
    "moonshot_ai",
    "openai",
    "perplexity",
    "x_ai",
}
#: names by which users of other gateways know hosts
KNOWN_ELSEWHERE = [
    "azure",
    "azure_ai",
    "bedrock",
    "bedrock_mantle",
    "cloudflare",
    "fireworks",
    "gemini",
    "github",
    "google",
    "lambda_ai",
    "lmstudio",
    "mistral",
    "moonshot",
    "nvidia_nim",
    "oracle",
    "perplexity_ai",
    "sagemaker",
    "snowflake",
    "together",
    "vercel_ai_gateway",
    "vertex_ai",
    "voyage",
    "watsonx",
    "xai",
    "zai",
    "zhipu",
]
TRAFFIC = Path(__file__).parents[2].parent / "shared/corpora/provider_traffic/manifest.csv"
#: whom the recorded traffic calls otherwise; what listens at `localhost` has no row to find
RECORDED_AS = {"vertex": "gcp.vertex_ai", "local_openai_compatible": "vllm"}

NAMES = list(CATALOGUE)


def sample(row: ProviderRow) -> dict[str, str]:
    """Settings that a row's URL can be filled with."""
    return {name: f"my-{name.replace('_', '-')}" for name in row.settings}


def filled(row: ProviderRow) -> str:
    """A row's URL, filled with them."""
    return row.base_url.format(**sample(row))


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_whole(name: str) -> None:
    row = CATALOGUE[name]
    local = not row.needs_key
    assert re.fullmatch(r"[a-z0-9_.]+", name)
    assert not wrong_with_url(filled(row))
    url = urlsplit(filled(row))
    assert (url.scheme, is_loopback(str(url.hostname))) == (
        ("http", True) if local else ("https", False)
    )
    assert row.docs.startswith("https://")
    if row.data is not None:
        assert row.data.docs.startswith("https://")
        assert date.fromisoformat(row.data.as_of) > date(2026, 1, 1)
        assert (row.data.kept_days == 0) == (row.data.zero_retention == "default")
    assert bool(row.api_key_env) != local
    assert local or re.fullmatch(r"[A-Z][A-Z0-9_]{3,}", row.api_key_env)
    assert row.auth == "bearer" or re.fullmatch(r"[a-z-]+( Bearer)?", row.auth)
    placeholders = {field for _, field, _, _ in string.Formatter().parse(row.base_url) if field}
    assert placeholders == set(row.settings)
    assert all(re.fullmatch(r"[A-Z`].*[.A-Za-z0-9/`)]", quirk) for quirk in row.quirks)
    beside = (row.extensions, row.lacks, row.responses, row.completions, row.realtime)
    assert row.dialect == "openai" or not any(beside)
    assert not (row.unversioned and url.path.strip("/"))


SPOKEN = [name for name, row in CATALOGUE.items() if row.dialect != OWN]


@pytest.fixture(scope="module")
def settings(module_path: Path) -> Settings:
    """All hosts at once, each with a name, a key, and what its URL has places for."""
    providers, models = [], []
    for name in SPOKEN:
        row = CATALOGUE[name]
        key = 'api_key: "${KEY}", ' if row.needs_key else ""
        given = ", ".join(f"{setting}: {value}" for setting, value in sample(row).items())
        providers.append(f'  "{name}": {{{key}settings: {{{given}}}}}')
        models.append(f"  \"of-{name}\": {{targets: ['{name}/x']}}")
    path = module_path / "c.yaml"
    path.write_text("\n".join(["providers:", *providers, "models:", *models]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEY", "sk-test")
        return load(path)


@pytest.mark.parametrize("name", SPOKEN)
def test_a_name_and_a_key_are_enough(settings: Settings, name: str) -> None:
    row = CATALOGUE[name]
    upstream = settings.upstreams[name]
    assert upstream.base_url == filled(row)
    header, _, word = ("authorization Bearer" if row.auth == "bearer" else row.auth).partition(" ")
    keyed = ((header, f"{word} sk-test".strip()),)
    assert upstream.headers == (keyed if row.needs_key else ())
    assert upstream.quota_codes == row.quota_codes
    assert upstream.host == (row.extensions, row.lacks)
    assert upstream.price_provider == (row.price_provider or name)
    assert upstream.unversioned == row.unversioned


@pytest.mark.parametrize("name", [n for n in NAMES if CATALOGUE[n].dialect == OWN])
def test_a_host_that_cannot_be_spoken_to_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / "c.yaml"
    row = CATALOGUE[name]
    settings = ", ".join(f"{setting}: {value}" for setting, value in sample(row).items())
    path.write_text(f'providers: {{"{name}": {{api_key: none, settings: {{{settings}}}}}}}')
    with pytest.raises(ConfigError, match="an API of its own"):
        load(path)


def test_there_are_many() -> None:
    """Hosts, not rows: some speak two dialects."""
    assert len({urlsplit(row.base_url).netloc for row in CATALOGUE.values()}) >= 140
    assert len(CATALOGUE) >= 190


@pytest.mark.parametrize("name", NAMES)
def test_a_base_url_leads_to_a_path(name: str) -> None:
    """The core appends `/v1` to a bare host and takes any other path as it is: a bare host is one
    of a dialect that knows its version, or says that it has none.
    """
    row = CATALOGUE[name]
    path = urlsplit(row.base_url).path
    assert not path.endswith("/")
    assert path or row.unversioned or row.dialect not in {"openai", "openai_responses", "anthropic"}


@pytest.mark.parametrize("name", ["openai", "groq", "mistral_ai", "cerebras"])
def test_strict_hosts_get_no_extensions(name: str) -> None:
    assert CATALOGUE[name].extensions == frozenset()


def test_registry_names_are_used() -> None:
    assert set(CATALOGUE) >= REGISTRY


def test_no_two_rows_are_one_host() -> None:
    public = [row for row in CATALOGUE.values() if row.needs_key]
    hosts = Counter((row.base_url, row.dialect) for row in public)
    assert max(hosts.values()) == 1


def test_an_alias_means_one_host() -> None:
    aliases = [alias for row in CATALOGUE.values() for alias in row.aliases]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & set(CATALOGUE)
    assert set(KNOWN_ELSEWHERE) <= {*aliases, *CATALOGUE}


@pytest.mark.parametrize("alias", ["mistral", "xai", "together", "gemini"])
def test_an_alias_is_as_good_as_the_name(tmp_path: Path, alias: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"providers: {{{alias}: {{api_key: none}}}}")
    upstream = load(path).upstreams[alias]
    row = CATALOGUE[ALIASES[alias]]
    assert (upstream.name, upstream.base_url) == (alias, row.base_url)
    assert upstream.price_provider == row.price_provider


@pytest.mark.skipif(not TRAFFIC.exists(), reason="the recorded traffic is not here")
def test_every_host_of_the_recorded_traffic_has_a_row() -> None:
    with TRAFFIC.open() as file:
        recorded = {row["provider"] for row in csv.DictReader(file)} - {"local_proxy"}
    assert len(recorded) > 30
    assert not [name for name in recorded if row_named(RECORDED_AS.get(name, name)) is None]


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ("azure: {api_key: k}", "providers.azure.settings.resource: is missing: the resource's"),
        ("databricks: {api_key: k, settings: {}}", "settings.workspace: is missing: the workspace"),
        ("gcp.vertex_ai: {api_key: k, settings: {project: p}}", "location: is missing: the region"),
        (
            "azure: {api_key: k, settings: {resource: r, resorce: r}}",
            'settings.resorce: is not asked for (did you mean "resource"?)',
        ),
        ("openai: {api_key: k, settings: {region: r}}", "settings.region: is not asked for"),
        ("azure: {api_key: k, settings: {resource: 'a/b'}}", "settings.resource: may have letters"),
        ("azure: {api_key: k, settings: {resource: 'a.b@c'}}", "settings.resource: may have"),
        ("azure: {api_key: k, settings: {resource: ..}}", "settings.resource: may have letters"),
        (
            "azure: {api_key: k, base_url: 'https://h/v1', settings: {resource: r}}",
            "settings.resource: is not asked for",
        ),
        ("mistrall: {api_key: k}", 'is not in the catalogue (did you mean "mistral"?)'),
    ],
)
def test_what_a_url_lacks_is_named(tmp_path: Path, provider: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"providers: {{{provider}}}")
    with pytest.raises(ConfigError) as wrong:
        load(path)
    assert len(wrong.value.problems) == 1
    assert message in str(wrong.value)


def test_a_pattern_is_not_filled_where_the_file_has_a_url(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("providers: {azure: {api_key: k, base_url: 'https://proxy.example/v1'}}")
    upstream = load(path).upstreams["azure"]
    assert upstream.base_url == "https://proxy.example/v1"
    assert upstream.headers == (("api-key", "k"),)


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


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://API.deepseek.com", "deepseek"),
        ("https://mine.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("https://api.mistral.ai/v1", "mistral_ai"),
        ("http://127.0.0.1:8000/v1", None),
        ("https://a.b.openai.azure.com/openai/v1", None),
    ],
)
def test_a_public_host_is_known_whatever_it_is_called(
    tmp_path: Path, url: str, name: str | None
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"providers: {{mine: {{dialect: openai, base_url: '{url}', api_key: none}}}}")
    upstream = load(path).upstreams["mine"]
    row = CATALOGUE[name] if name else None
    known = (row.extensions, row.lacks) if row else (frozenset(), frozenset())
    assert upstream.host == known


def test_the_page_is_what_the_rows_say() -> None:
    root = Path(__file__).parents[2]
    written = (root / "docs" / "providers.md").read_text(encoding="utf-8")
    made = subprocess.run(
        [sys.executable, "-c", "import build_provider_page as b; print(b.table(), end='')"],
        cwd=root / "tools",
        capture_output=True,
        text=True,
        check=True,
    )
    assert written.endswith(made.stdout), "run tools/build_provider_page.py"
