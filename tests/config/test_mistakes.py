"""Every mistake is told, with its place, and without any secret."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sluicegate.config import ConfigError, load
from sluicegate.config.base_url import wrong_with_url
from sluicegate.config.resolve import is_good_key

from .cases import BAD_URLS, KEY, MISTAKES, U


def told(folder: Path, text: str, name: str = "c.yaml") -> list[str]:
    """What is said of a configuration, without the file's name."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:").strip() for line in lines]


@pytest.mark.parametrize("case", MISTAKES)
def test_every_mistake_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("LINE", "sk-0123456789abcdef\n")
    text, says = MISTAKES[case]
    got = told(tmp_path, text)
    assert len(got) == len(says), got
    for line, part in zip(got, says, strict=True):
        assert line.startswith(part)


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_base_url_that_cannot_be_used_is_refused(tmp_path: Path, url: str) -> None:
    assert wrong_with_url(url)
    [line] = told(tmp_path, U.replace("http://127.0.0.1:9/v1", url))
    assert line.startswith("1: providers.u.base_url: ")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("c.yaml", "a: [1\nb: 2\n", 2),
        ("c.yaml", "a: 'open\n", 2),
        ("c.yaml", "a: *nowhere\n", 1),
        ("c.toml", "a = 1\nb = = 2\n", 2),
    ],
)
def test_what_is_no_yaml_or_toml_names_the_line(
    tmp_path: Path, name: str, text: str, line: int
) -> None:
    [message] = told(tmp_path, text, name)
    assert message.startswith(f"{line}: not {'TOML' if name.endswith('toml') else 'YAML'}: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: " + "[" * 40 + "]" * 40, "nests more than 32 levels deep"),
        ("a: " + "[" * 5000, "nests more than 32 levels deep"),
        ("a: &a [*a, *a]", "has more than 200000 values"),
        (
            "a0: &a0 [x]\n"
            + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)),
            "has more than 200000 values",
        ),
        ("\n\na: \x00", "3: not YAML: the character U+0000 is not allowed"),
        ("providers:\n  openai: {api_key: ${KEY}}", '; write "${KEY}", in quotes'),
    ],
    ids=["deep", "deeper", "cycle", "aliases that multiply", "a zero", "a bare variable"],
)
def test_hostile_files_end_soon(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in line for line in told(tmp_path, text))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read: "):
            load(path)
    binary = tmp_path / "b.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read: not UTF-8"):
        load(binary)


def test_toml_names_the_line_of_a_table_that_only_a_longer_header_names(tmp_path: Path) -> None:
    [message] = told(tmp_path, '[server]\n[modles.a]\ntargets = ["u/x"]', "c.toml")
    assert message.startswith("2: modles: ")


def test_toml_names_the_line_of_the_right_key(tmp_path: Path) -> None:
    got = told(
        tmp_path,
        """\
[providers.u]
dialect = "openai"
base_url = "http://h"
api_key = "none"
[[keys]]
name = "a"
key = "sk-test-0123456789ab"
[[keys]]
name = "b"
key = "short"
when = 2026-01-01
[timeouts]
idle_s = "soon"
[models."a.b"]
targets = ["v/x"]
""",
        "c.toml",
    )
    assert got == [
        "10: keys[1].key: must have 16 or more printable characters",
        "11: keys[1].when: is not a known field",
        '13: timeouts.idle_s: must be a number, not "soon"',
        '15: models.a.b.targets[0]: no provider "v" is configured',
    ]


SECRET = "sk-canary-3141592653"
#: where a secret ends up by mistake
MISPLACED = [
    "providers: {openai: %s}",
    "providers: %s",
    "providers: {openai: {api_key: [%s]}}",
    "providers: {openai: {api_key: {value: %s}}}",
    "providers: {openai: {api_key: ok, timeouts: %s}}",
    "providers: {openai: {api_key: ok, responses: %s}}",
    "keys: [%s]",
    "keys: %s",
    "keys: [{name: a, key: %s, rpm: %s}]",
    "admin_key: [%s]",
    "auth: %s",
    "server: {port: %s, max_body_bytes: %s}",
    "prices: {u/x: {input: %s, output: 1}}",
    "keys: [{name: a, key: %s\n",
    "keys: [{name: a, key: '%s\n",
    "keys: [{name: a, key: @%s}]\n",
]


@pytest.mark.parametrize("text", MISPLACED)
@pytest.mark.parametrize("source", ["inline", "environment"])
def test_no_message_repeats_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, source: str
) -> None:
    monkeypatch.setenv("CANARY", SECRET)
    inline = text.replace("%s", SECRET if source == "inline" else '"${CANARY}"')
    for line in told(tmp_path, inline):
        assert SECRET not in line


def test_settings_print_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        f"providers: {{openai: {{api_key: {SECRET}}}}}\nkeys: [{{name: a, key: {KEY}}}]"
    )
    assert KEY not in repr(load(path))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.binary(max_size=4),
    st.text(max_size=8),
    st.sampled_from(["${", "${HOME}", "${X Y}", "$${", "none", "1e3", "0x1f", "1:30", "~"]),
)
FIELDS = """
    server data_dir store shared_state admin_key auth providers models prices cache timeouts keys
    commit_after_s default_max_output_tokens max_event_bytes name key targets model weight input
    output openai u local/* dialect base_url api_key headers enabled exact x
"""
sections = st.sampled_from(FIELDS.split())
trees = st.recursive(
    scalars,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(sections, below, max_size=5)
    ),
    max_leaves=25,
)


@given(st.dictionaries(sections, trees, max_size=8))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_tree_loads_or_is_refused_in_words(tmp_path: Path, tree: dict[str, object]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    try:
        load(path)
    except ConfigError as error:
        said = str(error)
    else:
        said = "ok"
    assert said


@given(st.text(max_size=60), st.sampled_from(["c.yaml", "c.toml"]))
@example("a: !!int x", "c.yaml")
@example("? {a: b}\n: c", "c.yaml")
@example("<<: 3", "c.yaml")
@example("a: !!binary x", "c.yaml")
@example("--- a\n--- b", "c.yaml")
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_loads_or_is_refused_in_words(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        load(path)
    except ConfigError as error:
        said = str(error)
    else:
        said = "ok"
    assert said


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a" * 15, False),
        ("a" * 16, True),
        ("sk sluice gate 12", True),
        ("a" * 15 + "\n", False),
        ("a" * 15 + "é", False),
    ],
)
def test_a_key_is_16_printable_characters(text: str, good: bool) -> None:
    assert is_good_key(text) == good
