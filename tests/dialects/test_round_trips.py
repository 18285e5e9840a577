"""Requests that come back as they were: through their own dialect, and through the other one."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .test_recorded_requests import encode, recorded

Json = dict[str, Any]

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
WORD = st.text("abcxyz_-019", min_size=1, max_size=8)
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
GIVEN = st.dictionaries(TEXT, NUMBER | TEXT | st.none() | st.lists(NUMBER, max_size=2), max_size=3)
URL = WORD.map("https://example.test/{}".format)
DATA = st.sampled_from(["AAAA", "JVBERi0x", "R0lGODlh"])
SHARE = st.floats(0, 1, allow_subnormal=False)


def parts(*kinds: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Json]]:
    return st.lists(st.one_of(*kinds), min_size=1, max_size=3)


def text(said: str) -> Json:
    return {"type": "text", "text": said}


@st.composite
def openai_requests(draw: st.DrawFn) -> Json:
    """A Chat Completions request, all of which Messages can say."""
    image = (URL | DATA.map("data:image/png;base64,{}".format)).map(
        lambda url: {"type": "image_url", "image_url": {"url": url}}
    )
    document = st.builds(
        lambda name, data: {
            "type": "file",
            "file": {"filename": name, "file_data": f"data:application/pdf;base64,{data}"},
        },
        WORD,
        DATA,
    )
    messages: list[Json] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXT)})
    tools = draw(st.lists(WORD, max_size=2, unique=True))
    for turn in range(draw(st.integers(1, 3))):
        content = draw(TEXT | parts(TEXT.map(text), image, document))
        messages.append({"role": "user", "content": content})
        ids = [f"call_{turn}_{at}" for at in range(draw(st.integers(0, 2)))] if tools else []
        said = draw(TEXT) if not ids else draw(st.none() | TEXT)
        messages.append({"role": "assistant", "content": said})
        if ids:
            calls = [(name, draw(st.sampled_from(tools)), draw(GIVEN)) for name in ids]
            messages[-1]["tool_calls"] = [
                {"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(g)}}
                for i, n, g in calls
            ]
            messages += [
                {"role": "tool", "tool_call_id": name, "content": draw(TEXT)} for name in ids
            ]
    messages.append({"role": "user", "content": draw(TEXT)})
    request = draw(
        st.fixed_dictionaries(
            {"max_completion_tokens": st.integers(1, 10**6)},
            optional={
                "temperature": SHARE,
                "top_p": SHARE,
                "stop": st.lists(TEXT, min_size=1, max_size=4),
                "user": WORD,
                "stream": st.just(True),
            },
        )
    )
    if tools:
        request["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": draw(TEXT),
                    "parameters": {
                        "type": "object",
                        "properties": {draw(WORD): {"type": "string"}},
                    },
                },
            }
            for name in tools
        ]
        named = {"type": "function", "function": {"name": tools[0]}}
        request["tool_choice"] = draw(st.sampled_from(["auto", "none", "required", named]))
    return {"model": "m", "messages": messages, **request}


@st.composite
def anthropic_requests(draw: st.DrawFn) -> Json:
    """A Messages request, all of which Chat Completions can say."""
    source = st.builds(lambda url: {"type": "url", "url": url}, URL) | st.builds(
        lambda data: {"type": "base64", "media_type": "image/png", "data": data}, DATA
    )
    image = source.map(lambda source: {"type": "image", "source": source})
    marked = st.builds(
        lambda said, ttl: {**text(said), "cache_control": {"type": "ephemeral", **ttl}},
        TEXT,
        st.sampled_from([{}, {"ttl": "1h"}]),
    )
    tools = draw(st.lists(WORD, max_size=2, unique=True))
    messages: list[Json] = []
    results: list[Json] = []
    for turn in range(draw(st.integers(1, 3))):
        spoken = draw(parts(TEXT.map(text), marked, image))
        messages.append({"role": "user", "content": [*results, *spoken]})
        ids = [f"toolu_{turn}_{at}" for at in range(draw(st.integers(0, 2)))] if tools else []
        thought = {"type": "thinking", "thinking": draw(TEXT), "signature": draw(WORD)}
        content: list[Json] = [thought] if draw(st.booleans()) else []
        content.append(text(draw(TEXT)))
        content += [
            {
                "type": "tool_use",
                "id": i,
                "name": draw(st.sampled_from(tools)),
                "input": draw(GIVEN),
            }
            for i in ids
        ]
        messages.append({"role": "assistant", "content": content})
        results = [
            {"type": "tool_result", "tool_use_id": i, "content": [text(draw(TEXT))]} for i in ids
        ]
    messages.append({"role": "user", "content": [*results, text(draw(TEXT))]})
    request = draw(
        st.fixed_dictionaries(
            {"max_tokens": st.integers(1, 10**6)},
            optional={
                "temperature": SHARE,
                "top_p": SHARE,
                "stop_sequences": st.lists(TEXT, min_size=1, max_size=4),
                "metadata": WORD.map(lambda user: {"user_id": user}),
                "system": parts(TEXT.map(text), marked),
                "stream": st.just(True),
            },
        )
    )
    if tools:
        request["tools"] = [
            {"name": name, "description": draw(TEXT), "input_schema": {"type": "object"}}
            for name in tools
        ]
        kinds = [{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": tools[0]}]
        request["tool_choice"] = draw(st.sampled_from(kinds))
    return {"model": "m", "messages": messages, **request}


BLOCKS: Final = {"content", "system"}


def canonical(value: Any, key: str = "") -> Any:
    """One of several spellings of the same: nulls are left out, texts stand in lists, arguments
    are JSON, and what only asks for a stream's usage says nothing of the request.
    """
    if isinstance(value, dict):
        skipped = {"stream_options"} if key == "" else set()
        return {
            name: canonical(item, name)
            for name, item in value.items()
            if item is not None and name not in skipped
        }
    if isinstance(value, list):
        return [canonical(item, "item") for item in value]
    if key in BLOCKS and isinstance(value, str):
        return [text(value)] if value else []
    if key == "stop" and isinstance(value, str):
        return [value]
    if key == "arguments" and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def openai_canonical(request: Json) -> Json:
    """The same for Chat Completions: its bound has two names, its instructions two roles, and
    those at the beginning are one message or several.
    """
    out: Json = canonical(request)
    if "max_tokens" in out:
        out["max_completion_tokens"] = out.pop("max_tokens")
    messages = out["messages"]
    for message in messages:
        if message["role"] == "developer":
            message["role"] = "system"
    while len(messages) > 1 and messages[0]["role"] == messages[1]["role"] == "system":
        messages[0]["content"] += messages.pop(1)["content"]
    return out


CANONICAL: Final[dict[str, Callable[[Json], Json]]] = {
    "openai": openai_canonical,
    "anthropic": canonical,
}
REQUESTS: Final = {"openai": openai_requests(), "anthropic": anthropic_requests()}
WAYS: Final = [
    ("openai", "openai"),
    ("anthropic", "anthropic"),
    ("openai", "anthropic"),
    ("anthropic", "openai"),
]


@pytest.mark.parametrize(("source", "through"), WAYS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_request_comes_back_as_it_was(source: str, through: str, data: st.DataObject) -> None:
    request = data.draw(REQUESTS[source])
    back = encode(through, source, encode(source, through, request))
    assert CANONICAL[source](back) == CANONICAL[source](request)


#: Where a recorded request comes back in another spelling, and why that says the same.
SPELLINGS: Final = {
    "anthropic": {
        ".messages[].content[].is_error": "false is the default",
        ".output_config": "the newer place of the format",
        ".output_format": "the older place of the format",
        ".stream": "false is the default",
        ".tools": "none is the default",
        ".tools[].type": "custom is the default",
    },
    "openai": {
        ".messages[].annotations": "none is the default",
        ".messages[].cache_control": "a mark on a message is one on its last part",
        ".messages[].content": "nothing is null or an empty list",
        ".messages[].content[].cache_control": "a mark on a message is one on its last part",
        ".messages[].content[].image_url": "hosts take the URL for the object",
        ".messages[].reasoning": "hosts have two words for a thought",
        ".messages[].reasoning_content": "hosts have two words for a thought",
        ".messages[].reasoning_details": "OpenRouter's form of `thinking_blocks`; other vendors' encrypted thoughts are lost",
        ".messages[].thinking_blocks": "LiteLLM's form of `reasoning_details`",
        ".messages[].tool_calls": "none is the default",
        ".messages[].tool_calls[].index": "the place in the list",
        ".model": "Azure has it in the path; the gateway always names one",
        ".reasoning.effort": "none is the same as not enabled",
        ".reasoning.enabled": "none is the same as not enabled",
        ".response_format.json_schema.name": "the vendor demands one",
        ".stream": "false is the default",
        ".thinking.type": "enabled is the default where a budget stands",
        ".tool_choice": "Mistral's word for required",
        ".tool_choice.type": "function is the default",
        ".tools": "none is the default",
        ".tools[].type": "function is the default",
    },
}


def differences(wanted: Any, given: Any, path: str = "") -> Iterator[str]:
    """Paths at which two values differ, without places in lists."""
    if isinstance(wanted, dict) and isinstance(given, dict):
        for name in wanted.keys() | given.keys():
            if name in wanted and name in given:
                yield from differences(wanted[name], given[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    elif isinstance(wanted, list) and isinstance(given, list) and len(wanted) == len(given):
        for one, other in zip(wanted, given, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif wanted != given:
        yield path


def test_recorded_requests_are_written_back_as_they_were(corpora: Path | None) -> None:
    if corpora is None:
        pytest.skip("no recorded traffic here: equality was NOT shown on it")
    total = 0
    respelt: Counter[tuple[str, str]] = Counter()
    changed: list[str] = []
    for record, dialect, request in recorded(corpora):
        total += 1
        back = CANONICAL[dialect](encode(dialect, dialect, request))
        for path in differences(CANONICAL[dialect](request), back):
            if path in SPELLINGS[dialect]:
                respelt[dialect, path] += 1
            else:
                changed.append(f"{record} {dialect}: {path}")
    print(f"\n{total} recorded requests written back; in another spelling:")
    for (dialect, path), count in respelt.most_common():
        print(f"  {count:4d}  {dialect} {path}: {SPELLINGS[dialect][path]}")
    assert changed == []
