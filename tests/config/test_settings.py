"""What a good configuration says."""

from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.config import Settings, load
from sluicegate.config.prices import price_texts
from sluicegate.config.schema import ModelPrice
from sluicegate.config.settings import Deadlines, is_loopback
from sluicegate.config.values import ByteSize, Secret

from .cases import KEY, U

SAMPLE = """\
server:  {host: 127.0.0.1, port: 4000, workers: 1}
data_dir: ./data
store: sqlite
shared_state: local
admin_key: ${SLUICEGATE_ADMIN_KEY}

providers:
  openai:    {api_key: "${OPENAI_API_KEY}"}
  anthropic: {api_key: "${ANTHROPIC_API_KEY}"}
  local:     {dialect: openai, base_url: http://127.0.0.1:8000/v1, api_key: none}

models:
  smart: {strategy: fallback, targets: [anthropic/claude-opus-5, openai/gpt-5.5]}
  cheap:
    strategy: weighted
    targets: [{model: openai/gpt-5-mini, weight: 3}, {model: local/llama, weight: 1}]

prices:
  local/*: {input: 1.0, output: 2.0, cached_input: 0.5, cache_write: 1.25}

cache:
  exact:    {enabled: false, ttl_s: 3600, max_bytes: 256MiB}
  semantic: {enabled: false, embedder: ngram, threshold: auto, shadow: false}

timeouts: {connect_s: 5, first_byte_s: 60, idle_s: 60, total_s: 600}
commit_after_s: 15

keys:
  - {name: ci, key: "${CI_KEY}", team: core, models: [smart, cheap]}
"""


def read(folder: Path, text: str, name: str = "c.yaml") -> Settings:
    """The settings of a text."""
    path = folder / name
    path.write_text(dedent(text))
    path.chmod(0o600)
    return load(path)


@pytest.fixture
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLUICEGATE_ADMIN_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "CI_KEY"):
        monkeypatch.setenv(name, f"sk-{name.lower()}-0123456789")


@pytest.mark.usefixtures("_secrets")
def test_the_documented_sample_loads(tmp_path: Path) -> None:
    settings = read(tmp_path, SAMPLE)
    assert settings.warnings == ()
    assert settings.data_dir == tmp_path / "data"
    assert list(settings.upstreams) == ["openai", "anthropic", "local"]
    assert settings.upstreams["openai"].headers == (
        ("authorization", "Bearer sk-openai_api_key-0123456789"),
    )
    assert settings.upstreams["anthropic"].headers == (
        ("x-api-key", "sk-anthropic_api_key-0123456789"),
    )
    assert settings.upstreams["local"].headers == ()
    assert [(t.provider, t.model, t.weight) for t in settings.routes["cheap"].targets] == [
        ("openai", "gpt-5-mini", 3),
        ("local", "llama", 1),
    ]
    assert settings.prices["local/*"] == {
        "input_mtok": "1",
        "output_mtok": "2",
        "cache_read_mtok": "0.5",
        "cache_write_mtok": "1.25",
    }
    [key] = settings.keys
    assert (key.name, key.team, key.models) == ("ci", "core", ["smart", "cheap"])


def test_an_empty_file_has_the_documented_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path, "")
    server = settings.server
    assert (server.host, server.port, server.workers) == ("127.0.0.1", 4000, 1)
    assert (server.max_body_bytes, server.body_timeout_s, server.drain_s) == (32 << 20, 30, 30)
    assert settings.deadlines == Deadlines(5, 60, 60, 600)
    assert settings.commit_after_s == 15
    assert settings.default_max_output_tokens == 4096
    assert not settings.open
    assert len(settings.warnings) == 2  # no provider, no key


