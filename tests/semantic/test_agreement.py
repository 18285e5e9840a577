"""Whether two answers say the same."""

import pytest

from sluicegate.semantic.agreement import agree, cosine


@pytest.mark.parametrize(
    ("kept", "real", "expected"),
    [
        ("Paris.", "paris", True),
        ("The capital of France is Paris.", "The capital of France is  Paris!", True),
        (
            "You can reset your password on the settings page.",
            "On the settings page you can reset your password.",
            True,
        ),
        ("It costs 20 dollars.", "It costs 30 dollars.", False),
        ("You can return it.", "You can not return it.", False),
        ("The capital of France is Paris.", "Bananas grow in warm countries.", False),
        ("", "Paris", None),
        ("Paris", " \n", None),
        ("\U0001f44d", "\U0001f44e", False),
        ("-5", "5", False),
    ],
    ids=[
        "capitals",
        "spaces",
        "order",
        "a-number",
        "a-negation",
        "something-else",
        "nothing-kept",
        "nothing-real",
        "pictures",
        "a-sign",
    ],
)
def test_whether_answers_agree(kept: str, real: str, expected: bool | None) -> None:
    assert agree(kept, real) is expected
    assert agree(real, kept) is expected


def test_a_models_vectors_decide_where_it_has_some() -> None:
    one, other = "Go to the settings.", "The settings page is the place."
    near, far = b"\0\0\x80\x3f\0\0\0\0", b"\0\0\0\0\0\0\x80\x3f"
    assert agree(one, other, lambda _: near) is True
    assert agree(one, other, {one: near, other: far}.get) is False
    assert agree(one, one + " Now.", lambda _: None) is True, "n-grams stand in"


def test_how_near_vectors_lie() -> None:
    assert cosine(b"\0\0\x80\x3f\0\0\0\0", b"\0\0\0\x40\0\0\0\0") == pytest.approx(1)
    assert cosine(b"\0\0\0\0", b"\0\0\x80\x3f") == 0
