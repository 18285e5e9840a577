"""The body scan against `orjson`: the same bytes pass, and the same values are read."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

_core = pytest.importorskip("sluicegate._core")

# Numbers are passed on whatever their size; the scan looks at their form only.
TOO_LARGE_A_NUMBER = "number is infinity"


def judged(body: bytes) -> bool | None:
    """Whether `orjson` takes the body for an object; None where the scan is meant to say otherwise."""
    try:
        return isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError as error:
        return None if TOO_LARGE_A_NUMBER in str(error) else False


def refusal(body: bytes) -> str:
    """What the scan has against a body; nothing where it takes it."""
    try:
        _core.scan_body(body)
    except _core.InvalidBodyError as error:
        return str(error)
    return ""


def is_of_form(refusal: str) -> bool:
    """Whether a refusal is about the JSON and not about a key that stands twice or a field of a wrong type."""
    return refusal.startswith(("invalid JSON", "the body nests"))


def passes(body: bytes) -> bool:
    """Whether the scan takes it for JSON."""
    return not is_of_form(refusal(body))


def in_object(value: bytes) -> bytes:
    return b'{"x":' + value + b"}"


GOOD = [
    b"0", b"-0", b"1", b"-1.5", b"1e5", b"1E+5", b"1e-400", b"0e999999999999", b"123456789012345678901234567890",
    b"true", b"false", b"null", b"[]", b"{}", b"[ ]", b'""', rb'"\"\\\/\b\f\n\r\t"', rb'"\u0000\u00e9\uD83D\uDE00"',
    b'"\x7f"', "\"é\U0001f600\u2028\ufeff\"".encode(), b'{"a":1,"a":2}', b" \t\r\n1 \t\r\n",
]  # fmt: skip

BAD = [
    b"", b"-", b"+1", b"01", b"-01", b"1.", b".5", b"1e", b"1e+", b"0x1", b"NaN", b"Infinity", b"-Infinity", b"nul",
    b"True", b"[1,]", b"[,1]", b"[1 2]", b'{"a":1,}', b'{"a"}', b"{a:1}", b"{1:1}", b'"', b'"a', rb'"\x"', rb'"\u00e"',
    rb'"\ud800"', rb'"\udc00"', rb'"\ud800\u0041"', rb'"\ud800\ud800"', b'"\n"', b'"\x00"', b'"\x1f"', b"\x0b1",
    b"\xef\xbb\xbf1", b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b"1 // a",
]  # fmt: skip


@pytest.mark.parametrize("value", GOOD, ids=repr)
def test_good_values_pass(value: bytes) -> None:
    assert judged(in_object(value)) is True
    assert passes(in_object(value))


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_bad_values_do_not(value: bytes) -> None:
    assert judged(in_object(value)) is False
    assert not passes(in_object(value))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b"1",
        b'"a"',
        b"null",
        b"{}{}",
        b"{} x",
        b"{}\0",
        b"\xef\xbb\xbf{}",
        b"{",
    ],
    ids=repr,
)
def test_only_one_object_is_a_body(body: bytes) -> None:
    assert not judged(body)
    assert not passes(body)


@pytest.mark.parametrize(
    "number", [b"1e400", b"-1e400", b"9" * 400], ids=["exponent", "negative", "digits"]
)
def test_a_number_that_no_float_holds_passes_through(number: bytes) -> None:
    assert judged(in_object(number)) is None
    assert passes(in_object(number))


@pytest.mark.parametrize("key", ["Model", "MODEL", "Stream", "max_to\u212aens", "N", "Messages"])
def test_a_key_that_some_read_as_another_is_told(key: str) -> None:
    field = key.replace("\u212a", "k").lower()
    with pytest.raises(_core.InvalidBodyError, match=f"could be read as `{field}`"):
        _core.scan_body(orjson.dumps({"model": "m", key: "x"}))
    assert passes(orjson.dumps({"messages": [{key: "x"}], "Temperature": 1}))


def test_a_key_that_stands_twice_is_told() -> None:
    with pytest.raises(_core.InvalidBodyError, match="model"):
        _core.scan_body(rb'{"model":"a","mod\u0065l":"b"}')


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["array", "object"]
)
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    assert passes(in_object(opening * 127 + b"1" + closing * 127))
    for depth in (128, 100_000):
        with pytest.raises(_core.InvalidBodyError, match="128 levels"):
            _core.scan_body(in_object(opening * depth + b"1" + closing * depth))


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(json_values, st.booleans())
def test_what_orjson_writes_passes(value: Any, pretty: bool) -> None:
    body = orjson.dumps({"x": value}, option=orjson.OPT_INDENT_2 if pretty else None)
    assert passes(body)


@settings(max_examples=500)
@given(json_values, st.data())
def test_mutated_bodies_pass_where_orjson_lets_them(value: Any, data: st.DataObject) -> None:
    body = bytearray(orjson.dumps({"x": value}))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        byte = data.draw(
            st.sampled_from(b'{}[]",:\\/ubnrt019-+.eE \n\x00\x1f\x7f\x80\xc3\xed\xf0dDtfn')
        )
        length = data.draw(st.integers(0, 1))
        body[at : at + length] = bytes([byte])
    refused = refusal(bytes(body))
    expected = judged(bytes(body))
    if refused and not is_of_form(refused):
        return  # the first fault that is met is told: of what stands behind it nothing is said
    if expected is not None:
        assert (not refused) == expected, bytes(body)


@given(st.binary(max_size=60))
@example(b'{"x":"\xf0\x9f\x98"}')
def test_any_bytes_are_judged_alike(body: bytes) -> None:
    assert passes(body) == bool(judged(body))


@given(
    model=texts,
    user=texts,
    stream=st.booleans() | st.none(),
    tokens=st.integers(0, 10**15) | st.none(),
    rest=json_values,
)
def test_the_fields_are_those_that_orjson_reads(
    model: str, user: str, stream: bool | None, tokens: int | None, rest: Any
) -> None:
    body = orjson.dumps(
        {
            "x": rest,
            "model": model,
            "stream": stream,
            "user": user,
            "max_tokens": tokens,
        }
    )
    found = _core.scan_body(body)
    assert found["model"] == model
    assert found["user"] == user
    assert found["stream"] is bool(stream)
    assert found["max_tokens"] == tokens