def test_toml_says_the_same_as_yaml(tmp_path: Path) -> None:
    text = f"""\
        [providers.u]
        dialect = "openai"
        base_url = "http://127.0.0.1:9/v1"
        api_key = "none"
        [models.m]
        targets = ["u/x", {{model = "u/y", weight = 2}}]
        [[keys]]
        name = "a"
        key = "{KEY}"
        """
    yaml = (
        U
        + "models: {m: {targets: [u/x, {model: u/y, weight: 2}]}}\n"
        + (f"keys: [{{name: a, key: {KEY}}}]")
    )
    one, other = read(tmp_path, text, "c.toml"), read(tmp_path, yaml)
    assert (one.upstreams, one.routes, one.keys) == (other.upstreams, other.routes, other.keys)


@pytest.mark.parametrize(
    "key",
    ["01234567012345670123", "12345678901234567890", "0x1234567890abcdef", "1_000_000_000_000_0"],
)
def test_a_text_that_looks_like_a_number_stays_as_it_is_written(tmp_path: Path, key: str) -> None:
    settings = read(tmp_path, U + f"keys: [{{name: 007, key: {key}, team: no, user: 1.10}}]")
    [got] = settings.keys
    assert (got.key.reveal(), got.name, got.team, got.user) == (key, "007", "no", "1.10")


def test_names_may_be_words_that_yaml_knows(tmp_path: Path) -> None:
    settings = read(tmp_path, U + "models: {no: {targets: [u/x]}, 5.0: {targets: [u/x]}}")
    assert list(settings.routes) == ["no", "5.0"]


def test_an_anchor_is_merged_and_may_be_overridden(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        U + "timeouts: &t {idle_s: 3, total_s: 4}\n"
        "models: {m: {targets: [u/x], timeouts: {<<: *t, idle_s: 5}}}",
    )
    timeouts = settings.routes["m"].timeouts
    assert (timeouts.idle_s, timeouts.total_s) == (5, 4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${NAME}", "abc"),
        ("x${NAME}y", "xabcy"),
        ("$${NAME}", "${NAME}"),
        ("$NAME", "$NAME"),
        ("${OTHER}", "${NAME}"),  # what the environment gives is not expanded again
        ("${QUOTE}", 'a"]}: b'),  # nor can it change the file's structure
    ],
)
def test_variables_are_expanded_in_scalars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, value: str
) -> None:
    monkeypatch.setenv("NAME", "abc")
    monkeypatch.setenv("OTHER", "${NAME}")
    monkeypatch.setenv("QUOTE", 'a"]}: b')
    [key] = read(tmp_path, f"keys: [{{name: '{text}', key: {KEY}}}]").keys
    assert key.name == value


def test_variables_may_be_numbers_and_stand_in_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "4711")
    settings = read(tmp_path, "# ${NOT_SET}\nserver: {port: '${PORT}'}")
    assert settings.server.port == 4711


@pytest.mark.parametrize(
    ("text", "value"), [("1e3", 1000), ("1.5", 1.5), ("'2'", None), ("1000000000000000", 10**15)]
)
def test_numbers_are_numbers_however_they_are_written(
    tmp_path: Path, text: str, value: float | None
) -> None:
    whole = U + f"commit_after_s: {text}"
    if value is None:
        with pytest.raises(Exception, match="must be a number"):
            read(tmp_path, whole)
    else:
        assert read(tmp_path, whole).commit_after_s == value


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1", 1), ("1KiB", 1024), ("1 kb", 1000), ("1.5MiB", 3 << 19), ("2GiB", 2 << 30)],
)
def test_sizes(text: str, size: int) -> None:
    assert ByteSize.parse(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1 apple", "MiB", "1e3", "nan", None, True, 1.5])
def test_no_sizes(text: object) -> None:
    assert ByteSize.parse(text) is None


def test_narrower_deadlines_win(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "timeouts: {idle_s: 7, total_s: 9}\n"
        + U.replace("none}", "none, timeouts: {idle_s: 3}}")
        + "models: {m: {targets: [u/x], timeouts: {total_s: 2}}}",
    )
    assert settings.upstreams["u"].deadlines == Deadlines(5, 60, 3, 9)
    narrowed = settings.upstreams["u"].deadlines.narrowed(settings.routes["m"].timeouts)
    assert narrowed == Deadlines(5, 60, 3, 2)


def test_a_catalogue_row_may_be_overridden(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "providers: {openai: {api_key: sk-a, base_url: http://h/v1, headers: {x-a: b}, "
        "stream_usage: never, on_disconnect: drain, unsupported: drop, "
        "extensions: [cache_control], lacks: [user]}}",
    )
    upstream = settings.upstreams["openai"]
    assert upstream.base_url == "http://h/v1"
    assert upstream.headers == (("authorization", "Bearer sk-a"), ("x-a", "b"))
    assert (upstream.ask_usage, upstream.drain, upstream.drop_unsupported) == (False, True, True)
    assert upstream.host.extensions == {"cache_control"}
    # A host that refuses to be asked for usage is not asked in translated requests either.
    assert upstream.host.lacks == {"stream_options", "user"}


@pytest.mark.parametrize(
    ("mode", "text", "warned"),
    [
        (0o600, f"keys: [{{name: a, key: {KEY}}}]", False),
        (0o640, f"keys: [{{name: a, key: {KEY}}}]", True),
        (0o604, f"keys: [{{name: a, key: {KEY}}}]", True),
        (0o604, "keys: [{name: a, key: '${FROM_ENV}'}]", False),
        (0o604, f"keys: [{{name: a, key: '${{FROM_ENV}}'}}, {{name: b, key: {KEY}}}]", True),
        (0o604, "auth: none", False),  # `api_key: none` is no secret
    ],
)
def test_secrets_that_others_can_read_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, text: str, warned: bool
) -> None:
    monkeypatch.setenv("FROM_ENV", "sk-from-env-0123456789")
    path = tmp_path / "c.yaml"
    path.write_text(U + text)
    path.chmod(mode)
    assert any("others can read it" in line for line in load(path).warnings) == warned


def test_a_keys_model_that_is_nowhere_is_warned_of(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        U + "models: {smart: {targets: [u/x]}}\n"
        f"keys: [{{name: a, key: {KEY}, models: [smart, u/*, u/x, smrt]}}]",
    )
    [warning] = settings.warnings
    assert '"smrt"' in warning
    assert 'did you mean "smart"' in warning


@given(st.decimals(0, 10**15, places=12), st.decimals(0, 10**15, places=12))
def test_prices_reach_the_core_as_the_decimals_they_are(
    per_input: Decimal, per_output: Decimal
) -> None:
    texts = price_texts(ModelPrice(input=per_input, output=per_output), pytest.fail)
    assert set(texts) == {"input_mtok", "output_mtok"}
    for key, price in (("input_mtok", per_input), ("output_mtok", per_output)):
        assert Decimal(texts[key]) == price
        assert "e" not in texts[key].lower()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("example.com", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


def test_a_secret_prints_as_stars() -> None:
    secret = Secret("abc")
    assert (repr(secret), str(secret), f"{secret}") == ("***", "***", "***")
    assert secret == Secret("abc") != Secret("abd")
    assert secret.reveal() == "abc"


def test_marks_for_prompt_caches_are_off_unless_they_are_set(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """\
        providers:
          a: {dialect: anthropic, base_url: "http://127.0.0.1:9", api_key: none, prompt_cache: auto}
          b: {dialect: anthropic, base_url: "http://127.0.0.1:9", api_key: none}
        models:
          theirs: {targets: [a/x]}
          none: {targets: [a/x], prompt_cache: off}
          all: {targets: [b/x], prompt_cache: auto}
        """,
    )
    assert {name: each.prompt_cache for name, each in settings.upstreams.items()} == {
        "a": True,
        "b": False,
    }
    assert {name: each.prompt_cache for name, each in settings.routes.items()} == {
        "theirs": None,
        "none": False,
        "all": True,
    }
